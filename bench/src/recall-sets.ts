import { openVectors, readBeir, readTextRecords } from '@nestbit/core';
import { Encoder } from '@nestbit/core/onnx';
import { sharedPath } from './shared-texts.ts';

export interface RecallSet {
  readonly name: string;
  readonly dimensions: number;
  /** rows × dimensions */
  readonly docs: Float32Array;
  readonly queries: Float32Array;
}

/** The sets of the shared data that recall is measured on; `wanted` names some of them. */
export async function recallSets(wanted?: readonly string[]): Promise<RecallSet[]> {
  const sets: RecallSet[] = [];
  const takes = (name: string): boolean => wanted === undefined || wanted.includes(name);
  const encoder = await Encoder.open(sharedPath('models/static-mrl-en-384-b'));
  const { dimensions } = encoder;
  const add = async (name: string, docs: string[], queries: string[]): Promise<void> => {
    sets.push({
      name,
      dimensions,
      docs: await encoder.encode(docs),
      queries: await encoder.encode(queries),
    });
  };
  for (const name of ['scifact', 'npl'].filter(takes)) {
    const set = await readBeir(sharedPath(`datasets/${name}`));
    const docs: string[] = [];
    for await (const { text } of set.corpus()) docs.push(text);
    await add(
      name,
      docs,
      set.queries.map(({ text }) => text),
    );
  }
  if (takes('medquad')) {
    const texts: string[] = [];
    for await (const { text } of readTextRecords(sharedPath('texts/medquad_passages.jsonl.gz')))
      texts.push(text);
    // Half of the passages, for the time; 300 of the others are the queries.
    const queries = texts.filter((_, row) => row % 530 === 1).slice(0, 300);
    await add(
      'medquad',
      texts.filter((_, row) => row % 2 === 0),
      queries,
    );
  }
  await encoder.close();
  if (takes('bge-m3')) sets.push(await novels());
  return sets;
}

/** Every tenth sentence is a query. */
async function novels(): Promise<RecallSet> {
  const file = await openVectors(sharedPath('embeddings/bge-m3-novels/vectors.npy'));
  const { dimensions } = file;
  const docs: number[] = [];
  const queries: number[] = [];
  let row = 0;
  for await (const { vectors } of file.batches())
    for (let at = 0; at < vectors.length; at += dimensions)
      (row++ % 10 === 5 ? queries : docs).push(...vectors.subarray(at, at + dimensions));
  await file.close();
  return { name: 'bge-m3', dimensions, docs: Float32Array.from(docs), queries: Float32Array.from(queries) };
}
