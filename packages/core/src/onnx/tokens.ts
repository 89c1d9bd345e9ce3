import { readFileSync } from 'node:fs';
import { Tokenizer } from '@huggingface/tokenizers';
import { invalid, type ModelFolder } from './model-folder.ts';

/** The model's tokenizer with truncation that keeps the special tokens at both ends. */
export class Tokens {
  readonly padId: number;
  readonly #tokenizer: Tokenizer;
  readonly #maxLength: number;
  /** Special tokens behind a text. */
  readonly #suffix: number;

  constructor(folder: ModelFolder) {
    const config = folder.tokenizerConfig;
    try {
      this.#tokenizer = new Tokenizer(JSON.parse(readFileSync(folder.tokenizerPath, 'utf8')), config);
    } catch (cause) {
      throw invalid(
        `${folder.tokenizerPath} is no tokenizer that can be read (${(cause as Error).message})`,
        cause,
      );
    }
    const pad = config['pad_token'] as string | { content: string } | undefined;
    const padText = typeof pad === 'object' ? pad?.content : pad;
    this.padId = (padText === undefined ? undefined : this.#tokenizer.token_to_id(padText)) ?? 0;
    this.#maxLength = folder.maxLength;
    const bare = this.#tokenizer.encode('a', { add_special_tokens: false }).ids;
    const full = this.#tokenizer.encode('a').ids;
    this.#suffix = full.length - (full.lastIndexOf(bare.at(-1) ?? -1) + 1);
  }

  /** Token ids of a text. */
  encode(text: string): number[] {
    const { ids } = this.#tokenizer.encode(text);
    if (ids.length <= this.#maxLength) return ids;
    return [...ids.slice(0, this.#maxLength - this.#suffix), ...ids.slice(ids.length - this.#suffix)];
  }

  /** Tokens that a prompt puts in front of a text, the opening special ones included. */
  promptLength(prompt: string): number {
    return prompt === '' ? 0 : this.#tokenizer.encode(prompt).ids.length - this.#suffix;
  }
}
