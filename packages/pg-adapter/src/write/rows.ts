import { type Codes, type Payload, Turns } from '@nestbit/core';

/** Rows on their way into a store, in the order in which ids are locked. */
export interface WriteRows {
  /** Ids as text. */
  readonly ids: readonly string[];
  /** Place of each row in the batch. */
  readonly places: Uint32Array;
  readonly codes: Codes;
  /** One a row of the batch. */
  readonly payloads: readonly (Payload | undefined)[] | undefined;
  /** Number of the first row of the batch. */
  readonly firstSeq: bigint;
}

/** Rows sorted by id: writers that do so alike cannot deadlock. */
export function sortedRows(
  ids: readonly string[],
  codes: Codes,
  payloads: WriteRows['payloads'],
  firstSeq: bigint,
): WriteRows {
  const places = Uint32Array.from({ length: ids.length }, (_, place) => place);
  places.sort((a, b) => (ids[a] < ids[b] ? -1 : ids[a] > ids[b] ? 1 : 0));
  return { ids, places, codes, payloads, firstSeq };
}

/** One row's values. */
export interface WriteRow {
  readonly id: string;
  readonly seq: bigint;
  readonly bits: Uint8Array;
  readonly int8: Int8Array;
  /** JSON, or null. */
  readonly payload: string | null;
}

const ROWS_AT_ONCE = 64;

/** The rows in order; other work runs between the slices of many. */
export async function* eachRow(rows: WriteRows): AsyncGenerator<WriteRow[]> {
  const { ids, places, codes, payloads, firstSeq } = rows;
  const dimensions = codes.int8.length / codes.rows;
  const turns = new Turns();
  for (let first = 0; first < places.length; first += ROWS_AT_ONCE) {
    if (turns.due) await turns.give();
    yield Array.from(places.subarray(first, first + ROWS_AT_ONCE), (place) => {
      const payload = payloads?.[place];
      return {
        id: ids[place],
        seq: firstSeq + BigInt(place),
        bits: codes.bits.subarray((place * dimensions) / 8, ((place + 1) * dimensions) / 8),
        int8: codes.int8.subarray(place * dimensions, (place + 1) * dimensions),
        payload: payload === undefined ? null : JSON.stringify(payload),
      };
    });
  }
}
