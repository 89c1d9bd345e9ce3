import { setImmediate } from 'node:timers/promises';
import { rowsOf } from '../../codec/shape.ts';
import { truncate } from '../../codec/truncate.ts';
import { NestbitError, outOfRange, throwIfAborted, wrongType } from '../../errors.ts';
import { Random } from '../random.ts';
import { checkedDimensions, checkedWeights, positive, whole } from '../settings.ts';
import { LinearStep } from './linear-step.ts';
import { type Adapter, fitPca } from './pca.ts';

/** Embeddings that belong together, row by row: a question's and its answer's. rows × inputDimensions each. */
export interface EmbeddingPairs {
  readonly anchors: Float32Array;
  readonly positives: Float32Array;
}

export interface LinearOptions {
  /** Width of the embeddings, in values. */
  readonly inputDimensions: number;
  /** Widths that the embeddings are to be cut to, descending, multiples of 8; the first is the map's width. */
  readonly dimensions: readonly number[];
  /** Weight of each width in the loss, in the order of `dimensions`. Default 1 each. */
  readonly weights?: readonly number[];
  /** Map that training begins at, inputDimensions × dimensions[0]. Default: `fitPca` of all anchors and positives. */
  readonly start?: Float32Array;
  /** Times that every pair is seen. Default 5. */
  readonly epochs?: number;
  /** Pairs a batch, a multiple of 8. Default 512; fewer pairs, fewer. */
  readonly batch?: number;
  /** Adam's learning rate at its highest, for a map whose columns have length 1. Default 0.002; with few pairs,
   * fewer epochs or a lower rate keep it from learning them by heart. */
  readonly rate?: number;
  /** Inverse temperature of the cosines in the loss. Default 20. */
  readonly scale?: number;
  /** The same seed, pairs and options give the same bytes. Default 0. */
  readonly seed?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: LinearProgress) => void;
}

export interface LinearProgress {
  /** Steps done and in all. */
  readonly done: number;
  readonly total: number;
  /** Of the step. */
  readonly loss: number;
}

export interface LinearAdapter extends Adapter {
  /** Mean loss of the first and of the last epoch. */
  readonly losses: readonly [first: number, last: number];
}

/** Share of the steps in which the learning rate rises to its highest; then it falls to 0 in a line. */
const WARM_UP = 0.1;

/**
 * Fits a linear map by the Matryoshka ranking loss of pairs (`rankingLoss` over every width), beginning at the
 * principal components: both sides of a pair pass the same map. Works on this thread; other work runs between steps.
 *
 * @throws NestbitError `DATASET_INVALID` for fewer than 8 pairs, or fewer rows than dimensions to begin at;
 * `TRAINING_DIVERGED`, `BATCH_SHAPE`, `VECTOR_NOT_FINITE`, `VECTOR_ZERO`, `OUT_OF_MEMORY`, `ABORTED`
 * @throws TypeError or RangeError naming the option
 */
