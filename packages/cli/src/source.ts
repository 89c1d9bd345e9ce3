import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Id,
  NestbitError,
  type Payload,
  readJsonl,
  readTextRecords,
  type TextRecord,
  type VectorBatch,
  type VectorSource,
} from '@nestbit/core';
import type { EncodeOptions, Encoder } from '@nestbit/core/onnx';
import { openLangChainFolder } from '@nestbit/faiss-adapter';
import { openVectorFile } from './formats/open.ts';
import type { FieldOptions } from './formats/shapes.ts';
import { openShards, shardsOf } from './formats/shards.ts';
import { spoolInput } from './formats/standard-input.ts';
import { checkModelOptions, type ModelOptions, openEncoder } from './model-options.ts';

/** Files of a folder that LangChain has written. */
const LANGCHAIN = ['docstore.json', 'faiss.index', 'index.pkl', 'index.faiss'];

/** Embeddings of a source, in order. */
export interface EmbeddingBatch {
  readonly rows: number;
  /** rows × dimensions */
  readonly vectors: Float32Array;
  /** One a row, where the source has ids. */
  readonly ids: readonly Id[] | undefined;
  /** One a row, where the source has further fields. */
  readonly payloads: readonly (Payload | undefined)[] | undefined;
}

/** A source of embeddings: a file of vectors, or of texts with a model. */
export interface Source {
  readonly path: string;
  readonly dimensions: number;
  /** Known for `.npy` only. */
  readonly rows: number | undefined;
  /** Whether its ids are row numbers. */
  readonly numbered: boolean;
  /** Identity of the model, for texts. */
  readonly model: string | undefined;
  batches(signal: AbortSignal): AsyncIterable<EmbeddingBatch>;
  close(): Promise<void>;
}

/**
 * Opens vectors (`.npy`, JSONL, a flat float `.faiss`, a folder of LangChain.js's FaissStore) or, with a model
 * folder, JSONL texts. A folder or a pattern of files is one source of all of them; `-` is standard input.
 *
 * @param promptName name of the prompt before each text, where the options name none
 */
export async function openSource(
  path: string,
  options: ModelOptions & FieldOptions,
  promptName?: string,
): Promise<Source> {
  checkModelOptions(options);
  if (path !== '-') return await openNamed(path, options, promptName);
  const input = await spoolInput();
  try {
    const source = await openNamed(input.path, options, promptName);
    return { ...source, path, close: () => source.close().finally(input.remove) };
  } catch (error) {
    await input.remove();
    throw error;
  }
}

async function openNamed(
  path: string,
  options: ModelOptions & FieldOptions,
  promptName?: string,
): Promise<Source> {
  if (options.model === undefined) {
    const file = await openAnyVectors(path, options);
    return {
      path,
      dimensions: file.dimensions,
      rows: file.rows,
      numbered: file.hasIds === false,
      model: undefined,
      batches: (signal) =>
        vectorBatches(file.batches({ signal }), (batch) => warnOfLengths(path, file.metric, batch)),
      close: () => file.close(),
    };
  }
  if (!/\.jsonl(\.gz)?$/.test(path)) {
    throw new NestbitError(
      'USAGE',
      `${path} is no text: with --model the source is .jsonl or .jsonl.gz with "text" fields.`,
    );
  }
  const numbered = !(await hasIds(path));
  const { encoder, prompt } = await openEncoder(options.model, options, promptName);
  return {
    path,
    dimensions: encoder.dimensions,
    rows: undefined,
    numbered,
    model: encoder.identity,
    batches: (signal) => textBatches(encoder, path, numbered, { ...prompt, signal }),
    close: () => encoder.close(),
  };
}

async function openAnyVectors(
  path: string,
  options: FieldOptions,
): Promise<VectorSource & { readonly metric?: string }> {
  const langChain = LANGCHAIN.some((name) => existsSync(join(path, name)));
  const shards = langChain ? undefined : await shardsOf(path);
  if (shards !== undefined) return await openShards(shards, options);
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
    const folder = await openLangChainFolder(path);
    const { count, examples } = folder.passedOver;
    if (count > 0)
      process.stderr.write(
        `nestbit: ${path}: ${count} of ${folder.indexRows} vectors are passed over, since their documents are gone ` +
          `(rows ${examples.join(', ')}${count > examples.length ? ', …' : ''}).\n`,
      );
    return folder;
  }
  return await openVectorFile(path, options);
}

/** Whether the lines of a file of texts have ids, as the first one says; its reader refuses a mixture. */
async function hasIds(path: string): Promise<boolean> {
  for await (const { value } of readJsonl(path)) return (value.id ?? value._id ?? null) !== null;
  return true;
}

async function* vectorBatches(
  source: AsyncIterable<VectorBatch>,
  warn: (batch: VectorBatch) => void,
): AsyncGenerator<EmbeddingBatch> {
  for await (const batch of source) {
    if (batch.firstRow === 0) warn(batch);
    const { rows, vectors, ids, payloads } = batch;
    yield { rows, vectors, ids, payloads };
  }
}

/** Says when an index's own order was another than the cosine's. */
function warnOfLengths(
  path: string,
  metric: string | undefined,
  { rows, dimensions, vectors }: VectorBatch,
): void {
  if (metric === undefined) return;
  for (let row = 0; row < rows; row++) {
    const length = Math.hypot(...vectors.subarray(row * dimensions, (row + 1) * dimensions));
    if (Math.abs(length - 1) < 0.01) continue;
    process.stderr.write(
      `nestbit: ${path} compares by ${metric}, and its vectors are not of length 1 (row ${row}: ` +
        `${length.toPrecision(3)}); nestbit compares by cosine, which orders them otherwise.\n`,
    );
    return;
  }
}

async function* textBatches(
  encoder: Encoder,
  path: string,
  numbered: boolean,
  options: EncodeOptions & { readonly signal: AbortSignal },
): AsyncGenerator<EmbeddingBatch> {
  const records = readTextRecords(path, options.signal);
  for await (const batch of encoder.encodeStream<TextRecord>(records, ({ text }) => text, options)) {
    yield {
      rows: batch.records.length,
      vectors: batch.embeddings,
      ids: numbered ? undefined : batch.records.map(({ id }) => id),
      payloads: batch.records.map(({ payload }) => payload),
    };
  }
}
