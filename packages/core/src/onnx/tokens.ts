import { readFileSync } from 'node:fs';
import { Tokenizer } from '@huggingface/tokenizers';
import { Charsmap } from './charsmap.ts';
import { invalid } from './model/invalid.ts';
import { parseJson } from './model/json-file.ts';
import type { ModelFolder } from './model/model-folder.ts';
import { casedNormalizer, type Normalizer } from './normalizer.ts';
import { type Side, sideOf } from './sides.ts';

/** What tokenizer.json says that its library leaves to the caller. */
interface TokenizerJson {
  readonly truncation?: { readonly direction?: unknown } | null;
  readonly padding?: { readonly direction?: unknown; readonly pad_id?: unknown } | null;
  readonly normalizer?: Normalizer;
  readonly model?: { readonly unk_token?: unknown };
}

type Config = Readonly<Record<string, unknown>>;

export type TokensFolder = Pick<
  ModelFolder,
  'tokenizerPath' | 'tokenizerConfig' | 'config' | 'maxLength' | 'lowerCase'
>;

/** The model's tokenizer with truncation that keeps the special tokens at both ends. */
export class Tokens {
  readonly padId: number;
  readonly paddingSide: Side;
  /** The token of unknown words, where the tokenizer has one. */
  readonly unknownId: number | undefined;
  readonly #truncationSide: Side;
  readonly #path: string;
  readonly #tokenizer: Tokenizer;
  readonly #maxLength: number;
  readonly #lowerCase: boolean;
  /** Special tokens before and behind a text. */
  readonly #prefix: number;
  readonly #suffix: number;

  constructor(folder: TokensFolder) {
    const { tokenizerPath, tokenizerConfig: config } = folder;
    this.#path = tokenizerPath;
    const json = readTokenizer(tokenizerPath, config);
    try {
      this.#tokenizer = new Tokenizer(json, config);
      applyCharsmaps(this.#tokenizer.normalizer);
    } catch (cause) {
      throw unreadable(tokenizerPath, cause);
    }
    this.paddingSide = sideOf('padding_side', config['padding_side'], json.padding?.direction);
    this.#truncationSide = sideOf('truncation_side', config['truncation_side'], json.truncation?.direction);
    this.padId =
      this.#tokenId(config['pad_token']) ?? numberIn(json.padding?.pad_id, folder.config['pad_token_id']);
    this.unknownId = this.#tokenId(json.model?.unk_token);
    this.#maxLength = folder.maxLength;
    this.#lowerCase = folder.lowerCase;
    const bare = this.#ids('a', false);
    const full = this.#ids('a', true);
    this.#suffix = full.length - (full.lastIndexOf(bare.at(-1) ?? -1) + 1);
    this.#prefix = Math.max(0, full.length - bare.length - this.#suffix);
    if (this.#maxLength < this.#prefix + this.#suffix) {
      throw invalid(
        `its tokenizer puts ${this.#prefix + this.#suffix} special tokens around a text, more than the ` +
          `longest input, ${this.#maxLength}; give a larger maxLength`,
      );
    }
  }

  /** Token ids of a text, at least one: a text without any is a padding token. */
  encode(text: string): number[] {
    const ids = this.#ids(text, true);
    if (ids.length === 0) return [this.padId];
    const excess = ids.length - this.#maxLength;
    if (excess <= 0) return ids;
    const cut = this.#truncationSide === 'left' ? this.#prefix : ids.length - this.#suffix - excess;
    return [...ids.slice(0, cut), ...ids.slice(cut + excess)];
  }

  /** Token ids of a text without special tokens, cut at its end; maybe none. */
  encodePlain(text: string): number[] {
    return this.#ids(text, false);
  }

  /** Tokens that a prompt puts in front of a text, the opening special ones included. */
  promptLength(prompt: string): number {
    return prompt === '' ? 0 : this.#ids(prompt, true).length - this.#suffix;
  }

  /** What the library gives is checked: from a damaged tokenizer.json come ids that are no numbers. */
  #ids(text: string, special: boolean): number[] {
    let ids: number[];
    try {
      ids = this.#tokenizer.encode(this.#cased(text), { add_special_tokens: special }).ids;
    } catch (cause) {
      throw unreadable(this.#path, cause);
    }
    for (const id of ids)
      if (!(Number.isSafeInteger(id) && id >= 0))
        throw unreadable(this.#path, new Error(`a token has the id ${id}`));
    return ids;
  }

  #cased(text: string): string {
    return this.#lowerCase ? text.toLowerCase() : text;
  }

  #tokenId(token: unknown): number | undefined {
    const text =
      typeof token === 'object' && token !== null ? (token as { content?: unknown }).content : token;
    return typeof text === 'string' ? this.#tokenizer.token_to_id(text) : undefined;
  }
}

function readTokenizer(path: string, config: Config): TokenizerJson {
  let json: unknown;
  try {
    json = parseJson(readFileSync(path, 'utf8'), path);
  } catch (cause) {
    throw unreadable(path, cause);
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw unreadable(path, new Error('it is not a JSON object'));
  const read = json as TokenizerJson;
  return { ...read, normalizer: casedNormalizer(read.normalizer, config) };
}

function numberIn(...values: readonly unknown[]): number {
  return values.find((value): value is number => Number.isInteger(value) && (value as number) >= 0) ?? 0;
}

function unreadable(path: string, cause: unknown): Error {
  return invalid(`${path} is not a tokenizer that can be read (${(cause as Error).message})`, cause);
}

/** The library approximates the character maps of SentencePiece models (zero-width joiners become spaces). */
function applyCharsmaps(normalizer: unknown): void {
  const { normalizers = [], charsmap } = (normalizer ?? {}) as {
    normalizers?: readonly unknown[];
    charsmap?: unknown;
  };
  for (const part of normalizers) applyCharsmaps(part);
  if (typeof charsmap !== 'string') return;
  const map = new Charsmap(charsmap);
  (normalizer as { normalize: (text: string) => string }).normalize = (text) => map.normalize(text);
}
