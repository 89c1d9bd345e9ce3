import {
  type Id,
  NestbitError,
  type Payload,
  throwIfAborted,
  type VectorBatch,
  type VectorSource,
} from '@nestbit/core';
import { type FieldOptions, readShape } from './shapes.ts';

/** A record and the name of its place. */
export interface PlacedRecord {
  readonly where: string;
  readonly fields: Record<string, unknown>;
}

const BATCH_ROWS = 1024;

/** A source of vectors over records, which `read` streams from the start each time. */
export async function recordSource(
  path: string,
  read: (signal: AbortSignal | undefined) => AsyncIterable<PlacedRecord>,
  options: FieldOptions,
): Promise<VectorSource> {
  for await (const { where, fields } of read(undefined)) {
    const { vector, id } = readShape(fields, options, where);
    return {
      rows: undefined,
      dimensions: vector.length,
      hasIds: id !== undefined && id !== null,
      batches: ({ batchRows, signal } = {}) =>
        batches(read(signal), options, batchRows ?? BATCH_ROWS, signal),
      close: async () => {},
    };
  }
  throw new NestbitError('BATCH_EMPTY', `${path} holds no vector.`);
}

async function* batches(
  records: AsyncIterable<PlacedRecord>,
  options: FieldOptions,
  batchRows: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<VectorBatch> {
  let dimensions = 0;
  let hasIds = false;
  let row = 0;
  let values = new Float32Array(0);
  let ids: Id[] = [];
  let payloads: (Payload | undefined)[] = [];
  const take = (): VectorBatch => {
    const rows = payloads.length;
    const vectors = values.subarray(0, rows * dimensions);
    const batch = { firstRow: row - rows, rows, dimensions, vectors, ...(hasIds && { ids }), payloads };
    ids = [];
    payloads = [];
    return batch;
  };
  for await (const { where, fields } of records) {
    throwIfAborted(signal);
    const { vector, id, payload } = readShape(fields, options, where);
    const given = id !== undefined && id !== null;
    if (row === 0) [dimensions, hasIds] = [vector.length, given];
    if (vector.length !== dimensions || dimensions === 0)
      throw invalid(where, `its vector has ${vector.length} values, that of the first record ${dimensions}`);
    if (given !== hasIds)
      throw invalid(
        where,
        `it has ${given ? 'an' : 'no'} id and the first record has ${given ? 'none' : 'one'}; give all of them one, or none`,
      );
    if (payloads.length === 0) values = new Float32Array(batchRows * dimensions);
    values.set(vector, payloads.length * dimensions);
    if (given) ids.push(readId(id, where));
    const plain = plainJson(payload) as Record<string, unknown>;
    payloads.push(Object.keys(plain).length === 0 ? undefined : plain);
    row++;
    if (payloads.length === batchRows) yield take();
  }
  if (payloads.length > 0) yield take();
}

function readId(id: unknown, where: string): Id {
  if (typeof id === 'string' || typeof id === 'bigint') return id;
  if (Number.isSafeInteger(id)) return BigInt(id as number);
  throw invalid(where, 'its id is neither text nor a whole number');
}

/** Values of Parquet and Arrow as JSON has them: int64 beyond 2^53 as text, times in ISO 8601, lists as arrays. */
function plainJson(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Date) return value.toISOString();
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as ArrayLike<unknown>, plainJson);
  if (Array.isArray(value)) return value.map(plainJson);
  const { toJSON } = value as { toJSON?: () => unknown };
  if (typeof toJSON === 'function') return plainJson(toJSON.call(value));
  const fields = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return Object.fromEntries(fields.map(([key, inner]) => [key, plainJson(inner)]));
}

function invalid(where: string, what: string): NestbitError {
  return new NestbitError('DATASET_INVALID', `${where}: ${what}.`);
}
