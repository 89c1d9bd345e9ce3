import type { Worker } from 'node:worker_threads';
import { NestbitError } from '../../errors.ts';
import { startThread } from '../../thread.ts';
import { batchesOf } from '../data/batches.ts';
import type { PairSet } from '../data/pair-set.ts';
import { cosentLoss } from '../losses/cosent.ts';
import { matryoshkaLoss } from '../losses/matryoshka.ts';
import { Random } from '../random.ts';
import type { TrainSettings } from '../settings.ts';
import type { FollowerData } from './follower.ts';
import { type Layout, layoutOf } from './layout.ts';
import { batchOf, diverged, oneWayOf, schedule } from './plan.ts';
import { rankingLoss } from './ranking-phases.ts';
import { TableBatch } from './table-batch.ts';
import { BETA1, BETA2, tableStep } from './table-step.ts';
import { Team } from './team.ts';
import { MAX_BYTES, type SharedMemory, sharedMemory, trainKernels } from './wasm.ts';

/** Adam's guard against division by zero; gradients here are small. */
const EPSILON = 1e-10;

/** Share of the newest loss in the mean of the last ones. */
const SMOOTHING = 0.05;

/** Where a training stands: together with the table and its moments all that is needed to go on. */
export interface Position {
  readonly epoch: number;
  /** Batches of the epoch that are done. */
  readonly batch: number;
  /** Steps in all. */
  readonly step: number;
  /** Mean loss of about the last twenty steps; none before the first. */
  readonly loss?: number;
}

/** Trains the table of token rows. Runs on the leader's thread and blocks it. */
export class Trainer {
  readonly layout: Layout;
  readonly steps: number;
  position: Position = { epoch: 0, batch: 0, step: 0 };
  readonly #memory: SharedMemory;
  readonly #pairs: PairSet;
  readonly #settings: TrainSettings;
  /** Ascending, as the kernels want them. */
  readonly #weights: readonly number[];

