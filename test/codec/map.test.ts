import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import {
  Calibration,
  Codec,
  calibrate,
  evaluate,
  formatCodec,
  hadamard,
  mapRows,
  parseCodec,
  quantizeBits,
  quantizeInt8,
  rotate,
  truncate,
} from '@nestbit/core';
import { expect, test } from 'vitest';
import { randomVectors, sameBytes } from '../support/vectors.ts';

const WIDTH = 40;
const N = 24;

async function mapped(width = WIDTH, n = N, seed = 5): Promise<Codec> {
  const map = randomVectors(width, n, seed);
  const calibration = await calibrate([randomVectors(200, width)], { inputDimensions: width, map });
  // As versions 1 and 2 of the codec file have it.
  return new Codec({ ...calibration.codec({ seed: 7, copy: 'calibrated' }).settings, scalars: false });
}

const mapOf = (codec: Codec): Float32Array => codec.settings.map as Float32Array;

test.each([
  [8, 8],
  [9, 8],
  [40, 24],
  [384, 384],
  [1030, 1000],
  [1536, 64],
])('a mapped codec’s kernels equal the definitions bit for bit: %i → %i', async (width, n) => {
  const codec = await mapped(width, n);
  // An odd number of rows, so that both the loop of four rows and the rest are run; some at lengths float32 squares lose.
  const fresh = randomVectors(151, width, 2).map((value, at) =>
    Math.floor(at / width) % 5 === 0 ? value * 1e-30 : value,
  );
  const kept = truncate(mapRows(truncate(fresh, width, width), mapOf(codec), width, n), n, n);
  expect(sameBytes(codec.truncate(fresh), kept)).toBe(true);
  const codes = codec.encode(fresh);
  expect(sameBytes(codes.copies, quantizeInt8(kept, codec.settings.ranges as Float32Array))).toBe(true);
  for (const query of codec.prepare(fresh.subarray(0, width * 3))) expect(query.embedding.length).toBe(n);
  expect(sameBytes(codec.prepare(fresh.subarray(width, 2 * width))[0].embedding, kept.slice(n, 2 * n))).toBe(
    true,
  );
  const into = codec.allocate(151);
  expect(codec.encodeInto(into, fresh)).toBe(codes.saturated);
  expect(sameBytes(into.bits, codes.bits) && sameBytes(into.copies, codes.copies)).toBe(true);
  const mean = codec.settings.mean as Float32Array;
  for (let at = 0; at < kept.length; at += n) {
    const row = kept.subarray(at, at + n);
    for (let i = 0; i < n; i++) row[i] -= mean[i];
    rotate(row, hadamard(n, 7));
  }
  expect(sameBytes(codes.bits, quantizeBits(kept, n))).toBe(true);
});

test('the identity as a map changes no code', async () => {
  const map = Float32Array.from({ length: WIDTH * N }, (_, at) => (Math.floor(at / N) === at % N ? 1 : 0));
  // Unit vectors, as both ways then normalize the same numbers.
  const x = truncate(randomVectors(200, WIDTH), WIDTH, WIDTH);
  const options = { inputDimensions: WIDTH, dimensions: N };
  const plain = (await calibrate([x], options)).codec();
  const same = (await calibrate([x], { ...options, map })).codec();
  expect(same.encode(x).bits).toEqual(plain.encode(x).bits);
  expect(same.encode(x).copies).toEqual(plain.encode(x).copies);
  expect(same.fingerprint).not.toBe(plain.fingerprint);
});

test('a codec file with a map is version 2 and reads back; one without is as it was before there were maps', async () => {
  const codec = await mapped();
  const text = formatCodec(codec);
  expect(JSON.parse(text).version).toBe(2);
  const again = parseCodec(text);
  expect(formatCodec(again)).toBe(text);
  expect(again.fingerprint).toBe(codec.fingerprint);
  const x = randomVectors(50, WIDTH, 3);
  expect(again.encode(x)).toEqual(codec.encode(x));

  const old = readFileSync(new URL('../fixtures/golden/codec-version-1.json', import.meta.url), 'utf8');
  const before = parseCodec(old);
  expect(formatCodec(before)).toBe(old);
  expect(before.fingerprint).toBe('a95df03fe696f0af0766fe8c5afa44bfcea978714b8709dc1bcb8a503aa3bd4f');
  const { bits } = before.encode(randomVectors(4, WIDTH, 2));
  expect(Buffer.from(bits).toString('hex')).toBe('d67a348dd788cae4b01e5e73');
});

test('a codec with a map and scalars is version 3 and reads back', async () => {
  const { settings } = await mapped();
  const codec = new Codec({ ...settings, copy: 'int8', scalars: true, ranges: undefined });
  const text = formatCodec(codec);
  expect(JSON.parse(text)).toMatchObject({ version: 3, copy: 'int8' });
  const again = parseCodec(text);
  expect(again.settings).toEqual(codec.settings);
  expect(again.fingerprint).toBe(codec.fingerprint);
  const x = randomVectors(9, WIDTH, 2);
  expect(again.encode(x)).toEqual(codec.encode(x));
  expect(sameBytes(codec.encode(x).bits, (await mapped()).encode(x).bits)).toBe(true);
});

test('the map is part of the fingerprint', async () => {
  const codec = await mapped();
  const moved = parseAs(codec, (map) => {
    map[3] = -map[3];
  });
  expect(moved.fingerprint).not.toBe(codec.fingerprint);
});

