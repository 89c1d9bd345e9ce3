const NONE: Buffer = Buffer.alloc(0);

/** Where the fields of a row are in `bytes`, which hold until the next call. */
export interface RowPlaces {
  idFrom: number;
  idEnd: number;
  /** Negative: NULL. */
  valueFrom: number;
  valueEnd: number;
}

/**
 * Rows of a COPY BINARY stream of two columns, from pieces of any length: tells `row` where each one's fields are. No
 * view is made of them: of many rows it would keep the garbage collector at work.
 * https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format"
 */
export class CopyFields {
  readonly #row: (bytes: Buffer, places: RowPlaces) => void;
  readonly #places: RowPlaces = { idFrom: 0, idEnd: 0, valueFrom: 0, valueEnd: 0 };
  #rest: Buffer = NONE;
  #started = false;

  constructor(row: (bytes: Buffer, places: RowPlaces) => void) {
    this.#row = row;
  }

  /** Takes what is at `from` to `end`. */
  add(piece: Buffer, from: number, end: number): void {
    if (this.#rest.length === 0) this.#read(piece, from, end);
    else {
      const bytes = Buffer.concat([this.#rest, piece.subarray(from, end)]);
      this.#read(bytes, 0, bytes.length);
    }
  }

  #read(bytes: Buffer, from: number, end: number): void {
    let at = from;
    if (!this.#started) {
      // Signature (11), flags (4), length of the header's extension (4).
      if (end - at < 19 || end - at < 19 + bytes.readInt32BE(at + 15)) {
        this.#rest = Buffer.from(bytes.subarray(at, end));
        return;
      }
      at += 19 + bytes.readInt32BE(at + 15);
      this.#started = true;
    }
    for (;;) {
      const next = this.#tuple(bytes, at, end);
      if (next < 0) break;
      at = next;
    }
    // A copy: the view would keep the whole piece.
    this.#rest = at === end ? NONE : Buffer.from(bytes.subarray(at, end));
  }

  // Where the tuple ends that begins at `at`; negative when it is not there as a whole, or was the trailer.
  #tuple(bytes: Buffer, at: number, end: number): number {
    if (at + 6 > end || bytes.readInt16BE(at) < 0) return -1;
    const idEnd = at + 6 + bytes.readInt32BE(at + 2);
    if (idEnd + 4 > end) return -1;
    const length = bytes.readInt32BE(idEnd);
    const valueEnd = idEnd + 4 + Math.max(0, length);
    if (valueEnd > end) return -1;
    const places = this.#places;
    places.idFrom = at + 6;
    places.idEnd = idEnd;
    places.valueFrom = length < 0 ? -1 : idEnd + 4;
    places.valueEnd = valueEnd;
    this.#row(bytes, places);
    return valueEnd;
  }
}
