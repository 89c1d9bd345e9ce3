import { readFileSync } from 'node:fs';

import { Tokens } from '../../../../packages/core/src/onnx/tokens.ts';

import { expectAnswer, type FuzzTarget } from '../target.ts';

const TINY = new URL('../../../fixtures/tiny-model/tokenizer.json', import.meta.url);
const TEXTS = [
  '',
  'a cat',
  'Stille Nacht — 夜 and much more of it, of words that nobody knows',
  '\ud800 \0 [MASK]',
];
const MAX_LENGTH = 12;

/** A small byte-pair tokenizer, as tokenizers writes it. */
const BPE = {
  version: '1.0',
  added_tokens: [
    {
      id: 0,
      content: '<s>',
      special: true,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
    },
  ],
  normalizer: { type: 'NFKC' },
  pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
  post_processor: {
    type: 'TemplateProcessing',
    single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
    pair: [],
    special_tokens: { '<s>': { id: '<s>', ids: [0], tokens: ['<s>'] } },
  },
  decoder: { type: 'ByteLevel' },
  model: {
    type: 'BPE',
    unk_token: null,
    vocab: Object.fromEntries(
      ['<s>', ...'abcdefghijklmnopqrstuvwxyz', 'Ġ', 'at', 'cat', 'Ġcat'].map((token, id) => [token, id]),
    ),
    merges: [
      ['a', 't'],
      ['c', 'at'],
      ['Ġ', 'cat'],
    ],
  },
};

/** tokenizer.json: whatever it says, token ids are whole numbers, and no more than the model takes. */
export const tokenizer: FuzzTarget = {
  name: 'tokenizer',
  text: true,
  file: 'tokenizer.json',
  async seeds() {
    return [readFileSync(TINY), Buffer.from(JSON.stringify(BPE))];
  },
  async read(path) {
    const folder = {
      tokenizerPath: path,
      tokenizerConfig: {},
      config: {},
      maxLength: MAX_LENGTH,
      lowerCase: false,
    };
    const tokens = new Tokens(folder);
    for (const text of TEXTS) {
      const ids = tokens.encode(text);
      expectAnswer(ids.length >= 1 && ids.length <= MAX_LENGTH, `${ids.length} tokens`);
      for (const id of [...ids, ...tokens.encodePlain(text), tokens.promptLength(text)])
        expectAnswer(Number.isSafeInteger(id), `the token ${id} of ${JSON.stringify(text)}`);
      expectAnswer(`${new Tokens(folder).encode(text)}` === `${ids}`, 'other tokens the second time');
    }
  },
};
