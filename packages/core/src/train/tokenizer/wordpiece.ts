import { Tokenizer } from '@huggingface/tokenizers';
import { LEAST_COUNT, Merges } from './merges.ts';

const SPECIAL = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];
/** Words longer than this are one unknown token, as BERT has it. */
const LONGEST_WORD = 100;

/**
 * Trains a WordPiece vocabulary: from single characters on, the most frequent neighbours are merged, as the trainers
 * of BERT and of Hugging Face's tokenizers do (Sennrich et al. 2016, arXiv:1508.07909). Ties go to the pair that comes
 * first in order of code units, so the same texts give the same vocabulary. Normalization is BERT's, uncased. No
 * package of npm has a trainer that can be called.
 *
 * @param size tokens in all, the five special ones included; fewer where the texts have fewer
 */
export function trainWordPiece(texts: Iterable<string>, size: number): string[] {
  const words = countWords(texts);
  const characters = new Map<string, number>();
  for (const [word, count] of words) {
    [...word].forEach((character, i) => {
      const piece = i === 0 ? character : `##${character}`;
      characters.set(piece, (characters.get(piece) ?? 0) + count);
    });
  }
  const alphabet = [...characters]
    .filter(([, count]) => count >= LEAST_COUNT)
    .sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
    .slice(0, Math.max(0, size - SPECIAL.length))
    .map(([piece]) => piece)
    .sort();
  const merges = new Merges(words, alphabet);
  const vocabulary = new Set([...SPECIAL, ...alphabet]);
  while (vocabulary.size < size) {
    const merged = merges.next();
    if (merged === undefined) break;
    vocabulary.add(merged);
  }
  return [...vocabulary];
}

/** tokenizer.json of a vocabulary, as BERT's uncased one but without special tokens around a text. */
export function tokenizerJson(vocabulary: readonly string[]): Record<string, unknown> {
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: SPECIAL.map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: null,
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: LONGEST_WORD,
      vocab: Object.fromEntries(vocabulary.map((token, id) => [token, id])),
    },
  };
}

/** tokenizer_config.json to go with it. */
export function tokenizerConfig(maxLength: number): Record<string, unknown> {
  return {
    tokenizer_class: 'BertTokenizer',
    do_lower_case: true,
    model_max_length: maxLength,
    unk_token: '[UNK]',
    pad_token: '[PAD]',
    cls_token: '[CLS]',
    sep_token: '[SEP]',
    mask_token: '[MASK]',
  };
}

function countWords(texts: Iterable<string>): Map<string, number> {
  const tokenizer = new Tokenizer(tokenizerJson(SPECIAL), tokenizerConfig(512));
  const words = new Map<string, number>();
  for (const text of texts) {
    const normalized = tokenizer.normalizer?.(text) ?? text;
    for (const word of tokenizer.pre_tokenizer?.(normalized) ?? []) {
      if (word.length <= LONGEST_WORD) words.set(word, (words.get(word) ?? 0) + 1);
    }
  }
  return words;
}
