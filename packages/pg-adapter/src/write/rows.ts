import { type Codes, type Id, type Payload, Turns } from '@nestbit/core';
import type { IdType } from '../schema/tables.ts';

/** Rows on their way into a store, in the order in which ids are locked. */
export interface WriteRows {
  /** Ids as text, or as bigints where they are numbers. */
  readonly ids: readonly Id[];
  /** Ids as numbers, where they are. */
  readonly keys: BigInt64Array | undefined;
  /** Place of each row in the batch. */
  readonly places: Uint32Array;
  readonly codes: Codes;
  /** One a row of the batch. */
  readonly payloads: readonly (Payload | undefined)[] | undefined;
  /** Number of the first row of the batch. */
  readonly firstSeq: bigint;
}

/** Rows of a batch that have no numbers yet. */
export type UnnumberedRows = Omit<WriteRows, 'firstSeq'>;

/** Rows of a batch that have no codes yet either. */
export type RowKeys = Omit<UnnumberedRows, 'codes'>;

/** A batch's rows in the order of `places`, all of them unless told. */
export function rowsAt<T extends Pick<WriteRows, 'ids'>>(
  batch: T,
  idType: IdType,
  places: Uint32Array = allPlaces(batch.ids.length),
): T & Pick<WriteRows, 'keys' | 'places'> {
  const keys = idType === 'bigint' ? new BigInt64Array(batch.ids.length) : undefined;
  // A loop, which takes a third of the time of BigInt64Array.from.
  if (keys !== undefined) for (let i = 0; i < keys.length; i++) keys[i] = BigInt(batch.ids[i]);
  return { ...batch, keys, places };
}

function allPlaces(rows: number): Uint32Array {
  const places = new Uint32Array(rows);
  for (let place = 0; place < rows; place++) places[place] = place;
  return places;
}

/** Rows sorted by id, as the primary key orders them: writers that do so alike cannot deadlock. */
export function sorted<T extends Pick<WriteRows, 'ids' | 'keys' | 'places'>>(rows: T): T {
  const { ids, places } = rows;
  // Bigints that are there: those of `keys` are made anew for each look.
  const keys: ArrayLike<Id> = typeof ids[0] === 'bigint' ? ids : (rows.keys ?? ids);
  // As loads mostly bring them.
  if (ascending(keys, places)) return rows;
  places.sort((a, b) => (keys[a] < keys[b] ? -1 : keys[a] > keys[b] ? 1 : 0));
  return rows;
}

function ascending(keys: ArrayLike<Id>, places: Uint32Array): boolean {
  let before = keys[places[0]];
  for (let i = 1; i < places.length; i++) {
    const key = keys[places[i]];
    if (!(before < key)) return false;
    before = key;
  }
  return true;
}

/** One row's values. */
export interface WriteRow {
  readonly id: string;
  readonly seq: bigint;
  readonly bits: Uint8Array;
  readonly scalars: Uint8Array;
  readonly copy: Uint8Array;
  /** JSON, or null. */
  readonly payload: string | null;
}

const ROWS_AT_ONCE = 64;

/** The rows in order; other work runs between the slices of many. */
export async function* eachRow(rows: WriteRows): AsyncGenerator<WriteRow[]> {
  const { ids, places, codes, payloads, firstSeq } = rows;
  const [bits, scalars, copies] = [codes.bits, codes.scalars, codes.copies].map(rowsIn(codes.rows));
  const turns = new Turns();
  for (let first = 0; first < places.length; first += ROWS_AT_ONCE) {
    if (turns.due) await turns.give();
    yield Array.from(places.subarray(first, first + ROWS_AT_ONCE), (place) => {
      const payload = payloads?.[place];
      return {
        id: String(ids[place]),
        seq: firstSeq + BigInt(place),
        bits: bits(place),
        scalars: scalars(place),
        copy: copies(place),
        payload: payload === undefined ? null : JSON.stringify(payload),
      };
    });
  }
}

/** Reads single rows out of some that lie one after the other. */
function rowsIn(rows: number): (all: Uint8Array) => (row: number) => Uint8Array {
  return (all) => {
    const width = all.length / rows;
    return (row) => all.subarray(row * width, (row + 1) * width);
  };
}
