import type { Id } from '../codec/types.ts';
import type { Payload } from '../store/payload.ts';
import { badLine, readJsonl } from './jsonl.ts';
import type { VectorBatch } from './vectors.ts';

/** One text of a JSONL file. */
export interface TextRecord {
  readonly id: Id;
  /** The title, where there is one, stands before the text, as BEIR does it. */
  readonly text: string;
  /** The line's other fields. */
  readonly payload: Record<string, unknown>;
}

/** Streams `{ id | _id, text, title?, … }`; a line without id gets its row number. */
export async function* readTextRecords(path: string, signal?: AbortSignal): AsyncGenerator<TextRecord> {
  let row = 0;
  for await (const { line, value } of readJsonl(path, signal)) {
    const { id, _id, text, title, ...payload } = value;
    if (typeof text !== 'string') throw badLine(path, line, 'it has no "text" of type string');
    if (title !== undefined && typeof title !== 'string')
      throw badLine(path, line, 'its "title" is no string');
    const full = title === undefined || title === '' ? text : `${title} ${text}`;
    yield { id: idOf(id ?? _id, row++, path, line), text: full, payload };
  }
}

/** Streams `{ id?, embedding | vector: number[], … }` as batches of rows × dimensions; other fields are payload. */
export async function* readVectorRecords(
  path: string,
  options: { batchRows?: number; signal?: AbortSignal } = {},
): AsyncGenerator<VectorBatch> {
  const perBatch = options.batchRows ?? 1024;
  let vectors = new Float32Array(0);
  let dimensions = 0;
  let ids: Id[] = [];
  let payloads: (Payload | undefined)[] = [];
  let row = 0;
  const batch = (): VectorBatch => {
    const rows = ids.length;
    const values = vectors.subarray(0, rows * dimensions);
    return { firstRow: row - rows, rows, dimensions, vectors: values, ids, payloads };
  };
  for await (const { line, value } of readJsonl(path, options.signal)) {
    const { id, _id, embedding, vector, ...payload } = value;
    const values = embedding ?? vector;
    if (!Array.isArray(values)) throw badLine(path, line, 'it has no "embedding" (or "vector") array');
    if (row === 0) dimensions = values.length;
    if (values.length !== dimensions || dimensions === 0) {
      throw badLine(
        path,
        line,
        `its embedding has ${values.length} values, that of the first line ${dimensions}`,
      );
    }
    if (ids.length === 0) vectors = new Float32Array(perBatch * dimensions);
    for (let i = 0; i < dimensions; i++) {
      if (typeof values[i] !== 'number')
        throw badLine(path, line, `value ${i} of its embedding is no number`);
      vectors[ids.length * dimensions + i] = values[i];
    }
    ids.push(idOf(id ?? _id, row++, path, line));
    payloads.push(Object.keys(payload).length === 0 ? undefined : payload);
    if (ids.length === perBatch) {
      yield batch();
      ids = [];
      payloads = [];
    }
  }
  if (ids.length > 0) yield batch();
}

// Whole numbers become bigint ids, as a row number is; text stays text.
function idOf(id: unknown, row: number, path: string, line: number): Id {
  if (id === undefined || id === null) return BigInt(row);
  if (typeof id === 'string') return id;
  if (Number.isSafeInteger(id)) return BigInt(id as number);
  throw badLine(path, line, 'its "id" is neither a string nor a whole number');
}
