import { badVector } from '../codec/truncate.ts';
import { Kernels } from '../kernels/kernels.ts';

/** The exact hits of one query, best first: every row that scores at least as high as the k-th. */
export interface ExactHits {
  /** Row numbers; more than k where rows tie with the k-th. */
  readonly rows: Float64Array;
  /** Cosine similarity, float32 arithmetic; the same length. */
  readonly scores: Float32Array;
}

const BLOCK_BYTES = 131_072;

/**
 * Exact cosine search over rows that stream by once, in memory bounded by the queries and k. The truth that
 * recall is measured against: full width, float32.
 */
export class ExactSearch {
  readonly #kernels = new Kernels();
  readonly #width: number;
  readonly #padded: number;
  readonly #count: number;
  readonly #blockRows: number;
  readonly #queries: number;
  readonly #x: number;
  readonly #out: number;
  readonly #best: BestRows[];

  /** @param queries rows × dimensions, any length, none zero */
  constructor(queries: Float32Array, dimensions: number, k: number) {
    this.#width = dimensions;
    this.#padded = Math.ceil(dimensions / 8) * 8;
    this.#count = queries.length / dimensions;
    this.#blockRows = Math.max(1, Math.floor(BLOCK_BYTES / (this.#padded * 4)));
    this.#queries = this.#kernels.reserve(this.#count * this.#padded * 4);
    this.#x = this.#kernels.reserve(this.#blockRows * this.#padded * 4);
    this.#out = this.#kernels.reserve(this.#blockRows * this.#count * 4);
    this.#load(this.#queries, queries, 0, this.#count);
    this.#best = Array.from({ length: this.#count }, () => new BestRows(k));
  }

  /** Adds rows × dimensions; their numbers start at firstRow. */
  add(firstRow: number, vectors: Float32Array): void {
    const total = vectors.length / this.#width;
    for (let first = 0; first < total; first += this.#blockRows) {
      const rows = Math.min(this.#blockRows, total - first);
      this.#load(this.#x, vectors, first, rows);
      this.#kernels.run.dots(this.#x, rows, this.#queries, this.#count, this.#padded, this.#out);
      const scores = this.#kernels.float32(this.#out, rows * this.#count);
      for (let query = 0; query < this.#count; query++) {
        this.#best[query].offer(firstRow + first, scores, query * rows, rows);
      }
    }
  }

  /** One entry a query. */
  hits(): ExactHits[] {
    return this.#best.map((best) => best.sorted());
  }

  #load(pointer: number, vectors: Float32Array, first: number, rows: number): void {
    const target = this.#kernels.float32(pointer, rows * this.#padded);
    const width = this.#width;
    for (let row = 0; row < rows; row++) {
      const from = (first + row) * width;
      target.set(vectors.subarray(from, from + width), row * this.#padded);
    }
    const bad = this.#kernels.run.truncate(pointer, rows, this.#padded);
    if (bad !== 0) throw badVector(bad & 3, first + (bad >> 2), undefined);
  }
}

/** The k best rows of a stream and all that tie with the k-th. */
class BestRows {
  readonly #k: number;
  #rows: Float64Array;
  #scores: Float32Array;
  #length = 0;
  #threshold = Number.NEGATIVE_INFINITY;

  constructor(k: number) {
    this.#k = k;
    this.#rows = new Float64Array(4 * k + 64);
    this.#scores = new Float32Array(4 * k + 64);
  }

  offer(firstRow: number, scores: Float32Array, from: number, count: number): void {
    for (let i = 0; i < count; i++) {
      const score = scores[from + i];
      if (score < this.#threshold) continue;
      if (this.#length === this.#rows.length) this.#shrink();
      this.#rows[this.#length] = firstRow + i;
      this.#scores[this.#length++] = score;
    }
  }

  sorted(): ExactHits {
    this.#shrink();
    return { rows: this.#rows.slice(0, this.#length), scores: this.#scores.slice(0, this.#length) };
  }

  // Sorts, and drops what is below the k-th; grows when ties leave less than half of the room.
  #shrink(): void {
    const order = Array.from({ length: this.#length }, (_, i) => i);
    order.sort((a, b) => this.#scores[b] - this.#scores[a] || this.#rows[a] - this.#rows[b]);
    if (order.length >= this.#k) this.#threshold = this.#scores[order[this.#k - 1]];
    const kept = order.filter((i) => this.#scores[i] >= this.#threshold);
    const room = Math.max(this.#rows.length, 2 * kept.length + 64);
    const rows = new Float64Array(room);
    const scores = new Float32Array(room);
    kept.forEach((i, at) => {
      rows[at] = this.#rows[i];
      scores[at] = this.#scores[i];
    });
    this.#rows = rows;
    this.#scores = scores;
    this.#length = kept.length;
  }
}
