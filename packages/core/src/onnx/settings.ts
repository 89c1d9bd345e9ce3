import { availableParallelism } from 'node:os';
import { outOfRange, wrongType } from '../errors.ts';
import { ordered, type Pooling, TOKEN_POOLINGS, type TokenPooling } from './model/pooling-config.ts';

export interface EncoderOptions {
  /** Reads onnx/model_<variant>.onnx, such as `quantized`. Default: onnx/model.onnx. */
  readonly variant?: string;
  /**
   * One pooling, or several whose vectors are put one after the other, always in the order of sentence-transformers (cls,
   * max, mean, …). With `output` no module of modules.json runs. Default: as the folder says; else the model's own pooled
   * output, else the mean.
   */
  readonly pooling?: Pooling | readonly TokenPooling[];
  /** Scale embeddings to length 1. Default true. A codec does so in any case. */
  readonly normalize?: boolean;
  /** Longest input in tokens, special ones included, at least 2; the rest is cut. Default: as the folder says. */
  readonly maxLength?: number;
  /**
   * Values of an embedding that are kept, for models trained for truncation. Default: the folder's truncate_dim, else all.
   * A codec truncates by itself; this makes the embeddings smaller before they reach it.
   */
  readonly truncateDimensions?: number;
  /**
   * Puts a layer norm without weights behind the modules, as nomic-embed-text-v1.5 needs it before a truncation. Default:
   * true for such a folder (config.json's model_type nomic_bert) that is truncated, else false.
   */
  readonly layerNorm?: boolean;
  /** Prompts by name (`query`, `document`, …), over those of the folder. */
  readonly prompts?: Readonly<Record<string, string>>;
  /** Threads with a copy of the model each. Default 2, or fewer where there are fewer cores. */
  readonly workers?: number;
  /** Threads within one run of the model. Default: the cores divided by the workers. */
  readonly threadsPerWorker?: number;
  /** Tokens of a batch, padding included. Default 16 384. More is quicker on long inputs and needs memory. */
  readonly batchTokens?: number;
}

/** The options with their defaults; undefined is as the folder says. */
export interface EncoderSettings {
  readonly variant: string | undefined;
  readonly pooling: readonly TokenPooling[] | 'output' | undefined;
  readonly normalize: boolean;
  readonly maxLength: number | undefined;
  readonly truncateDimensions: number | undefined;
  readonly layerNorm: boolean | undefined;
  readonly prompts: Readonly<Record<string, string>>;
  readonly workers: number;
  readonly threadsPerWorker: number;
  readonly batchTokens: number;
}

/** @throws TypeError or RangeError naming the option */
export function encoderSettings(options: EncoderOptions): EncoderSettings {
  if (typeof options !== 'object' || options === null) throw wrongType('options must be an object');
  const cores = availableParallelism();
  const workers = whole('workers', options.workers ?? Math.min(2, cores), 1, 256);
  const { variant, pooling, normalize = true, maxLength, prompts = {}, batchTokens = 16_384 } = options;
  const { truncateDimensions, layerNorm } = options;
  const threads = options.threadsPerWorker ?? Math.max(1, Math.floor(cores / workers));
  if (variant !== undefined && typeof variant !== 'string') {
    throw wrongType(`variant must be a string, got ${typeof variant}`);
  }
  if (typeof normalize !== 'boolean') {
    throw wrongType(`normalize must be true or false, got ${typeof normalize}`);
  }
  if (layerNorm !== undefined && typeof layerNorm !== 'boolean') {
    throw wrongType(`layerNorm must be true or false, got ${typeof layerNorm}`);
  }
  return {
    variant,
    pooling: checkedPooling(pooling),
    normalize,
    maxLength: maxLength === undefined ? undefined : whole('maxLength', maxLength, 2, 1e6),
    truncateDimensions:
      truncateDimensions === undefined ? undefined : whole('truncateDimensions', truncateDimensions, 1, 1e6),
    layerNorm,
    prompts: checkedPrompts(prompts),
    workers,
    threadsPerWorker: whole('threadsPerWorker', threads, 1, 1024),
    batchTokens: whole('batchTokens', batchTokens, 1, 2 ** 24),
  };
}

function checkedPooling(pooling: EncoderOptions['pooling']): EncoderSettings['pooling'] {
  if (pooling === undefined || pooling === 'output') return pooling;
  const modes = Array.isArray(pooling) ? (pooling as readonly TokenPooling[]) : [pooling as TokenPooling];
  const wrong = modes.find((mode) => !TOKEN_POOLINGS.includes(mode));
  if (modes.length > 0 && wrong === undefined) return ordered(modes);
  throw wrongType(
    `pooling must be output, or one or several of ${TOKEN_POOLINGS.join(', ')}, got ${modes.length === 0 ? 'an empty list' : String(wrong)}`,
  );
}

function checkedPrompts(prompts: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  if (typeof prompts !== 'object' || prompts === null || Array.isArray(prompts)) {
    throw wrongType('prompts must be an object of strings by name');
  }
  for (const [name, prompt] of Object.entries(prompts)) {
    if (typeof prompt !== 'string') {
      throw wrongType(`prompts.${name} must be a string, got ${typeof prompt}`);
    }
  }
  return prompts;
}

function whole(name: string, value: number, least: number, most: number): number {
  if (typeof value !== 'number') throw wrongType(`${name} must be a number, got ${typeof value}`);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw outOfRange(`${name} must be a whole number from ${least} to ${most}, got ${value}`);
}
