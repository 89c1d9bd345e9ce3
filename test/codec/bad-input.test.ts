import { Calibration, calibrate, formatCodec, NestbitError, parseCodec } from '@nestbit/core';
import { expect, test, vi } from 'vitest';
import { randomVectors } from '../support/vectors.ts';

const code = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof NestbitError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return 'no error';
};
const codec = (await calibrate([randomVectors(200, 32)], { inputDimensions: 32, dimensions: 16 })).codec();

test('NaN, Infinity and zero vectors are refused by the name of their id, whatever row they are in', () => {
  for (const [value, name] of [
    [Number.NaN, 'VECTOR_NOT_FINITE'],
    [Number.POSITIVE_INFINITY, 'VECTOR_NOT_FINITE'],
    [Number.NEGATIVE_INFINITY, 'VECTOR_NOT_FINITE'],
    [0, 'VECTOR_ZERO'],
  ] as const) {
    const batch = randomVectors(5000, 32);
    const ids = Array.from({ length: 5000 }, (_, row) => `doc-${row}`);
    if (value === 0) batch.fill(0, 4321 * 32, 4322 * 32);
    batch[4321 * 32 + 3] = value;
    expect(code(() => codec.encode(batch, ids))).toMatch(new RegExp(`^${name}: .*doc-4321`));
    expect(code(() => codec.truncate(batch))).toMatch(new RegExp(`^${name}: .*row 4321`));
    expect(code(() => codec.prepare(batch))).toMatch(new RegExp(`^${name}`));
  }
});

test('a vector that is zero only in the kept dimensions is refused', () => {
  const batch = randomVectors(3, 32).fill(0, 32, 48);
  expect(code(() => codec.encode(batch))).toMatch(/^VECTOR_ZERO: .*row 1 .*kept/);
});

test('empty batches, partial rows and the wrong number of ids are refused', () => {
  expect(code(() => codec.encode(new Float32Array(0)))).toMatch(/^BATCH_EMPTY/);
  expect(code(() => codec.encode(new Float32Array(33).fill(1)))).toMatch(
    /^BATCH_SHAPE: .*33 values.*32 dimensions/,
  );
  expect(code(() => codec.encode(randomVectors(2, 32), ['a']))).toMatch(/^BATCH_SHAPE: .*1 ids but 2/);
  expect(() => codec.encode([1, 2] as unknown as Float32Array)).toThrow(TypeError);
});

test('dimensions that fill no bytes, or exceed the embedding, are refused with the way out', () => {
  const options = (dimensions: number): string =>
    code(() => new Calibration({ inputDimensions: 32, dimensions }));
  expect(options(30)).toMatch(/^DIMENSIONS: .*30.*--dimensions 24/);
  expect(options(40)).toMatch(/^DIMENSIONS: .*40.*only 32/);
  expect(options(0)).toMatch(/^DIMENSIONS/);
  expect(code(() => new Calibration({ inputDimensions: 31 }))).toMatch(/^DIMENSIONS: .*31/);
});

test('a bad batch leaves a calibration as it was', () => {
  const calibration = new Calibration({ inputDimensions: 32 });
  calibration.add(randomVectors(500, 32));
  const before = calibration.totals();
  const bad = randomVectors(5000, 32);
  bad[4999 * 32] = Number.NaN;
  expect(code(() => calibration.add(bad))).toMatch(/^VECTOR_NOT_FINITE/);
  expect(calibration.totals()).toEqual(before);
});

test('calibrations of nothing, of other widths, or with a quantile but no histogram are refused', () => {
  const empty = new Calibration({ inputDimensions: 32 });
  expect(code(() => empty.codec())).toMatch(/^CALIBRATION_EMPTY/);
  expect(code(() => empty.merge(new Calibration({ inputDimensions: 32, dimensions: 16 })))).toMatch(
    /^CALIBRATION_MISMATCH: .*32 → 16.*32 → 32/,
  );
  empty.add(randomVectors(100, 32));
  expect(() => empty.codec({ quantile: 0.9 })).toThrow(TypeError);
  expect(() => empty.codec({ rotation: 'random' as 'none' })).toThrow(TypeError);
  expect(() => empty.codec({ seed: 0.5 })).toThrow(TypeError);
});

test('a calibration below 100 rows warns', () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  const few = new Calibration({ inputDimensions: 32 });
  few.add(randomVectors(99, 32));
  few.codec();
  expect(warn).toHaveBeenCalledExactlyOnceWith(expect.stringContaining('99 rows'), expect.anything());
  few.add(randomVectors(1, 32));
  few.codec();
  expect(warn).toHaveBeenCalledOnce();
  warn.mockRestore();
});

test('an edited, damaged, foreign or newer codec file is refused', () => {
  const text = formatCodec(codec);
  expect(code(() => parseCodec(text.replace('"seed": 0', '"seed": 1')))).toMatch(
    /^CODEC_CORRUPT: .*checksum/,
  );
  expect(code(() => parseCodec(text.slice(0, -20)))).toMatch(/^CODEC_CORRUPT: .*not JSON/);
  expect(code(() => parseCodec('{"format":"other"}'))).toMatch(/^CODEC_CORRUPT: .*nestbit-codec/);
  expect(code(() => parseCodec(text.replace(/"version": \d/, '"version": 4')))).toMatch(
    /^CODEC_VERSION: .*4.*1 to 3/,
  );
});

test('codes are not written into memory of another size', () => {
  const into = { ...codec.allocate(3), copies: new Uint8Array(47) };
  expect(() => codec.encodeInto(into, randomVectors(3, 32))).toThrow(
    /^into has 6, \d, 47 bytes of bits, scalars and copies; 3 rows need 6, \d, \d+/,
  );
});
