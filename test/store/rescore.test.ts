import { type PreparedQuery, rescore, rescoreApart, rescoreScore } from '@nestbit/core';
import { clusteredVectors } from '@nestbit/core/testing';
import { expect, test } from 'vitest';
import { foldQuery } from '../../packages/core/src/codec/rescore.ts';

const ROWS = 300;

/** A query whose sums come as close to 2^53 as folding lets them. */
function folded(n: number): PreparedQuery {
  const query = clusteredVectors(1, n).fill(0.5, 0, 3);
  const { weights, scale, bias } = foldQuery(
    query,
    new Float32Array(n).fill(-0.3),
    new Float32Array(n).fill(0.01),
  );
  return { rescoreWeights: weights, rescoreScale: scale, rescoreBias: bias } as PreparedQuery;
}

/** Codes at random, with rows of only the largest and the smallest. */
function codes(n: number): Int8Array {
  const values = Int8Array.from({ length: ROWS * n }, (_, i) => Math.imul(i + 1, 0x9e3779b1) >>> 24);
  return values.fill(-128, 0, n).fill(127, n, 2 * n);
}

for (const n of [8, 64, 1000, 1024, 2056, 20_000]) {
  test(`of ${n} dimensions, the kernel gives every row the score that is defined`, () => {
    const query = folded(n);
    const int8 = codes(n);
    const candidates = Uint32Array.from({ length: ROWS }, (_, row) => ROWS - 1 - row);
    const found = rescore(query, int8, candidates, ROWS);
    expect([...found.rows].sort((a, b) => a - b)).toEqual([...candidates].reverse());
    expect([...found.scores]).toEqual([...found.rows].map((row) => rescoreScore(query, int8, row)));
    const rows = Array.from(
      { length: ROWS },
      (_, row) => new Uint8Array(int8.buffer.slice(row * n, (row + 1) * n)),
    );
    expect(rescoreApart(query, rows, 7)).toEqual(rescore(query, int8, candidates.slice().reverse(), 7));
  });
}
