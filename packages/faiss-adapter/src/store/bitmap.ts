/** Sets of rows as bitmaps: bit (row % 64) of word row / 64. Never changed once they are handed on. */

/** Words for some rows. */
export function words(rows: number): number {
  return Math.ceil(rows / 64);
}

/** The first `rows` rows, without some of them; `before` is the set so far, absent: all of `known` rows. */
export function without(
  before: BigUint64Array | undefined,
  known: number,
  rows: number,
  gone: Uint32Array,
): BigUint64Array | undefined {
  if (before === undefined && gone.length === 0) return undefined;
  const set = new BigUint64Array(words(rows));
  if (before === undefined) fill(set, 0, rows);
  else {
    set.set(before);
    fill(set, known, rows);
  }
  const halves = new Uint32Array(set.buffer);
  for (const row of gone) halves[row >>> 5] &= ~(1 << (row & 31));
  return set;
}

/** Whether a row is in the set; absent: all are. */
export function has(set: BigUint64Array | undefined, row: number): boolean {
  return set === undefined || ((set[row >>> 6] >> BigInt(row & 63)) & 1n) === 1n;
}

/** How many rows a set holds. */
export function count(set: BigUint64Array): number {
  let total = 0;
  for (let half of new Uint32Array(set.buffer, set.byteOffset, set.length * 2)) {
    // Bits in parallel (Hacker's Delight, figure 5-2).
    half -= (half >>> 1) & 0x5555_5555;
    half = (half & 0x3333_3333) + ((half >>> 2) & 0x3333_3333);
    total += Math.imul((half + (half >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
  }
  return total;
}

function fill(set: BigUint64Array, from: number, to: number): void {
  const halves = new Uint32Array(set.buffer);
  for (let row = from; row < to; ) {
    if ((row & 31) === 0 && row + 32 <= to) {
      halves[row >>> 5] = 0xffff_ffff;
      row += 32;
    } else {
      halves[row >>> 5] |= 1 << (row & 31);
      row++;
    }
  }
}
