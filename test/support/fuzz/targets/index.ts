import type { FuzzTarget } from '../target.ts';
import { codec } from './codec.ts';
import { docstore } from './docstore.ts';
import { faissBinary } from './faiss-binary.ts';
import { faissFloat } from './faiss-float.ts';
import { jsonl } from './jsonl.ts';
import { npy } from './npy.ts';
import { tokenizer } from './tokenizer.ts';

export const targets: readonly FuzzTarget[] = [
  faissBinary,
  faissFloat,
  npy,
  jsonl,
  codec,
  tokenizer,
  docstore,
];
