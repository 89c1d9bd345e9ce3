import { type Id, MemoryStore } from '@nestbit/core';
import { expect, test } from 'vitest';
import { contractCodec, embeddings, KEPT, pick, sample } from '../../packages/core/src/testing/data.ts';
import { refusal } from '../support/files.ts';

const codec = contractCodec();
const key = (row: number): Id => BigInt(row);

async function filled(rows: number, keepEmbeddings = false): Promise<MemoryStore> {
  const store = new MemoryStore({ codec, keepEmbeddings });
  await store.upsert(sample(rows, key));
  return store;
}

test('candidates are the stages of the search: Hamming order, then refine, with the hits among them', async () => {
  const store = await filled(2000);
  const queries = embeddings(6, 77);
  const options = { k: 5, oversample: 8, prefilter: 300, filter: { half: true } };
  const stages = await store.candidates(queries, options);
  const hits = await store.search(queries, options);
  const all = await store.get(sample(2000, key).ids);
  for (const [query, { bits }] of codec.prepare(queries).entries()) {
    const distance = (id: Id): number => {
      const row = all[Number(id)]?.bits as Uint8Array;
      let sum = 0;
      for (let i = 0; i < KEPT; i++) sum += ((row[i >> 3] ^ bits[i >> 3]) >> (i & 7)) & 1;
      return sum;
    };
    const passing = Array.from({ length: 1000 }, (_, half) => BigInt(2 * half));
    const nearest = passing
      .map((id) => ({ id, distance: distance(id) }))
      .sort((a, b) => a.distance - b.distance || Number(a.id - b.id))
      .slice(0, 300);
    expect(stages[query].hamming).toEqual(nearest.map(({ id }) => id));
    expect(stages[query].refined).toHaveLength(40);
    const near = new Set(stages[query].hamming);
    expect(stages[query].refined.every((id) => near.has(id))).toBe(true);
    const refined = new Set(stages[query].refined);
    expect(hits[query].every(({ id }) => refined.has(id))).toBe(true);
  }
});

test('after most rows are deleted, the rest is as if it had been stored alone', async () => {
  const rows = sample(1500, key);
  const left = rows.ids.flatMap((_, row) => (row % 7 === 3 ? [row] : []));
  const store = await filled(1500, true);
  // In two goes: the first leaves dead places, the second brings on a compaction.
  await store.delete(rows.ids.filter((_, row) => row % 7 < 3));
  await store.delete(rows.ids.filter((_, row) => row % 7 > 3));
  const alone = new MemoryStore({ codec, keepEmbeddings: true });
  await alone.upsert(pick(rows, left));
  const queries = embeddings(10, 5);
  const options = { k: 8, oversample: 2, prefilter: 30, payloads: true };
  expect(await store.search(queries, options)).toEqual(await alone.search(queries, options));
  expect(await store.exact(queries)).toEqual(await alone.exact(queries));
  expect(await store.get(rows.ids)).toEqual(await alone.get(rows.ids));
  expect(await store.size()).toBe(left.length);
});

test('rows can be read while a compaction is under way', async () => {
  const rows = sample(20_000, key);
  const store = await filled(20_000);
  const expected = await store.get([19_999n, 15_001n]);
  const deleting = store.delete(rows.ids.filter((_, row) => row % 10 < 9 && row !== 15_001));
  for (let i = 0; i < 200; i++) {
    expect(await store.get([19_999n, 15_001n])).toEqual(expected);
    if (i % 10 === 0) await new Promise(setImmediate);
  }
  expect(await deleting).toBe(17_999);
  expect(await store.size()).toBe(2001);
});

test('exact search gives every tie of the k-th, heeds filters and limits, and can be aborted', async () => {
  const store = new MemoryStore({ codec, keepEmbeddings: true });
  const one = embeddings(1, 3);
  const same = new Float32Array(5 * one.length);
  for (let row = 0; row < 5; row++) same.set(one, row * one.length);
  await store.upsert({
    ids: [0n, 1n, 2n, 3n, 4n],
    embeddings: same,
    payloads: [{ odd: false }, { odd: true }, { odd: false }, { odd: true }, { odd: false }],
  });
  const ids = async (options: object): Promise<Id[]> =>
    (await store.exact(one, options))[0].map(({ id }) => id);
  expect(await ids({ k: 2 })).toEqual([0n, 1n, 2n, 3n, 4n]);
  expect(await ids({ k: 1, filter: { odd: true } })).toEqual([1n, 3n]);
  await store.delete([1n]);
  expect(await ids({ k: 1 })).toEqual([0n, 2n, 3n, 4n]);
  expect(await refusal(() => store.exact(one, { k: 0 }))).toMatch(/^SEARCH_LIMIT/);
  expect(await refusal(() => store.exact(one, { filter: { even: true } }))).toMatch(/^FILTER_FIELD/);
  expect(await refusal(() => store.exact(one, { signal: AbortSignal.abort() }))).toMatch(/^ABORTED/);
});

test('a long search of many queries stops soon after it is aborted', async () => {
  const store = await filled(20_000);
  const stop = new AbortController();
  let done = 0;
  const queries = embeddings(2000, 2);
  const search = refusal(() => store.search(queries, { signal: stop.signal })).finally(() => {
    done = performance.now();
  });
  await new Promise((resolve) => setTimeout(resolve, 100));
  const aborted = performance.now();
  stop.abort(new Error('enough'));
  expect(await search).toMatch(/^ABORTED/);
  // The whole search takes seconds. A queued call goes on after the refused one.
  expect(done - aborted).toBeLessThan(500);
  expect((await store.search(embeddings(1, 2)))[0]).toHaveLength(10);
});

test('timers go off while many queries are searched', async () => {
  const store = await filled(20_000);
  let ticks = 0;
  const timer = setInterval(() => ticks++, 1);
  const start = performance.now();
  await store.search(embeddings(200, 2), { filter: { half: true } });
  const milliseconds = performance.now() - start;
  clearInterval(timer);
  // One slice is 4 ms; a machine under load may take four times as long.
  expect(ticks).toBeGreaterThan(milliseconds / 16);
});
