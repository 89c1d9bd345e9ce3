import { Tokenizer } from '@huggingface/tokenizers';
import { expect, test } from 'vitest';
import {
  tokenizerConfig,
  tokenizerJson,
  trainWordPiece,
} from '../../packages/core/src/train/tokenizer/wordpiece.ts';

const texts = [
  'low low low low low',
  'lower lower',
  'newest '.repeat(6),
  'widest '.repeat(3),
  'Örtlich, örtlich',
];

function tokensOf(vocabulary: readonly string[], text: string): string[] {
  const tokenizer = new Tokenizer(tokenizerJson(vocabulary), tokenizerConfig(64));
  return tokenizer.encode(text).tokens;
}

test('the most frequent neighbours are merged first, ties in order of code units', () => {
  // The example of Sennrich et al.: es and est occur 9 times, lo and ow 7 times.
  const small = trainWordPiece(texts, 30);
  const merges = small.filter((token) => token.replace('##', '').length > 1 && !token.startsWith('['));
  expect(merges.slice(0, 4)).toEqual(['##es', '##est', '##ow', 'low']);
  expect(small.slice(0, 5)).toEqual(['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]']);
  expect(small).toHaveLength(30);
});

test('the library reads what was trained: words, pieces, unknown characters, BERT normalization', () => {
  const vocabulary = trainWordPiece(texts, 200);
  expect(tokensOf(vocabulary, 'Lower NEWEST')).toEqual(['lower', 'newest']);
  expect(tokensOf(vocabulary, 'lowest')).toEqual(['low', '##est']);
  expect(tokensOf(vocabulary, 'ortlich')).toEqual(['ortlich']);
  expect(tokensOf(vocabulary, 'low ☂')).toEqual(['low', '[UNK]']);
});

test('the same texts in another order give the same vocabulary, and few texts a small one', () => {
  expect(trainWordPiece([...texts].reverse(), 60)).toEqual(trainWordPiece(texts, 60));
  const all = trainWordPiece(texts, 10_000);
  expect(all.length).toBeLessThan(100);
  expect(new Set(all).size).toBe(all.length);
  expect(trainWordPiece([], 100)).toHaveLength(5);
});

test('a character that is as long as two code units is one', () => {
  const vocabulary = trainWordPiece(['𝒳𝒴 𝒳𝒴 𝒳𝒴'], 100);
  expect(vocabulary).toContain('𝒳𝒴');
  expect(tokensOf(vocabulary, '𝒳𝒴')).toEqual(['𝒳𝒴']);
});
