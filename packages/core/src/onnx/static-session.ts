import { Finish } from './finish.ts';
import { invalid } from './model/invalid.ts';
import type { Prompt } from './prompts.ts';
import type { Session, SessionOptions, StaticTable } from './session.ts';
import { Tokens } from './tokens.ts';

/** Texts between two questions whether to stop. */
const BATCH = 64;

/**
 * A static model: a text is the mean of its tokens' rows, each times its weight. As sentence-transformers'
 * StaticEmbedding and model2vec have it, special tokens are left out, and as model2vec has it unknown words too.
 */
export class StaticSession implements Session {
  readonly dimensions: number;
  readonly #tokens: Tokens;
  readonly #table: StaticTable;
  readonly #finish: Finish;
  readonly #maxLength: number;
  /** A token that does not count, -1 where all do. */
  readonly #ignored: number;

  constructor({ folder, normalize }: SessionOptions, table: StaticTable) {
    const { pooling } = folder;
    if (pooling !== undefined && (pooling === 'output' || pooling.join() !== 'mean'))
      throw invalid(`a static model pools by the mean, not by ${String(pooling)}`);
    this.#finish = new Finish(folder, table.width, normalize);
    this.dimensions = this.#finish.dimensions;
    this.#table = table;
    this.#maxLength = folder.maxLength;
    this.#tokens = new Tokens(folder);
    const isModel2vec = folder.config['model_type'] === 'model2vec';
    this.#ignored = isModel2vec ? (this.#tokens.unknownId ?? -1) : -1;
  }

  async encode(
    texts: readonly string[],
    prompt: Prompt,
    stopped: () => boolean = () => false,
  ): Promise<Float32Array<ArrayBuffer> | undefined> {
    const out = new Float32Array(texts.length * this.dimensions);
    for (const [row, text] of texts.entries()) {
      if (row % BATCH === 0) {
        // Messages, such as a cancellation, come in between.
        await new Promise(setImmediate);
        if (stopped()) return undefined;
      }
      out.set(this.#finish.run(this.#mean(this.#idsOf(prompt.text + text))), row * this.dimensions);
    }
    return out;
  }

  async close(): Promise<void> {}

  #idsOf(text: string): readonly number[] {
    const ids = this.#tokens.encodePlain(text).filter((id) => id !== this.#ignored);
    return ids.slice(0, this.#maxLength);
  }

  #mean(ids: readonly number[]): Float32Array {
    const { rows, width, weights, mapping } = this.#table;
    const sums = new Float64Array(width);
    for (const id of ids) {
      const row = mapping === undefined ? id : mapping[id];
      if (!(row >= 0 && row < rows.length / width))
        throw invalid(`its tokenizer gives token ${id}, and its table has no row for it`);
      const weight = weights?.[id] ?? 1;
      for (let i = 0; i < width; i++) sums[i] += weight * rows[row * width + i];
    }
    return Float32Array.from(sums, (sum) => sum / Math.max(1, ids.length));
  }
}
