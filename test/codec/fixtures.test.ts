import { readFileSync } from 'node:fs';
import { quantizeBits, quantizeInt8, quantizeUint8, toSignedBits } from '@nestbit/core';
import { expect, test } from 'vitest';

const golden = JSON.parse(readFileSync(new URL('../fixtures/golden/codes.json', import.meta.url), 'utf8'));
const bytes = (name: string): Uint8Array => Uint8Array.from(Buffer.from(golden[name], 'hex'));
const floats = (name: string): Float32Array => new Float32Array(bytes(name).buffer);
const int8 = (name: string): Int8Array => new Int8Array(bytes(name).buffer);

test('int8 and uint8 codes are those of numpy, also one ulp beside every border', () => {
  expect(quantizeInt8(floats('vectors'), floats('ranges'))).toEqual(int8('int8'));
  expect(quantizeUint8(floats('vectors'), floats('ranges'))).toEqual(bytes('uint8'));
});

test('bits are those of numpy.packbits, signed and unsigned', () => {
  expect(quantizeBits(floats('vectors'), golden.dimensions)).toEqual(bytes('ubinary'));
  expect(toSignedBits(bytes('ubinary'))).toEqual(int8('binary'));
});

test('the older profile gives the codes of older releases wherever those were defined', () => {
  const codes = quantizeInt8(floats('vectors'), floats('ranges'), 'st5.4-5.6');
  const defined = bytes('oldDefined');
  const where = [...codes.keys()].filter((at) => (defined[at >> 3] & (0x80 >> (at & 7))) !== 0);
  expect(where.length).toBeGreaterThan(200);
  expect(where.map((at) => codes[at])).toEqual(where.map((at) => int8('oldInt8')[at]));
});
