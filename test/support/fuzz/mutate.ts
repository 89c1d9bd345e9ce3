import { seeded } from '../random.ts';

type Below = (bound: number) => number;
type Mutation = (bytes: Buffer, below: Below) => Buffer;

/** Numbers at which counts, sizes and signs turn. */
const EDGES = [
  0n,
  1n,
  2n,
  7n,
  255n,
  256n,
  65_535n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 62n,
  -1n,
  -(2n ** 63n),
];
/** Values that JSON allows where others were meant. */
const VALUES = [
  'null',
  'true',
  '0',
  '-1',
  '1e999',
  '-0',
  '1.5',
  '9007199254740993',
  '1e-400',
  '""',
  '"x"',
  '"\\ud800"',
  '"\\u0000"',
  '[]',
  '{}',
  '[[]]',
  '[null]',
  '"__proto__"',
  `"${'y'.repeat(300)}"`,
  '-1e400',
  '[1,"1"]',
];
/** Bytes that mean something to a reader of text. */
const PIECES = [
  '\ufeff',
  '\u2028',
  '\r',
  '\n',
  '\r\n',
  '\0',
  '"',
  '\\',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  ' ',
].map((piece) => Buffer.from(piece));
const INVALID_UTF8 = [[0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x80]].map(
  (bytes) => Buffer.from(bytes),
);

const spliced = (bytes: Buffer, at: number, removed: number, put: Uint8Array): Buffer =>
  Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + removed)]);

/** A place in the file, more often near its start, where the sizes are. */
const place: (bytes: Buffer, below: Below) => number = (bytes, below) =>
  below(below(2) === 0 ? Math.min(bytes.length, 300) : bytes.length);

function putNumber(bytes: Buffer, below: Below, width: 4 | 8): Buffer {
  if (bytes.length < width) return bytes;
  const copy = Buffer.from(bytes);
  const at = Math.min(place(bytes, below), bytes.length - width);
  const old = width === 4 ? BigInt(copy.readInt32LE(at)) : copy.readBigInt64LE(at);
  const value = below(2) === 0 ? EDGES[below(EDGES.length)] : old + BigInt(below(9) - 4);
  if (width === 4) copy.writeInt32LE(Number(BigInt.asIntN(32, value)), at);
  else copy.writeBigInt64LE(BigInt.asIntN(64, value), at);
  return copy;
}

const BINARY: Mutation[] = [
  function flipBit(bytes, below) {
    const copy = Buffer.from(bytes);
    copy[place(bytes, below)] ^= 1 << below(8);
    return copy;
  },
  function setByte(bytes, below) {
    const copy = Buffer.from(bytes);
    copy[place(bytes, below)] = below(256);
    return copy;
  },
  (bytes, below) => putNumber(bytes, below, 4),
  (bytes, below) => putNumber(bytes, below, 8),
  function cutEnd(bytes, below) {
    return bytes.subarray(0, below(2) === 0 ? bytes.length - 1 - below(16) : place(bytes, below));
  },
  (bytes, below) => Buffer.concat([bytes, Buffer.alloc(1 + below(64), below(256))]),
  (bytes, below) => spliced(bytes, place(bytes, below), 1 + below(16), Buffer.alloc(0)),
  function repeatPart(bytes, below) {
    const from = place(bytes, below);
    return spliced(bytes, place(bytes, below), 0, bytes.subarray(from, from + 1 + below(64)));
  },
  function overwritePart(bytes, below) {
    const part = bytes.subarray(place(bytes, below)).subarray(0, 1 + below(32));
    const at = place(bytes, below);
    return spliced(bytes, at, part.length, part);
  },
];

const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|[[\]{},:]/g;

/** Start and end of one token of the text. */
function token(bytes: Buffer, below: Below): [number, number] {
  const text = bytes.toString('latin1');
  TOKEN.lastIndex = place(bytes, below);
  const found = TOKEN.exec(text);
  return found === null ? [0, 0] : [found.index, found.index + found[0].length];
}

const TEXT: Mutation[] = [
  function otherValue(bytes, below) {
    const [start, end] = token(bytes, below);
    return spliced(bytes, start, end - start, Buffer.from(VALUES[below(VALUES.length)]));
  },
  function otherToken(bytes, below) {
    const [start, end] = token(bytes, below);
    const [from, to] = token(bytes, below);
    return spliced(bytes, start, end - start, bytes.subarray(from, to));
  },
  function withoutToken(bytes, below) {
    const [start, end] = token(bytes, below);
    return spliced(bytes, start, end - start, Buffer.alloc(0));
  },
  (bytes, below) => spliced(bytes, place(bytes, below), below(2), PIECES[below(PIECES.length)]),
  (bytes, below) => spliced(bytes, place(bytes, below), below(2), INVALID_UTF8[below(INVALID_UTF8.length)]),
  function nested(bytes, below) {
    const depth = 1 + below(2) * 20_000;
    const [start] = token(bytes, below);
    return spliced(
      bytes,
      start,
      0,
      Buffer.from('['.repeat(depth) + (below(2) === 0 ? ']'.repeat(depth) : '')),
    );
  },
  function lineAgain(bytes, below) {
    const lines = bytes.toString('latin1').split('\n');
    const line = lines[below(lines.length)];
    lines.splice(below(lines.length), below(2), line);
    return Buffer.from(lines.join('\n'), 'latin1');
  },
];

/** The file that a number stands for: one of the whole files with one to three mutations. */
export function mutated(seeds: readonly Buffer[], text: boolean, number: number): Buffer {
  const below = seeded(Math.imul(number + 1, 0x9e37_79b1));
  // The first numbers of neighbouring seeds are alike.
  for (let i = 0; i < 3; i++) below(2);
  let bytes = seeds[below(seeds.length)];
  const mutations = text ? [...TEXT, ...TEXT, ...BINARY] : BINARY;
  for (let left = 1 + below(3); left > 0 && bytes.length > 0; left--)
    bytes = mutations[below(mutations.length)](bytes, below);
  return bytes;
}