test('a damaged, missing or ill-shaped map is refused', async () => {
  const codec = await mapped();
  const body = JSON.parse(formatCodec(codec));
  const damaged = {
    ...body,
    map: `${body.map.slice(0, 40)}${body.map[40] === 'A' ? 'B' : 'A'}${body.map.slice(41)}`,
  };
  expect(() => parseCodec(JSON.stringify(damaged))).toThrow(
    expect.objectContaining({ code: 'CODEC_CORRUPT' }),
  );
  const { map: _, ...without } = body;
  expect(() => parseCodec(JSON.stringify(without))).toThrow(
    expect.objectContaining({ code: 'CODEC_CORRUPT' }),
  );
  expect(() => parseCodec(sealed({ ...body, map: body.map.slice(0, 64) }))).toThrow(
    expect.objectContaining({ code: 'CODEC_CORRUPT', message: expect.stringContaining('map has') }),
  );
  expect(() => parseCodec(sealed({ ...body, map: null }))).toThrow(
    expect.objectContaining({ code: 'CODEC_CORRUPT' }),
  );
  const holes = mapOf(codec).slice();
  holes[7] = Number.NaN;
  expect(() => parseCodec(sealed({ ...body, map: base64(holes) }))).toThrow(
    expect.objectContaining({ code: 'CODEC_CORRUPT', message: expect.stringContaining('NaN') }),
  );
  expect(() => parseCodec(sealed({ ...body, version: 4 }))).toThrow(
    expect.objectContaining({ code: 'CODEC_VERSION' }),
  );
});

test('a calibration refuses maps that do not fit, and totals of another map', async () => {
  const map = randomVectors(WIDTH, N, 5);
  expect(() => new Calibration({ inputDimensions: WIDTH, map, dimensions: 32 })).toThrow(RangeError);
  expect(() => new Calibration({ inputDimensions: WIDTH - 1, map })).toThrow(RangeError);
  expect(() => new Calibration({ inputDimensions: WIDTH, map: [...map] as never })).toThrow(TypeError);
  expect(() => new Calibration({ inputDimensions: WIDTH, map: map.map(() => Number.NaN) })).toThrow(
    RangeError,
  );
  const calibration = new Calibration({ inputDimensions: WIDTH, map });
  expect(calibration.dimensions).toBe(N);
  const other = new Calibration({ inputDimensions: WIDTH, dimensions: N });
  const wrong = expect.objectContaining({ code: 'CALIBRATION_MISMATCH' });
  expect(() => calibration.merge(other)).toThrow(wrong);
  expect(() => other.merge(calibration.totals())).toThrow(wrong);
  calibration.merge(new Calibration({ inputDimensions: WIDTH, map }).totals());
});

test('fewer dimensions keep the first columns of the map', async () => {
  const map = randomVectors(WIDTH, N, 5);
  const x = randomVectors(120, WIDTH);
  const codec = (await calibrate([x], { inputDimensions: WIDTH, dimensions: 8, map })).codec();
  const all = mapRows(truncate(x, WIDTH, WIDTH), map, WIDTH, N);
  expect(sameBytes(codec.truncate(x), truncate(all, N, 8))).toBe(true);
});

test('bad vectors are named before and after the map', async () => {
  const codec = await mapped();
  const x = randomVectors(70, WIDTH, 2);
  const ids = Array.from({ length: 70 }, (_, i) => `doc ${i}`);
  const nan = x.slice();
  nan[66 * WIDTH + 39] = Number.NaN;
  expect(() => codec.encode(nan, ids)).toThrow(
    expect.objectContaining({ code: 'VECTOR_NOT_FINITE', message: expect.stringContaining('doc 66') }),
  );
  const zero = x.slice().fill(0, 5 * WIDTH, 6 * WIDTH);
  expect(() => codec.encode(zero, ids)).toThrow(expect.objectContaining({ code: 'VECTOR_ZERO' }));
  // Only the dimensions that this map leaves out hold something.
  const map = Float32Array.from({ length: WIDTH * 8 }, (_, at) => (Math.floor(at / 8) === at % 8 ? 1 : 0));
  const narrow = (await calibrate([x], { inputDimensions: WIDTH, map })).codec();
  const outside = x.slice();
  outside.fill(0, 9 * WIDTH, 9 * WIDTH + 8);
  expect(() => narrow.encode(outside, ids)).toThrow(
    expect.objectContaining({ code: 'VECTOR_ZERO', message: expect.stringContaining('doc 9') }),
  );
});

test('evaluate compares a mapped codec with exact search over the unmapped embeddings', async () => {
  const docs = randomVectors(400, WIDTH, 2);
  const rotation = Float32Array.from({ length: WIDTH * WIDTH }, (_, at) =>
    Math.floor(at / WIDTH) === WIDTH - 1 - (at % WIDTH) ? 1 : 0,
  );
  const codec = (await calibrate([docs], { inputDimensions: WIDTH, map: rotation })).codec();
  const { results } = await evaluate({ codec, docs: [docs], queries: docs.subarray(0, 20 * WIDTH) });
  // An orthogonal map of full width keeps every cosine: only int8 rounding is left.
  expect(results.find(({ stage }) => stage === 'rescore')?.recall).toBeGreaterThan(0.97);
});

function base64(values: Float32Array): string {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('base64');
}

function parseAs(codec: Codec, change: (map: Float32Array) => void): Codec {
  const map = mapOf(codec).slice();
  change(map);
  return new (codec.constructor as typeof Codec)({ ...codec.settings, map });
}

/** The file with a checksum that fits, as somebody could make one by hand. */
function sealed({ checksum: _, ...body }: Record<string, unknown>): string {
  const checksum = createHash('sha256').update(JSON.stringify(body)).digest('hex');
  return JSON.stringify({ ...body, checksum });
}
