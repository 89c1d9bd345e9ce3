import { type Codec, calibrate, evaluate, MemoryStore, type StageRecall } from '@nestbit/core';
import { leaningVectors, NestedVectors } from '@nestbit/core/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { randomVectors } from '../support/vectors.ts';

const copies = ['int8', 'int4', 'int16', 'none', 'calibrated'] as const;

async function codecOf(
  rows: Float32Array,
  dimensions: number,
  copy: (typeof copies)[number],
): Promise<Codec> {
  return (await calibrate([rows], { inputDimensions: dimensions })).codec({ copy });
}

function share(results: readonly StageRecall[], stage: string, prefilter: number): number {
  const result = results.find(
    (one) => one.stage === stage && 'prefilter' in one && one.prefilter === prefilter,
  );
  if (result === undefined) throw new Error(`no ${stage} at ${prefilter}`);
  return result.recall;
}

test('vectors that all lean in one direction are found as well as any', { timeout: 300_000 }, async () => {
  const n = 256;
  const all = new NestedVectors(n).take(8200);
  const parts = [all.subarray(0, 8000 * n), all.subarray(8000 * n)];
  const recalls: number[][] = [];
  for (const lean of [0, 0.6, 0.85, 0.94]) {
    const [docs, queries] = lean === 0 ? parts : leaningVectors(parts, n, lean);
    const prefilter = [200, 1000, 5000];
    const { results } = await evaluate({
      codec: await codecOf(docs, n, 'int8'),
      docs: [docs],
      queries,
      oversample: [20],
      prefilter,
    });
    for (const p of prefilter) {
      const refined = share(results, 'refine', p);
      expect(refined, `bit score among ${p}, lean ${lean}`).toBeGreaterThanOrEqual(p === 200 ? 0.93 : 0.99);
    }
    recalls.push(prefilter.map((p) => share(results, 'rescore', p)));
  }
  for (const [, thousand, all] of recalls) {
    expect(thousand).toBeGreaterThanOrEqual(0.985);
    expect(all).toBeGreaterThanOrEqual(0.985);
  }
});

test('a larger prefilter never finds less, whatever the shape of the data', {
  timeout: 300_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(64, 128, 384),
      fc.constantFrom(0, 0.5, 0.85, 0.95),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.integer({ min: 1, max: 1000 }),
      fc.constantFrom('int8', 'none', 'calibrated'),
      async (n, lean, decay, seed, copy) => {
        const all = new NestedVectors(n, { decay, seed }).take(2080);
        const parts = [all.subarray(0, 2000 * n), all.subarray(2000 * n)];
        const [docs, queries] = lean === 0 ? parts : leaningVectors(parts, n, lean, seed);
        const prefilter = [100, 300, 800, 2000];
        const codec = await codecOf(docs, n, copy as 'int8');
        const { results } = await evaluate({ codec, docs: [docs], queries, oversample: [10], prefilter });
        const recalls = prefilter.map((p) => share(results, 'rescore', p));
        // A hit that ties in all but the noise of a bit score may change places with one that is new.
        for (let i = 1; i < recalls.length; i++)
          expect(recalls[i]).toBeGreaterThanOrEqual(recalls[i - 1] - 0.01);
      },
    ),
    { numRuns: 12, seed: 7 },
  );
});

test('a row scores 1 against itself, whatever dimensions are constant, zero or tiny', async () => {
  const n = 64;
  const shapes: Record<string, (x: Float32Array) => void> = {
    'one constant': (x) => setEach(x, n, (i) => (i === 3 ? 0.25 : undefined)),
    'sixteen constant': (x) => setEach(x, n, (i) => (i < 16 ? 0.25 : undefined)),
    'zero dimensions': (x) => setEach(x, n, (i) => (i % 2 === 0 ? 0 : undefined)),
    'tiny dimensions': (x) => {
      for (let at = 0; at < x.length; at++) if (at % n > 7) x[at] *= 1e-12;
    },
    'one large, the others alike': (x) => setEach(x, n, (i) => (i === 5 ? 40 : 0.47)),
    'only one dimension': (x) => setEach(x, n, (i) => (i === 9 ? 1 : 0)),
  };
  for (const [name, shape] of Object.entries(shapes)) {
    const x = randomVectors(300, n);
    shape(x);
    for (const rotation of ['hadamard', 'none'] as const) {
      for (const center of ['mean', 'none'] as const) {
        const calibration = await calibrate([x], { inputDimensions: n });
        // Without a copy a score is what the bits estimate.
        for (const copy of copies.filter((kind) => kind !== 'none')) {
          const codec = calibration.codec({ copy, rotation, center });
          await using store = new MemoryStore({ codec });
          await store.upsert({ ids: [1n], embeddings: x.slice(0, n) });
          const [[hit]] = await store.search(x.slice(0, n));
          expect(Math.abs(hit.score - 1), `${name}, ${copy}, ${rotation}, ${center}`).toBeLessThan(0.004);
        }
      }
    }
  }
});

test('scores of rows that point away are −1 at least', async () => {
  const n = 64;
  const x = randomVectors(200, n);
  const away = x.map((value) => -value);
  for (const copy of copies) {
    const codec = await codecOf(x, n, copy);
    await using store = new MemoryStore({ codec });
    await store.upsert({ ids: Array.from({ length: 200 }, (_, row) => BigInt(row)), embeddings: away });
    for (const [i, hits] of (await store.search(x, { k: 200 })).entries()) {
      for (const { score } of hits) expect(Math.abs(score)).toBeLessThanOrEqual(1);
      expect(hits[199].id, copy).toBe(BigInt(i));
    }
  }
});

function setEach(x: Float32Array, n: number, value: (i: number) => number | undefined): void {
  for (let at = 0; at < x.length; at++) x[at] = value(at % n) ?? x[at];
}
