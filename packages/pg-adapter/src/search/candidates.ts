import { scalarsOfSmallint } from '../codes/columns.ts';

/** A row that the Hamming distance, or its id, has brought. Codes that were not asked for are empty. */
export interface Candidate {
  readonly id: string;
  readonly seq: bigint;
  readonly distance: number;
  readonly bits: Uint8Array;
  readonly scalars: Uint8Array;
  readonly copy: Uint8Array;
}

/** The columns that candidates come in, as `pg` gives them. */
export interface CandidateRow {
  readonly id: string;
  readonly seq: string;
  readonly distance: number;
  readonly bits: Buffer | null;
  readonly scalars: number | null;
  readonly copy: Buffer | null;
}

const NONE = Buffer.alloc(0);

export function candidateOf({ id, seq, distance, bits, scalars, copy }: CandidateRow): Candidate {
  return {
    id,
    seq: BigInt(seq),
    distance,
    bits: bits ?? NONE,
    scalars: scalars === null ? NONE : scalarsOfSmallint(scalars),
    copy: copy ?? NONE,
  };
}

/**
 * The same columns as COPY BINARY sends them, of several statements one after the other. Half of the bytes that text
 * needs, and no hex to read.
 * https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format"
 *
 * @param bytes whole; codes are views of it
 */
export function candidatesOfCopies(bytes: Buffer): Candidate[][] {
  const all: Candidate[][] = [];
  let at = 0;
  // Begins a field; gives where it ends.
  const field = (): number => {
    const length = bytes.readInt32BE(at);
    at += 4;
    return at + Math.max(0, length);
  };
  const code = (): Buffer => {
    const end = field();
    const value = end === at ? NONE : bytes.subarray(at, end);
    at = end;
    return value;
  };
  while (at < bytes.length) {
    // Signature (11), flags (4), length of the header's extension (4).
    at += 19 + bytes.readInt32BE(at + 15);
    const candidates: Candidate[] = [];
    for (; bytes.readInt16BE(at) >= 0; ) {
      at += 2;
      const end = field();
      const id = bytes.toString('utf8', at, end);
      const seq = bytes.readBigInt64BE(end + 4);
      const distance = bytes.readInt32BE(end + 16);
      at = end + 20;
      candidates.push({ id, seq, distance, bits: code(), scalars: code(), copy: code() });
    }
    at += 2;
    all.push(candidates);
  }
  return all;
}

/** Ids by distance; of ties the row written first. */
export function nearest(candidates: readonly Candidate[]): string[] {
  return [...candidates].sort((a, b) => a.distance - b.distance || compare(a.seq, b.seq)).map(({ id }) => id);
}

/** Of ties in a later stage, the row written first goes first: rows are numbered by age. */
export function byAge(candidates: readonly Candidate[]): Candidate[] {
  return [...candidates].sort((a, b) => compare(a.seq, b.seq));
}

/** Codes in one piece. */
export function joined(codes: readonly Uint8Array[]): Uint8Array {
  const width = codes[0]?.length ?? 0;
  const all = new Uint8Array(codes.length * width);
  for (const [row, code] of codes.entries()) all.set(code, row * width);
  return all;
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
