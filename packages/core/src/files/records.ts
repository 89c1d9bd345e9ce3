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

/** Streams `{ id | _id, text, title?, … }`; without ids on any line, ids are row numbers. */
export async function* readTextRecords(path: string, signal?: AbortSignal): AsyncGenerator<TextRecord> {
  let row = 0;
  const idOf = idReader(path);
  for await (const { line, value } of readJsonl(path, signal)) {
    const { id, _id, text, title, ...payload } = value;
    if (typeof text !== 'string') throw badLine(path, line, 'it has no "text" of type string');
    if (title !== undefined && typeof title !== 'string')
      throw badLine(path, line, 'its "title" is no string');
    const full = title === undefined || title === '' ? text : `${title} ${text}`;
    yield { id: idOf(id ?? _id, line) ?? BigInt(row++), text: full, payload };
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
  let ids: (Id | undefined)[] = [];
  let payloads: (Payload | undefined)[] = [];
  let row = 0;
  const idOf = idReader(path);
  const batch = (): VectorBatch => {
    const rows = ids.length;
    const values = vectors.subarray(0, rows * dimensions);
    const numbered = ids[0] === undefined;
    return {
      firstRow: row - rows,
      rows,
      dimensions,
      vectors: values,
      ...(numbered ? {} : { ids: ids as Id[] }),
      payloads,
    };
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
    ids.push(idOf(id ?? _id, line));
    row++;
    payloads.push(Object.keys(payload).length === 0 ? undefined : payload);
    if (ids.length === perBatch) {
      yield batch();
      ids = [];
      payloads = [];
    }
  }
  if (ids.length > 0) yield batch();
}

/** Reads the ids of one file, which has them on every line or on none: row numbers would meet given ids. */
function idReader(path: string): (id: unknown, line: number) => Id | undefined {
  let first: { readonly line: number; readonly given: boolean } | undefined;
  return (id, line) => {
    const given = id !== undefined && id !== null;
    first ??= { line, given };
    if (given !== first.given) {
      const [has, lacks] = given ? [line, first.line] : [first.line, line];
      throw badLine(
        path,
        line,
        `line ${has} has an "id" and line ${lacks} has none; give every line one, or none, and rows are numbered`,
      );
    }
    if (!given) return undefined;
    if (typeof id === 'string') return id;
    // Whole numbers become bigint ids, as a row number is.
    if (Number.isSafeInteger(id)) return BigInt(id as number);
    const rounded = Number.isInteger(id)
      ? '; it is beyond 2^53, where digits get lost: write it as text'
      : '';
    throw badLine(path, line, `its "id" is neither a string nor a whole number${rounded}`);
  };
}
