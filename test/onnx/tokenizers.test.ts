import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PreTrainedTokenizer } from '@huggingface/transformers';
import { describe, expect, test } from 'vitest';
import { Tokens } from '../../packages/core/src/onnx/tokens.ts';
import { temporaryFolder } from '../support/files.ts';

const path = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/tokenizers/${name}.json`, import.meta.url));
const json = (name: string): unknown => JSON.parse(readFileSync(path(name), 'utf8'));
const texts = json('texts') as string[];
const ids = json('ids') as Record<string, number[][]>;

/** Fixtures are small tokenizers of each kind; ids.json is what Hugging Face's library in Rust makes of the texts. */
describe.each(Object.keys(ids))('the tokenizer of the kind %s', (name) => {
  const tokens = new Tokens({
    tokenizerPath: path(name),
    tokenizerConfig: {},
    config: {},
    maxLength: 512,
    lowerCase: false,
  });
  const other = new PreTrainedTokenizer(json(name) as object, {});
  test.each(texts.map((text, i) => [text, i] as const))('%j', (text, i) => {
    expect(tokens.encode(text)).toEqual(ids[name][i]);
    // transformers.js approximates the character map of a SentencePiece model.
    if (name !== 'sentencepiece') expect(tokens.encode(text)).toEqual(other.encode(text));
  });
});

test('a character map that is cut off is refused', () => {
  const made = json('sentencepiece') as { normalizer: { normalizers: { precompiled_charsmap?: string }[] } };
  made.normalizer.normalizers[0].precompiled_charsmap = 'AAAA/w==';
  const file = join(temporaryFolder(), 'tokenizer.json');
  writeFileSync(file, JSON.stringify(made));
  const open = (): Tokens =>
    new Tokens({ tokenizerPath: file, tokenizerConfig: {}, config: {}, maxLength: 512, lowerCase: false });
  expect(open).toThrow(/precompiled_charsmap of 4 bytes has no trie/);
});
