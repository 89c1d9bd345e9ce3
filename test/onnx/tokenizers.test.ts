import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { PreTrainedTokenizer } from '@huggingface/transformers';
import { describe, expect, test } from 'vitest';
import { Tokens } from '../../packages/core/src/onnx/tokens.ts';

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
    expect(tokens.encode(text)).toEqual(other.encode(text));
  });
});
