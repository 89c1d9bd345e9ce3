import { availableParallelism } from 'node:os';
import { outOfRange, wrongType } from '../errors.ts';

export interface TrainOptions {
  /** Folder that is made; it must not exist, or be empty. */
  readonly out: string;
  /**
   * Widths that the embeddings are to be cut to, descending, multiples of 8; the first is the model's width.
   * Default 384, 256, 128, 64, 32. Fewer prefixes train a little faster.
   */
  readonly dimensions?: readonly number[];
  /** Random widths of each step, others wait for another (n_dims_per_step). Default: all, every step. */
  readonly dimensionsPerStep?: number;
  /**
   * Whether only anchors look for their positives among those of the batch, as sentence-transformers'
   * MultipleNegativesRankingLoss does by default, or positives for their anchors, too. Default: both ways, but one way
   * with hard negatives.
   */
  readonly oneWay?: boolean;
  /** Weight of each width in the loss, in the order of `dimensions`. Default 1 each. */
  readonly weights?: readonly number[];
  /** A tokenizer.json, or a model folder that has one. Default: a WordPiece vocabulary trained on the texts. */
  readonly tokenizer?: string;
  /** Tokens of a vocabulary that is trained. Default 16 384; more cost table rows, fewer cut words up. */
  readonly vocabulary?: number;
  /** Times that every pair is seen. Default 5. */
  readonly epochs?: number;
  /**
   * Pairs a batch, a multiple of 8; more negatives teach more and cost more. Default a 64th of the pairs, so that small
   * data has steps enough, but 64 to 2048.
   */
  readonly batch?: number;
  /**
   * Adam's learning rate at its highest, relative to rows of about 1 a value. Default 0.2; less leaves rare words nearer
   * to lexical search, which is a little better at the full width and worse when cut.
   */
  readonly rate?: number;
  /** Inverse temperature of the cosines in the loss. Default 20. */
  readonly scale?: number;
  /** Tokens of a text that count. Default 256. */
  readonly maxLength?: number;
  /** The same seed, data and options give the same bytes, with any number of threads. Default 0. */
  readonly seed?: number;
  /** Default: the cores. */
  readonly threads?: number;
  /** Goes on from the checkpoint of a run with the same data and options that was stopped. Default false. */
  readonly resume?: boolean;
  /** Seconds between checkpoints. Default 60. */
  readonly checkpointEvery?: number;
  /** Which files of the model are written. Default `float16` and `int8`. */
  readonly files?: readonly ModelFile[];
  /** What the model card says of the data and the licence of the model. */
  readonly card?: ModelCardText;
  /** Ends the training at the next step with `ABORTED`, after a checkpoint. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: TrainProgress) => void;
}

/**
 * `float16`: onnx/model.onnx; `int8`: onnx/model_quantized.onnx, half of it; `safetensors`: model.safetensors in float32
 * with modules.json, as sentence-transformers (StaticEmbedding) and model2vec open it.
 */
export type ModelFile = 'float16' | 'int8' | 'safetensors';

const MODEL_FILES: readonly unknown[] = ['float16', 'int8', 'safetensors'];

/** What only the user knows. */
export interface ModelCardText {
  readonly name?: string;
  readonly data?: string;
  readonly licence?: string;
}

export interface TrainProgress {
  /** `reading`: records so far, of an unknown number; `training`: steps. */
  readonly phase: 'reading' | 'tokenizing' | 'training' | 'writing';
  readonly done: number;
  readonly total: number | undefined;
  /** Mean loss of about the last twenty steps. */
  readonly loss: number | undefined;
  /** Pairs a second. */
  readonly rate: number | undefined;
  readonly secondsLeft: number | undefined;
}

/** Everything that decides the result, and how to get there; plain data for the threads. */
export interface TrainSettings {
  readonly out: string;
  /** Descending. */
  readonly dimensions: readonly number[];
  readonly weights: readonly number[];
  readonly dimensionsPerStep: number | undefined;
  readonly oneWay: boolean | undefined;
  readonly tokenizer: string | undefined;
  readonly vocabulary: number;
  readonly epochs: number;
  readonly batch: number | undefined;
  readonly rate: number;
  readonly scale: number;
  readonly maxLength: number;
  readonly seed: number;
  readonly threads: number;
  readonly resume: boolean;
  readonly checkpointEvery: number;
  readonly files: readonly ModelFile[];
  readonly card: ModelCardText;
}

/** @throws TypeError or RangeError naming the option */
export function trainSettings(options: TrainOptions): TrainSettings {
  if (typeof options !== 'object' || options === null) throw wrongType('options must be an object');
  if (typeof options.out !== 'string' || options.out === '') throw wrongType('out must be a folder’s path');
  if (options.tokenizer !== undefined && typeof options.tokenizer !== 'string') {
    throw wrongType(`tokenizer must be a path, got ${typeof options.tokenizer}`);
  }
  if (options.oneWay !== undefined && typeof options.oneWay !== 'boolean')
    throw wrongType(`oneWay must be true or false, got ${typeof options.oneWay}`);
  const dimensions = checkedDimensions(options.dimensions ?? [384, 256, 128, 64, 32]);
  return {
    out: options.out,
    dimensions,
    weights: checkedWeights(options.weights, dimensions),
    dimensionsPerStep:
      options.dimensionsPerStep === undefined
        ? undefined
        : whole('dimensionsPerStep', options.dimensionsPerStep, 1, dimensions.length),
    oneWay: options.oneWay,
    tokenizer: options.tokenizer,
    vocabulary: whole('vocabulary', options.vocabulary ?? 16_384, 64, 2 ** 20),
    epochs: whole('epochs', options.epochs ?? 5, 1, 10_000),
    batch:
      options.batch === undefined ? undefined : multipleOf8('batch', whole('batch', options.batch, 8, 8192)),
    rate: positive('rate', options.rate ?? 0.2),
    scale: positive('scale', options.scale ?? 20),
    maxLength: whole('maxLength', options.maxLength ?? 256, 1, 8192),
    seed: whole('seed', options.seed ?? 0, -(2 ** 31), 2 ** 31 - 1),
    threads: whole('threads', options.threads ?? availableParallelism(), 1, 64),
    resume: options.resume ?? false,
    checkpointEvery: positive('checkpointEvery', options.checkpointEvery ?? 60),
    files: checkedFiles(options.files ?? ['float16', 'int8']),
    card: options.card ?? {},
  };
}

export function checkedDimensions(dimensions: readonly number[]): readonly number[] {
  if (!Array.isArray(dimensions) || dimensions.length === 0) {
    throw wrongType('dimensions must be a list of numbers, such as [384, 128, 32]');
  }
  for (const [i, n] of dimensions.entries()) {
    multipleOf8(`dimensions[${i}]`, whole(`dimensions[${i}]`, n, 8, 4096));
    if (i > 0 && n >= dimensions[i - 1]) {
      throw outOfRange(`dimensions must descend, but ${n} comes after ${dimensions[i - 1]}`);
    }
  }
  return [...dimensions];
}

export function checkedWeights(
  weights: readonly number[] | undefined,
  dimensions: readonly number[],
): readonly number[] {
  if (weights === undefined) return dimensions.map(() => 1);
  if (!Array.isArray(weights) || weights.length !== dimensions.length) {
    throw outOfRange(`weights must have one number for each of ${dimensions.length} dimensions`);
  }
  return weights.map((weight, i) => positive(`weights[${i}]`, weight));
}

function checkedFiles(files: readonly ModelFile[]): readonly ModelFile[] {
  if (!Array.isArray(files) || files.length === 0) throw wrongType('files must be a list');
  const wrong = files.find((file) => !MODEL_FILES.includes(file));
  if (wrong !== undefined)
    throw outOfRange(`files must be float16, int8 or safetensors, got ${String(wrong)}`);
  return [...files];
}

function multipleOf8(name: string, value: number): number {
  if (value % 8 !== 0) throw outOfRange(`${name} must be a multiple of 8, got ${value}`);
  return value;
}

export function positive(name: string, value: unknown): number {
  if (typeof value !== 'number') throw wrongType(`${name} must be a number, got ${typeof value}`);
  if (!(value > 0 && Number.isFinite(value))) throw outOfRange(`${name} must be above 0, got ${value}`);
  return value;
}

export function whole(name: string, value: unknown, least: number, most: number): number {
  if (typeof value !== 'number') throw wrongType(`${name} must be a number, got ${typeof value}`);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw outOfRange(`${name} must be a whole number from ${least} to ${most}, got ${value}`);
}
