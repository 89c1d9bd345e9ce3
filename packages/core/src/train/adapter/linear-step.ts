import { NestbitError } from '../../errors.ts';
import { type Layout, layoutOf } from '../engine/layout.ts';
import { rankingLoss, rankingPhases } from '../engine/ranking-phases.ts';
import { Team } from '../engine/team.ts';
import {
  MAX_BYTES,
  type SharedMemory,
  sharedMemory,
  type TrainKernels,
  trainKernels,
} from '../engine/wasm.ts';

const BETA1 = 0.9;
const BETA2 = 0.999;
/** Adam's guard against division by zero; gradients here are small. */
const EPSILON = 1e-10;

export interface LinearSizes {
  readonly inputDimensions: number;
  /** Pairs a batch, a multiple of 8. */
  readonly batch: number;
  /** Ascending. */
  readonly dimensions: readonly number[];
  /** One a width, in the order of `dimensions`. */
  readonly weights: readonly number[];
  /** Inverse temperature. */
  readonly scale: number;
}

/** Steps of training a linear map by the Matryoshka ranking loss of mapped pairs, on this thread. */
export class LinearStep {
  /** inputDimensions × width, row-major; `update` writes it. */
  readonly map: Float32Array;
  /** The loss's derivatives by the map, after `loss`. */
  readonly gradient: Float32Array;
  /** 2 · batch × inputDimensions: anchors, then positives; written by the caller before `loss`. */
  readonly pairs: Float32Array;
  readonly #sizes: LinearSizes;
  readonly #layout: Layout;
  readonly #memory: SharedMemory;
  readonly #kernels: TrainKernels;
  readonly #team: Team;
  readonly #pack: number;
  #step = 0;

  /** @throws NestbitError `OUT_OF_MEMORY` */
  constructor(sizes: LinearSizes) {
    const { inputDimensions, batch, dimensions, weights, scale } = sizes;
    const width = dimensions[dimensions.length - 1];
    const layout = layoutOf({ rows: inputDimensions, width, batch, dimensions, tokens: 0, threads: 1 });
    const pairs = layout.bytes;
    const gradient = pairs + 2 * batch * inputDimensions * 4;
    this.#pack = gradient + inputDimensions * width * 4;
    const bytes = this.#pack + Math.max(inputDimensions, 2 * batch) * 32;
    if (bytes > MAX_BYTES) {
      throw new NestbitError(
        'OUT_OF_MEMORY',
        `A map of ${inputDimensions} → ${width} in batches of ${batch} needs ${Math.ceil(bytes / 2 ** 20)} MiB; ` +
          `${MAX_BYTES / 2 ** 20} MiB are possible. Use a smaller batch.`,
      );
    }
    this.#sizes = sizes;
    this.#layout = layout;
    this.#memory = sharedMemory(bytes);
    this.#kernels = trainKernels(this.#memory);
    this.#team = new Team(this.#memory.buffer, 0, 1);
    this.map = this.#floats(layout.table, inputDimensions * width);
    this.gradient = this.#floats(gradient, inputDimensions * width);
    this.pairs = this.#floats(pairs, 2 * batch * inputDimensions);
    new Int32Array(this.#memory.buffer, layout.dims, dimensions.length).set(dimensions);
    const factors = weights.map((weight) => (weight * scale) / (2 * batch));
    this.#floats(layout.weights, weights.length).set(factors);
  }

  /** The loss of `pairs` under `map`; leaves its derivatives in `gradient`. */
  loss(): number {
    const { inputDimensions, batch, scale, weights } = this.#sizes;
    const { table, x, d, width } = this.#layout;
    const pairs = this.pairs.byteOffset;
    const multiply = this.#kernels.multiply;
    multiply(
      pairs,
      inputDimensions,
      1,
      table,
      width,
      x,
      width,
      0,
      2 * batch,
      width,
      inputDimensions,
      this.#pack,
    );
    rankingPhases(this.#kernels, this.#team, this.#layout, scale);
    const gradient = this.gradient.byteOffset;
    multiply(
      pairs,
      1,
      inputDimensions,
      d,
      width,
      gradient,
      width,
      0,
      inputDimensions,
      width,
      2 * batch,
      this.#pack,
    );
    return rankingLoss(this.#memory.buffer, this.#layout, scale, weights);
  }

  /** One step of Adam along `gradient`. */
  update(rate: number): void {
    const { table, first, second } = this.#layout;
    this.#step++;
    const correction = Math.sqrt(1 - BETA2 ** this.#step);
    const corrected = (rate * correction) / (1 - BETA1 ** this.#step);
    const { byteOffset, byteLength } = this.gradient;
    this.#kernels.update(
      table,
      first,
      second,
      byteOffset,
      byteLength,
      corrected,
      BETA1,
      BETA2,
      EPSILON * correction,
    );
  }

  #floats(at: number, length: number): Float32Array {
    return new Float32Array(this.#memory.buffer, at, length);
  }
}
