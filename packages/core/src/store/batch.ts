import type { Codec } from '../codec/codec.ts';
import { rowsOf } from '../codec/shape.ts';
import type { Codes, Id } from '../codec/types.ts';
import { NestbitError, wrongType } from '../errors.ts';
import { type BatchInput, flatBatch, type IdInput, takeIds } from './inputs.ts';
import { checkPayloads } from './payload.ts';
import type { Batch } from './store.ts';
import { Turns } from './turns.ts';

const INT64_MAX = 2n ** 63n - 1n;
const MAX_ID_BYTES = 512;

/** Rows checked between two looks at the event loop. */
const ROWS_AT_ONCE = 256;

/**
 * A batch as it is now: its lists of ids and payloads and its codes are copied, so that what the caller does to them
 * while they are stored cannot reach into the store. Embeddings are not (they may be large); changing them meanwhile
 * changes what is stored. What is no batch comes back as it is, for `checkBatch` to refuse.
 *
 * @param width inputDimensions of the codec
 */
export function takeBatch(batch: BatchInput, width: number): Batch {
  if (typeof batch !== 'object' || batch === null) return batch;
  const taken = { ...flatBatch(batch, width) };
  if (Array.isArray(batch.ids)) Object.assign(taken, { ids: takeIds(batch.ids) });
  if (Array.isArray(batch.payloads)) Object.assign(taken, { payloads: batch.payloads.slice() });
  if (!('codes' in batch) || typeof batch.codes !== 'object' || batch.codes === null) return taken;
  const codes: Record<string, unknown> = { ...batch.codes };
  for (const part of ['bits', 'scalars', 'copies'])
    if (codes[part] instanceof Uint8Array) codes[part] = (codes[part] as Uint8Array).slice();
  return Object.assign(taken, { codes });
}

/**
 * Checks a whole batch before anything changes, but for the values of its embeddings, which encoding checks.
 * Gives what it holds: codes or embeddings. Other work runs between the slices of a large one.
 *
 * @throws NestbitError as `Store.upsert`; TypeError for what no batch can be
 */
export async function checkBatch(
  batch: Batch,
  codec: Codec,
): Promise<{ codes: Codes; embeddings?: never } | { codes?: never; embeddings: Float32Array }> {
  if (typeof batch !== 'object' || batch === null) throw wrongType('batch must be an object with ids');
  const turns = new Turns();
  await checkIds(batch.ids, turns);
  await checkPayloads(batch.payloads, batch.ids.length, turns);
  const embeddings = 'embeddings' in batch ? batch.embeddings : undefined;
  const codes = 'codes' in batch ? batch.codes : undefined;
  if ((embeddings === undefined) === (codes === undefined))
    throw wrongType('batch must hold either embeddings (a Float32Array) or codes');
  if (codes !== undefined) return { codes: checkCodes(codes, batch.ids.length, codec) };
  rowsOf(embeddings as Float32Array, codec.inputDimensions, batch.ids);
  return { embeddings: embeddings as Float32Array };
}

/** Checks that ids are fit for any store, that there is one, and that none comes twice. */
export async function checkIds(ids: readonly Id[], turns: Turns = new Turns()): Promise<void> {
  if (!Array.isArray(ids)) throw wrongType('ids must be an array of strings, bigints or safe integers');
  if (ids.length === 0)
    throw new NestbitError('BATCH_EMPTY', 'The batch holds no id; give at least one row.');
  // As loads mostly bring them, ids ascend, and none of those comes twice.
  let seen: Map<Id, number> | undefined;
  // By index, since forEach would skip the holes of a sparse array.
  for (let row = 0; row < ids.length; row++) {
    if (row % ROWS_AT_ONCE === 0 && turns.due) await turns.give();
    const id = ids[row];
    checkId(id, row);
    if (seen === undefined) {
      if (row === 0 || ascends(ids[row - 1], id)) continue;
      seen = new Map(ids.slice(0, row).map((one, i) => [one, i]));
    }
    const before = seen.get(id);
    if (before !== undefined) {
      throw new NestbitError(
        'ID_DUPLICATE',
        `The id ${String(id)} stands in rows ${before} and ${row} of one batch; keep the row that is to win.`,
      );
    }
    seen.set(id, row);
  }
}

/** Whether both are of a kind and the second comes after the first. */
function ascends(first: Id, second: Id): boolean {
  return typeof first === typeof second && first < second;
}

/**
 * Checks ids to look up or to delete: fit for any store; none at all is allowed, and so is one twice. Returns a copy of
 * them with safe integers as bigints.
 */
export function checkKeys(ids: readonly IdInput[]): Id[] {
  if (!Array.isArray(ids)) throw wrongType('ids must be an array of strings, bigints or safe integers');
  // By index, since forEach would skip the holes of a sparse array.
  const keys = takeIds(ids);
  for (let row = 0; row < keys.length; row++) checkId(keys[row], row);
  return keys;
}

function checkId(id: unknown, row: number): void {
  if (typeof id === 'bigint') {
    if (id >= -INT64_MAX - 1n && id <= INT64_MAX) return;
    throw new NestbitError(
      'ID_INVALID',
      `The id ${id} in row ${row} does not fit 64 bits; give it as a string.`,
    );
  }
  if (typeof id === 'number') {
    throw new NestbitError(
      'ID_INVALID',
      `The id ${id} in row ${row} is a number${Number.isSafeInteger(id) ? '; here ids are bigints (BigInt(number)) or strings' : ' that is not a safe integer; give a bigint or a string'}.`,
    );
  }
  if (typeof id !== 'string') {
    throw new NestbitError(
      'ID_INVALID',
      `The id in row ${row} is of type ${typeof id}; ids are strings, bigints or safe integers.`,
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

function checkCodes(codes: Codes, rows: number, codec: Codec): Codes {
  const { bits, scalars, copies } = codes;
  for (const [name, value] of Object.entries({ bits, scalars, copies }))
    if (!(value instanceof Uint8Array)) throw wrongType(`codes.${name} must be a Uint8Array`);
  if (codes.fingerprint !== codec.fingerprint) {
    throw new NestbitError(
      'CODEC_MISMATCH',
      `The codes are of codec ${codes.fingerprint}, the store's is ${codec.fingerprint}. ` +
        'Codes of two codecs cannot be compared: encode the embeddings with the codec of the store.',
    );
  }
  const { layout } = codec;
  const given = [bits.length, scalars.length, copies.length];
  const needed = [rows * layout.bits, rows * layout.scalars, rows * layout.copy];
  if (codes.rows !== rows || given.some((length, part) => length !== needed[part])) {
    throw new NestbitError(
      'BATCH_SHAPE',
      `The codes have ${codes.rows} rows, ${given.join(', ')} bytes of bits, scalars and copies; ` +
        `${rows} ids of this codec need ${needed.join(', ')}.`,
    );
  }
  return codes;
}
