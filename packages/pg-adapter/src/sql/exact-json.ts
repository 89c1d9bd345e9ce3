/** Texts and whole numbers of JSON. A number with a fraction or an exponent is passed over. */
const TOKENS = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/gs;
/** A shorter number is exact. */
const LONG = /\d{16}/;
const WHOLE = /^-?\d+$/;

/** JSON whose whole numbers that JavaScript would round, such as 9007199254740993, become text. */
export function exactJson(text: string): unknown {
  if (!LONG.test(text)) return JSON.parse(text);
  return JSON.parse(text.replaceAll(TOKENS, (token) => (isRounded(token) ? `"${token}"` : token)));
}

/** Whether a whole number loses digits as a JavaScript number. One that JavaScript itself wrote does not: 1e21 is whole. */
export function isRounded(token: string): boolean {
  return token.length > 15 && WHOLE.test(token) && digitsOf(Number(token)) !== token;
}

/** All digits of a whole number as JavaScript prints it, its exponent as zeros. */
function digitsOf(value: number): string {
  const [digits, exponent] = String(value).split('e+');
  if (exponent === undefined) return digits;
  const [whole, fraction = ''] = digits.split('.');
  return `${whole}${fraction.padEnd(Number(exponent), '0')}`;
}
