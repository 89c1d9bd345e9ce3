import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  dequantizeInt8,
  type Int8Profile,
  openNpy,
  quantizeBits,
  quantizeInt8,
  quantizeUint8,
  toSignedBits,
} from '@nestbit/core';
import { expect, test } from 'vitest';
import { needsSharedData, sharedData } from '../support/shared-data.ts';

const golden = (path: string): string => join(sharedData('golden'), path);

async function floats(path: string): Promise<{ values: Float32Array; dimensions: number }> {
  const file = await openNpy(golden(path));
  const values = await file.readRows(0, file.rows);
  await file.close();
  return { values, dimensions: file.dimensions };
}

async function codes(path: string): Promise<Int8Array | Uint8Array> {
  const file = await openNpy(golden(path));
  const values = await file.readCodes();
  await file.close();
  return values;
}

/** Minimum and maximum of each column as numpy takes them (a NaN makes both NaN): (2, dimensions). */
async function rangesOf(path: string): Promise<Float32Array> {
  const { values, dimensions } = await floats(path);
  const ranges = new Float32Array(2 * dimensions);
  for (let i = 0; i < dimensions; i++) {
    let low = Number.POSITIVE_INFINITY;
    let high = Number.NEGATIVE_INFINITY;
    for (let at = i; at < values.length; at += dimensions) {
      low = Math.min(low, values[at]);
      high = Math.max(high, values[at]);
    }
    ranges[i] = low;
    ranges[dimensions + i] = high;
  }
  return ranges;
}

/** Flat positions where the cast of an old release was undefined; its README says not to compare there. */
async function undefinedAt(path: string): Promise<Set<number>> {
  if (!existsSync(golden(path))) return new Set();
  const { readFile } = await import('node:fs/promises');
  const bytes = await readFile(golden(path));
  const start = 10 + bytes.readUInt16LE(8);
  return new Set(
    new Int32Array(bytes.buffer.slice(bytes.byteOffset + start, bytes.byteOffset + bytes.length)),
  );
}

function mismatches(
  ours: ArrayLike<number>,
  theirs: ArrayLike<number>,
  leaveOut: ReadonlySet<number>,
): number {
  expect(ours.length).toBe(theirs.length);
  let count = 0;
  for (let at = 0; at < ours.length; at++) if (ours[at] !== theirs[at] && !leaveOut.has(at)) count++;
  return count;
}

const profiles: Record<string, Int8Profile> = {
  'st-6.0.0': 'st5.7',
  'st-5.6.1': 'st5.4-5.6',
  'st-5.3.0': 'st<5.4',
};

for (const [folder, profile] of Object.entries(profiles)) {
  test(`${folder}: every int8, uint8, binary and ubinary byte of sentence-transformers`, async (context) => {
    needsSharedData(context, 'golden');
    let compared = 0;
    for (const name of readdirSync(golden(folder))) {
      const match =
        /^([a-z]_\w+?)(?:__(\w+))?\.(int8|uint8|binary|ubinary)(\.nocalib|\.ranges_f64)?\.npy$/.exec(name);
      if (match === null) continue;
      const [, input, calibration, kind, variant] = match;
      const { values, dimensions } = await floats(`inputs/${input}.npy`);
      const theirs = await codes(`${folder}/${name}`);
      // Before 5.7 the whole matrix was one bit string; rows that fill no bytes ran into each other.
      if (kind.endsWith('binary') && folder !== 'st-6.0.0' && dimensions % 8 !== 0) continue;
      let ours: Int8Array | Uint8Array;
      if (kind.endsWith('binary')) {
        const bits = quantizeBits(values, dimensions);
        ours = kind === 'binary' ? toSignedBits(bits) : bits;
      } else {
        const source =
          variant === '.nocalib'
            ? input
            : `${input.slice(0, 1) === 'g' && calibration ? 'g_nonfinite_badcalib' : `${input}_calib`}`;
        const narrow = await rangesOf(`inputs/${source}.npy`);
        const ranges = variant === '.ranges_f64' ? Float64Array.from(narrow) : narrow;
        ours = (kind === 'int8' ? quantizeInt8 : quantizeUint8)(values, ranges, profile);
      }
      const leaveOut = await undefinedAt(
        `${folder}/${name.replace('.nocalib', '').replace('.npy', '.ub_index.npy')}`,
      );
      expect(mismatches(ours, theirs, leaveOut), name).toBe(0);
      compared++;
    }
    expect(compared).toBeGreaterThanOrEqual(2);
  });
}

test('pgvector’s binary_quantize, byte for byte', async (context) => {
  needsSharedData(context, 'golden');
  for (const input of ['b_unit', 'd_edge', 'h_d10']) {
    const { values, dimensions } = await floats(`inputs/${input}.npy`);
    expect(
      mismatches(quantizeBits(values, dimensions), await codes(`pgvector/${input}.bits.npy`), new Set()),
    ).toBe(0);
  }
});

test('dequantized codes give the golden order of exact scores', async (context) => {
  needsSharedData(context, 'golden');
  const ranges = (await floats('rescore/ranges.npy')).values;
  const queries = (await floats('rescore/queries.npy')).values;
  const values = dequantizeInt8((await codes('rescore/codes_int8.npy')) as Int8Array, ranges);
  const file = await openNpy(golden('rescore/scores_center.npy'));
  const expected = await file.readRows(0, 6);
  await file.close();
  for (let query = 0; query < 6; query++) {
    for (let row = 0; row < 120; row++) {
      let score = 0;
      for (let i = 0; i < 256; i++) score += queries[query * 256 + i] * values[row * 256 + i];
      expect(Math.abs(Math.fround(score) - expected[query * 120 + row])).toBeLessThanOrEqual(
        1e-6 * Math.max(1, Math.abs(score)),
      );
    }
  }
});