export async function fitLinear(pairs: EmbeddingPairs, options: LinearOptions): Promise<LinearAdapter> {
  const settings = linearSettings(options);
  const { inputDimensions: width, dimensions } = settings;
  const { anchors, positives, count } = unitPairs(pairs, width);
  const batch = Math.min(settings.batch, count - (count % 8));
  const step = new LinearStep({
    inputDimensions: width,
    batch,
    dimensions: [...dimensions].reverse(),
    weights: [...settings.weights].reverse(),
    scale: settings.scale,
  });
  const pca = { inputDimensions: width, dimensions: dimensions[0], ...signalOf(options) };
  step.map.set(options.start ?? (await fitPca([anchors, positives], pca)).map);
  const perEpoch = Math.floor(count / batch);
  const steps = perEpoch * settings.epochs;
  const order = Int32Array.from({ length: count }, (_, i) => i);
  const losses: number[] = [];
  for (let epoch = 0; epoch < settings.epochs; epoch++) {
    new Random(settings.seed + epoch).shuffle(order);
    for (let number = 0; number < perEpoch; number++) {
      throwIfAborted(options.signal);
      order.subarray(number * batch, (number + 1) * batch).forEach((pair, i) => {
        step.pairs.set(anchors.subarray(pair * width, (pair + 1) * width), i * width);
        step.pairs.set(positives.subarray(pair * width, (pair + 1) * width), (batch + i) * width);
      });
      const loss = step.loss();
      if (!Number.isFinite(loss)) throw diverged(losses.length + 1, loss, settings.rate);
      losses.push(loss);
      step.update(settings.rate * schedule(losses.length, steps));
      options.onProgress?.({ done: losses.length, total: steps, loss });
      await setImmediate();
    }
  }
  const map = step.map.slice();
  if (map.some((value) => !Number.isFinite(value))) throw diverged(steps, Number.NaN, settings.rate);
  return {
    map,
    inputDimensions: width,
    dimensions: dimensions[0],
    rows: count,
    losses: [mean(losses.slice(0, perEpoch)), mean(losses.slice(-perEpoch))],
  };
}

function linearSettings(
  options: LinearOptions,
): Required<Omit<LinearOptions, 'start' | 'signal' | 'onProgress'>> {
  const inputDimensions = whole('inputDimensions', options.inputDimensions, 8, 65_528);
  const dimensions = checkedDimensions(options.dimensions);
  if (dimensions[0] > inputDimensions) {
    throw outOfRange(`dimensions begin at ${dimensions[0]}, but the embeddings have ${inputDimensions}`);
  }
  const { start } = options;
  if (start !== undefined && !(start instanceof Float32Array))
    throw wrongType('start must be a Float32Array');
  if (start !== undefined && start.length !== inputDimensions * dimensions[0]) {
    throw outOfRange(
      `start has ${start.length} values; ${inputDimensions} × ${dimensions[0]} dimensions are ${inputDimensions * dimensions[0]}`,
    );
  }
  const batch = whole('batch', options.batch ?? 512, 8, 8192);
  if (batch % 8 !== 0) throw outOfRange(`batch must be a multiple of 8, got ${batch}`);
  return {
    inputDimensions,
    dimensions,
    weights: checkedWeights(options.weights, dimensions),
    epochs: whole('epochs', options.epochs ?? 5, 1, 10_000),
    batch,
    rate: positive('rate', options.rate ?? 0.002),
    scale: positive('scale', options.scale ?? 20),
    seed: whole('seed', options.seed ?? 0, -(2 ** 31), 2 ** 31 - 1),
  };
}

function unitPairs(pairs: EmbeddingPairs, width: number): EmbeddingPairs & { readonly count: number } {
  const count = rowsOf(pairs.anchors, width);
  const others = rowsOf(pairs.positives, width);
  if (count !== others) {
    throw new NestbitError(
      'BATCH_SHAPE',
      `There are ${count} anchors and ${others} positives; row i of both must belong together.`,
    );
  }
  if (count < 8) {
    throw new NestbitError(
      'DATASET_INVALID',
      `There are ${count} pairs to fit on; a batch is at least 8, and hundreds are needed. Give more, or fit without pairs.`,
    );
  }
  return {
    anchors: truncate(pairs.anchors, width, width),
    positives: truncate(pairs.positives, width, width),
    count,
  };
}

function signalOf({ signal }: LinearOptions): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}

function schedule(step: number, steps: number): number {
  const rising = Math.max(1, Math.round(WARM_UP * steps));
  return step < rising ? step / rising : Math.max(0, (steps + 1 - step) / (steps + 1 - rising));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function diverged(step: number, loss: number, rate: number): NestbitError {
  return new NestbitError(
    'TRAINING_DIVERGED',
    `The loss is ${loss} at step ${step}: the fit has diverged at the learning rate ${rate}; try ${rate / 10}.`,
  );
}
