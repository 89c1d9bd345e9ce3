const NONE: Buffer = Buffer.alloc(0);

/**
 * Rows of a COPY BINARY stream of two columns, from pieces of any length: gives each row's fields to `row` as views
 * that hold until the next call.
 * https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format"
 */
export class CopyFields {
  readonly #row: (id: Buffer, value: Buffer | null) => void;
  #rest: Buffer = NONE;
  #started = false;

  constructor(row: (id: Buffer, value: Buffer | null) => void) {
    this.#row = row;
  }

  add(piece: Buffer): void {
    const bytes = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece]);
    let at = 0;
    if (!this.#started) {
      // Signature (11), flags (4), length of the header's extension (4).
      if (bytes.length < 19 || bytes.length < 19 + bytes.readInt32BE(15)) {
        this.#rest = Buffer.from(bytes);
        return;
      }
      at = 19 + bytes.readInt32BE(15);
      this.#started = true;
    }
    for (;;) {
      const end = this.#tuple(bytes, at);
      if (end < 0) break;
      at = end;
    }
    // A copy: the view would keep the whole piece.
    this.#rest = at === bytes.length ? NONE : Buffer.from(bytes.subarray(at));
  }

  // Where the tuple ends that begins here; negative when it is not there as a whole, or was the trailer.
  #tuple(bytes: Buffer, at: number): number {
    if (at + 6 > bytes.length || bytes.readInt16BE(at) < 0) return -1;
    const idEnd = at + 6 + bytes.readInt32BE(at + 2);
    if (idEnd + 4 > bytes.length) return -1;
    const length = bytes.readInt32BE(idEnd);
    const end = idEnd + 4 + Math.max(0, length);
    if (end > bytes.length) return -1;
    this.#row(bytes.subarray(at + 6, idEnd), length < 0 ? null : bytes.subarray(idEnd + 4, end));
    return end;
  }
}
