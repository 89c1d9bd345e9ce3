import { readFileSync } from 'node:fs';
import { Tokenizer } from '@huggingface/tokenizers';
import { invalid, type ModelFolder } from './model-folder.ts';
import { type Side, sideOf } from './sides.ts';

/** What tokenizer.json says of the work that its library leaves to the caller. */
interface TokenizerJson {
  readonly truncation?: { readonly direction?: unknown } | null;
  readonly padding?: { readonly direction?: unknown } | null;
}

/** The model's tokenizer with truncation that keeps the special tokens at both ends. */
export class Tokens {
  readonly padId: number;
  readonly paddingSide: Side;
  readonly #truncationSide: Side;
  readonly #tokenizer: Tokenizer;
  readonly #maxLength: number;
  /** Special tokens before and behind a text. */
  readonly #prefix: number;
  readonly #suffix: number;

  constructor(folder: Pick<ModelFolder, 'tokenizerPath' | 'tokenizerConfig' | 'maxLength'>) {
    const config = folder.tokenizerConfig;
    let json: TokenizerJson;
    try {
      json = JSON.parse(readFileSync(folder.tokenizerPath, 'utf8'));
      this.#tokenizer = new Tokenizer(json, config);
    } catch (cause) {
      throw invalid(
        `${folder.tokenizerPath} is no tokenizer that can be read (${(cause as Error).message})`,
        cause,
      );
    }
    this.paddingSide = sideOf('padding_side', config['padding_side'], json.padding?.direction);
    this.#truncationSide = sideOf('truncation_side', config['truncation_side'], json.truncation?.direction);
    const pad = config['pad_token'] as string | { content: string } | undefined;
    const padText = typeof pad === 'object' ? pad?.content : pad;
    this.padId = (padText === undefined ? undefined : this.#tokenizer.token_to_id(padText)) ?? 0;
    this.#maxLength = folder.maxLength;
    const bare = this.#tokenizer.encode('a', { add_special_tokens: false }).ids;
    const full = this.#tokenizer.encode('a').ids;
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
    const { ids } = this.#tokenizer.encode(text);
    if (ids.length === 0) return [this.padId];
    const excess = ids.length - this.#maxLength;
    if (excess <= 0) return ids;
    const cut = this.#truncationSide === 'left' ? this.#prefix : ids.length - this.#suffix - excess;
    return [...ids.slice(0, cut), ...ids.slice(cut + excess)];
  }

  /** Tokens that a prompt puts in front of a text, the opening special ones included. */
  promptLength(prompt: string): number {
    return prompt === '' ? 0 : this.#tokenizer.encode(prompt).ids.length - this.#suffix;
  }
}
