import type { Codec } from '../codec/codec.ts';
import { rowsOf } from '../codec/shape.ts';
import type { Codes, Id } from '../codec/types.ts';
import { NestbitError } from '../errors.ts';
import type { Batch } from './store.ts';

const INT64_MAX = 2n ** 63n - 1n;
const MAX_ID_BYTES = 512;

/** Checks a whole batch before anything changes, and gives its codes. */
export function codesOf(batch: Batch, codec: Codec): Codes {
  checkIds(batch.ids);
  checkPayloads(batch);
  if ('embeddings' in batch) {
    rowsOf(batch.embeddings, codec.inputDimensions, batch.ids);
    return codec.encode(batch.embeddings, batch.ids);
  }
  return checkCodes(batch.codes, batch.ids.length, codec);
}

/** Checks that ids are fit for any store and that none comes twice. */
export function checkIds(ids: readonly Id[]): void {
  if (!Array.isArray(ids)) throw new TypeError('ids must be an array of strings or bigints');
  if (ids.length === 0)
    throw new NestbitError('BATCH_EMPTY', 'The batch holds no id; give at least one row.');
  const seen = new Map<Id, number>();
  ids.forEach((id, row) => {
    checkId(id, row);
    const before = seen.get(id);
    if (before !== undefined) {
      throw new NestbitError(
        'ID_DUPLICATE',
        `The id ${String(id)} stands in rows ${before} and ${row} of one batch; keep the row that is to win.`,
      );
    }
    seen.set(id, row);
  });
}

function checkId(id: unknown, row: number): void {
  if (typeof id === 'bigint') {
    if (id >= -INT64_MAX - 1n && id <= INT64_MAX) return;
    throw new NestbitError(
      'ID_INVALID',
      `The id ${id} in row ${row} does not fit 64 bits; give it as a string.`,
    );
  }
  if (typeof id !== 'string') {
    throw new NestbitError(
      'ID_INVALID',
      `The id in row ${row} is of type ${typeof id}; ids are strings or bigints (a number as BigInt(number)).`,
    );
  }
  const bytes = Buffer.byteLength(id);
  if (bytes === 0 || bytes > MAX_ID_BYTES || id.includes('\0') || !id.isWellFormed()) {
    throw new NestbitError(
      'ID_INVALID',
      `The id in row ${row} has ${bytes} bytes; text ids have 1 to ${MAX_ID_BYTES} bytes of UTF-8 without NUL.`,
    );
  }
}

function checkPayloads({ ids, payloads }: Batch): void {
  if (payloads === undefined) return;
  if (payloads.length !== ids.length) {
    throw new NestbitError(
      'BATCH_SHAPE',
      `The batch has ${payloads.length} payloads but ${ids.length} ids; give one a row.`,
    );
  }
  payloads.forEach((payload, row) => {
    if (
      payload !== undefined &&
      (typeof payload !== 'object' || payload === null || Array.isArray(payload))
    ) {
      throw new NestbitError(
        'PAYLOAD_INVALID',
        `The payload in row ${row} is no JSON object; wrap it: { value: … }.`,
      );
    }
  });
}

function checkCodes(codes: Codes, rows: number, codec: Codec): Codes {
  if (codes.fingerprint !== codec.fingerprint) {
    throw new NestbitError(
      'CODEC_MISMATCH',
      `The codes are of codec ${codes.fingerprint}, the store's is ${codec.fingerprint}. ` +
        'Codes of two codecs cannot be compared: encode the embeddings with the codec of the store.',
    );
  }
  const { dimensions } = codec;
  if (
    codes.rows !== rows ||
    codes.bits.length * 8 !== rows * dimensions ||
    codes.int8.length !== rows * dimensions
  ) {
    throw new NestbitError(
      'BATCH_SHAPE',
      `The codes have ${codes.rows} rows, ${codes.bits.length} bytes of bits and ${codes.int8.length} of int8; ` +
        `${rows} ids of ${dimensions} dimensions need ${(rows * dimensions) / 8} and ${rows * dimensions}.`,
    );
  }
  return codes;
}
