import { calibrate, ExactSearch, MemoryStore } from '@nestbit/core';
import { expect, test } from 'vitest';
import { refusal } from '../support/files.ts';
import { randomVectors } from '../support/vectors.ts';

test('exact search over a stream gives the float64 order and every tie of the k-th', () => {
  const width = 20;
  const docs = randomVectors(700, width);
  // Rows 100 to 109 are copies of row 3.
  for (let row = 100; row < 110; row++) docs.copyWithin(row * width, 3 * width, 4 * width);
  const queries = randomVectors(5, width, 2);
  queries.set(docs.subarray(3 * width, 4 * width), 4 * width);
  const search = new ExactSearch(queries, width, 6);
  for (let row = 0; row < 700; row += 33)
    search.add(row, docs.subarray(row * width, Math.min(700, row + 33) * width));
  const cosine = (query: number, row: number): number => {
    const a = queries.subarray(query * width, (query + 1) * width);
    const b = docs.subarray(row * width, (row + 1) * width);
    return a.reduce((sum, value, i) => sum + value * b[i], 0) / (Math.hypot(...a) * Math.hypot(...b));
  };
  search.hits().forEach(({ rows, scores }, query) => {
    const order = Array.from({ length: 700 }, (_, row) => row).sort(
      (a, b) => cosine(query, b) - cosine(query, a) || a - b,
    );
    if (query === 4) expect([...rows]).toEqual([3, ...Array.from({ length: 10 }, (_, i) => 100 + i)]);
    else expect([...rows]).toEqual(order.slice(0, 6));
    for (const [i, row] of rows.entries()) expect(scores[i]).toBeCloseTo(cosine(query, row), 5);
  });
});

test('the memory store is its own oracle when it keeps embeddings', async () => {
  const docs = randomVectors(400, 64);
  const codec = (await calibrate([docs], { inputDimensions: 64 })).codec();
  const store = new MemoryStore({ codec, keepEmbeddings: true });
  const ids = Array.from({ length: 400 }, (_, row) => BigInt(row));
  await store.upsert({ ids, embeddings: docs, payloads: ids.map((id) => ({ odd: id % 2n === 1n })) });
  const queries = randomVectors(10, 64, 5);
  const exact = await store.exact(queries, { k: 10 });
  const found = await store.search(queries, { k: 10 });
  const shared = exact.flatMap((hits, query) =>
    hits.filter(({ id }) => found[query].some((hit) => hit.id === id)),
  );
  expect(shared.length).toBeGreaterThanOrEqual(95);
  const odd = await store.exact(queries, { k: 400, filter: { odd: true } });
  expect(odd.map((hits) => hits.length)).toEqual(Array.from({ length: 10 }, () => 200));
  expect(odd.flat().every(({ id }) => (id as bigint) % 2n === 1n)).toBe(true);
  expect(await refusal(() => new MemoryStore({ codec }).exact(queries))).toMatch(
    /^UNSUPPORTED: .*keepEmbeddings/,
  );
});