  constructor(pairs: PairSet, vocabulary: number, settings: TrainSettings) {
    const count = pairs.anchors.length;
    const batch = batchOf(settings.batch, count, pairs.negativesEach);
    if (batch === 0) {
      throw new NestbitError(
        'DATASET_INVALID',
        `There are ${count} pairs of texts to train on; a batch is at least 8. Give more texts.`,
      );
    }
    const dimensions = [...settings.dimensions].reverse();
    const width = batch * (1 + pairs.negativesEach);
    const longest = pairs.starts.reduce(
      (most, start, i) => Math.max(most, start - (pairs.starts[i - 1] ?? start)),
      1,
    );
    this.layout = layoutOf({
      rows: vocabulary,
      width: settings.dimensions[0],
      batch: width,
      anchors: batch,
      oneWay: oneWayOf(pairs, settings),
      dimensions,
      tokens: 2 * width * longest,
      threads: settings.threads,
    });
    if (this.layout.bytes > MAX_BYTES) {
      throw new NestbitError(
        'OUT_OF_MEMORY',
        `Training ${vocabulary} tokens at ${this.layout.width} dimensions in batches of ${width} needs ` +
          `${Math.ceil(this.layout.bytes / 2 ** 20)} MiB; ${MAX_BYTES / 2 ** 20} MiB are possible. Use a smaller batch or vocabulary.`,
      );
    }
    this.steps = Math.floor(count / batch) * settings.epochs;
    this.#pairs = pairs;
    this.#settings = settings;
    this.#weights = [...settings.weights].reverse();
    this.#memory = sharedMemory(this.layout.bytes);
    new Int32Array(this.#memory.buffer, this.layout.dims, dimensions.length).set(dimensions);
    this.#start();
  }

  /** vocabulary × width, shared: the table and Adam's moments. */
  get state(): Record<'table' | 'first' | 'second', Float32Array<SharedArrayBuffer>> {
    const { rows, width, table, first, second } = this.layout;
    const floats = (at: number): Float32Array<SharedArrayBuffer> =>
      new Float32Array(this.#memory.buffer, at, rows * width);
    return { table: floats(table), first: floats(first), second: floats(second) };
  }

  /**
   * Trains on from `position` to the end.
   *
   * @param afterStep is told of every step; what it throws ends the training between two steps
   * @throws NestbitError `TRAINING_DIVERGED`
   */
  run(afterStep: () => void): void {
    const { layout, steps } = this;
    const { threads } = layout;
    const { scale, seed, epochs, rate } = this.#settings;
    const { buffer } = this.#memory;
    const team = new Team(buffer, 0, threads);
    const rankingScale = this.#pairs.scores === undefined ? scale : undefined;
    const followers = this.#startFollowers(rankingScale);
    const kernels = trainKernels(this.#memory);
    const batches = new TableBatch(buffer, layout, this.#pairs);
    try {
      for (
        ;
        this.position.epoch < epochs;
        this.position = { ...this.position, epoch: this.position.epoch + 1, batch: 0 }
      ) {
        let number = 0;
        for (const batch of batchesOf(
          this.#pairs,
          layout.anchors ?? layout.batch,
          seed,
          this.position.epoch,
        )) {
          if (number++ < this.position.batch) continue;
          const step = this.position.step + 1;
          const correction = Math.sqrt(1 - BETA2 ** step);
          team.step = {
            rate: (rate * schedule(step, steps) * correction) / (1 - BETA1 ** step),
            epsilon: EPSILON * correction,
            tokens: batches.fill(batch),
          };
          const weights = this.#weightsOf(step);
          team.barrier();
          let alone: number | undefined;
          tableStep(kernels, team, layout, rankingScale, () => {
            alone = this.#cosent(batch, weights);
          });
          const loss = alone ?? rankingLoss(buffer, layout, scale, weights);
          if (!Number.isFinite(loss)) throw diverged(step, loss, rate);
          const mean = this.position.loss ?? loss;
          this.position = {
            epoch: this.position.epoch,
            batch: number,
            step,
            loss: mean + SMOOTHING * (loss - mean),
          };
          afterStep();
        }
      }
    } finally {
      team.stop();
      for (const follower of followers) follower.unref();
    }
  }

  /**
   * Rows are random directions, as long as the token is rare: a text's mean is then a random projection of its tf-idf
   * vector, so that training begins at lexical search and not at nothing (Johnson and Lindenstrauss 1984).
   */
  #start(): void {
    const { width } = this.layout;
    const { table } = this.state;
    const { idf } = this.#pairs;
    const random = new Random(this.#settings.seed);
    const scale = 1 / Math.sqrt(idf.reduce((sum, value) => sum + value * value, 0) / idf.length || 1);
    for (let i = 0; i < table.length; i++) table[i] = random.normal() * idf[Math.floor(i / width)] * scale;
  }

  #startFollowers(rankingScale: number | undefined): Worker[] {
    const { layout } = this;
    return Array.from({ length: layout.threads - 1 }, (_, i) =>
      startThread(import.meta.url, 'follower', {
        memory: this.#memory,
        layout,
        thread: i + 1,
        rankingScale,
      } satisfies FollowerData),
    );
  }

  /**
   * The weights of a step, ascending, also for the kernels: of `dimensionsPerStep` random widths, chosen by seed and step
   * alone, those of the others are 0 (MatryoshkaLoss's n_dims_per_step).
   */
  #weightsOf(step: number): readonly number[] {
    const { dimensionsPerStep, seed, scale } = this.#settings;
    const { layout } = this;
    const all = this.#weights.length;
    const chosen = Int32Array.from({ length: all }, (_, p) => p);
    if (dimensionsPerStep !== undefined && dimensionsPerStep < all)
      new Random(Math.imul(seed, 0x9e3779b1) ^ Math.imul(step, 0x85ebca6b)).shuffle(chosen);
    const used = new Set(chosen.subarray(0, dimensionsPerStep));
    const weights = this.#weights.map((weight, p) => (used.has(p) ? weight : 0));
    const factor = scale / (2 * (layout.anchors ?? layout.batch));
    new Float32Array(this.#memory.buffer, layout.weights, all).set(weights.map((weight) => weight * factor));
    return weights;
  }

  #cosent(batch: Int32Array, weights: readonly number[]): number {
    const { width, x, d, batch: count } = this.layout;
    const floats = (at: number): Float32Array => new Float32Array(this.#memory.buffer, at, count * width);
    const scores = Float64Array.from(batch, (pair) => this.#pairs.scores?.[pair] ?? 0);
    const { loss, anchors, positives } = matryoshkaLoss(
      (a, b, n) => cosentLoss(a, b, scores, n, this.#settings.scale),
      floats(x),
      floats(x + count * width * 4),
      width,
      this.layout.dimensions,
      weights,
    );
    floats(d).set(anchors);
    floats(d + count * width * 4).set(positives);
    return loss;
  }
}
