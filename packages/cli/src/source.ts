import { type Id, NestbitError, openVectors, readTextRecords, type TextRecord } from '@nestbit/core';
import { Encoder } from '@nestbit/core/onnx';

/** Embeddings of a source, in order. */
export interface EmbeddingBatch {
  readonly rows: number;
  /** rows × dimensions */
  readonly vectors: Float32Array;
  /** One a row, where the source has ids (JSONL). */
  readonly ids: readonly Id[] | undefined;
}

/** A source of embeddings: a file of vectors, or of texts with a model. */
export interface Source {
  readonly path: string;
  readonly dimensions: number;
  /** Known for `.npy` only. */
  readonly rows: number | undefined;
  /** Identity of the model, for texts. */
  readonly model: string | undefined;
  batches(signal: AbortSignal): AsyncIterable<EmbeddingBatch>;
  close(): Promise<void>;
}

export interface ModelOptions {
  readonly model?: string;
  readonly variant?: string;
  readonly prompt?: string;
}

/** Opens `.npy` or JSONL vectors, or, with a model folder, JSONL texts. */
export async function openSource(path: string, options: ModelOptions): Promise<Source> {
  if (options.model === undefined) {
    const file = await openVectors(path);
    return {
      path,
      dimensions: file.dimensions,
      rows: file.rows,
      model: undefined,
      batches: (signal) => vectorBatches(file.batches({ signal })),
      close: () => file.close(),
    };
  }
  if (!/\.jsonl(\.gz)?$/.test(path)) {
    throw new NestbitError(
      'USAGE',
      `${path} is no text: with --model the source is .jsonl or .jsonl.gz with "text" fields.`,
    );
  }
  const encoder = await Encoder.open(
    options.model,
    options.variant === undefined ? {} : { variant: options.variant },
  );
  return {
    path,
    dimensions: encoder.dimensions,
    rows: undefined,
    model: encoder.identity,
    batches: (signal) => textBatches(encoder, path, options.prompt, signal),
    close: () => encoder.close(),
  };
}

async function* vectorBatches(
  source: AsyncIterable<{ rows: number; vectors: Float32Array; ids?: readonly Id[] }>,
): AsyncGenerator<EmbeddingBatch> {
  for await (const { rows, vectors, ids } of source) yield { rows, vectors, ids };
}

async function* textBatches(
  encoder: Encoder,
  path: string,
  prompt: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<EmbeddingBatch> {
  const records = readTextRecords(path, signal);
  const options = prompt === undefined ? { signal } : { signal, prompt };
  for await (const batch of encoder.encodeStream<TextRecord>(records, ({ text }) => text, options)) {
    yield { rows: batch.records.length, vectors: batch.embeddings, ids: batch.records.map(({ id }) => id) };
  }
}
