/**
 * Orders text by code point, as UTF-8 bytes and Postgres' collation "C" do: negative, 0 or positive.
 * JavaScript's `<` goes by UTF-16 unit, which puts U+10000 and above before U+E000 … U+FFFF.
 */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

// Surrogates, the halves of what lies above U+FFFF, go behind all other units.
function rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}
