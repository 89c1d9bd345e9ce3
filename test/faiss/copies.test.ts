import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Codec, type CopyKind, calibrate, MemoryStore, openNpy, parseCodec } from '@nestbit/core';
import { clusteredVectors } from '@nestbit/core/testing';
import { FaissStore, type StoreIndex } from '@nestbit/faiss-adapter';
import { expect, test } from 'vitest';
import { refusal, temporaryFolder } from '../support/files.ts';
import { flip } from '../support/flip.ts';

const ROWS = 1500;
const WIDTH = 72;
const COPIES: (CopyKind | undefined)[] = ['int8', 'int4', 'int16', 'none', 'calibrated', undefined];
const INDEXES: StoreIndex[] = [{ kind: 'flat' }, { kind: 'ivf', lists: 8 }, { kind: 'hnsw', m: 8 }];
const folder = temporaryFolder();

/** Vectors of mean cosine .8 and more, as models give that put all texts into a cone. */
function shifted(rows: number, seed: number): Float32Array {
  const vectors = clusteredVectors(rows, WIDTH, 40, seed);
  for (let at = 0; at < vectors.length; at++) vectors[at] += at % WIDTH < 10 ? 0.6 : 0.02;
  return vectors;
}

const vectors = shifted(ROWS, 1);
const queries = shifted(12, 2);
const ids = Array.from({ length: ROWS }, (_, row) => BigInt(row));
const payloads = ids.map((id) => ({ part: Number(id % 7n) }));

async function codecOf(copy: CopyKind | undefined): Promise<Codec> {
  const calibration = await calibrate([vectors], { inputDimensions: WIDTH });
  if (copy !== undefined) return calibration.codec({ copy });
  return new Codec({ ...calibration.codec({ copy: 'calibrated' }).settings, scalars: false });
}

for (const copy of COPIES) {
  test(`copy ${copy ?? 'of codec version 1'}: hits, scores and codes are those of the memory store`, async () => {
    const codec = await codecOf(copy);
    const oracle = new MemoryStore({ codec });
    await oracle.upsert({ ids, embeddings: vectors, payloads });
    await oracle.delete(ids.slice(100, 200));
    // The queries are rows too: their scores are the largest, which are clamped.
    const asked = new Float32Array([...queries, ...vectors.subarray(0, 3 * WIDTH)]);
    const searches = [
      {},
      { k: 3, oversample: 1 },
      { k: 25, oversample: 2, prefilter: 60 },
      { filter: { part: 3 } },
    ];
    // What lies beneath an index is the same for all copies: two of them show it.
    for (const index of copy === 'int8' || copy === 'none' ? INDEXES : INDEXES.slice(0, 1)) {
      const path = join(folder, `${copy}-${index.kind}`);
      const store = await FaissStore.create(path, { codec, index, int8Memory: 65_536 });
      await store.upsert({
        ids: ids.slice(0, 1200),
        embeddings: vectors.subarray(0, 1200 * WIDTH),
        payloads: payloads.slice(0, 1200),
      });
      await store.index();
      await store.upsert({
        ids: ids.slice(1200),
        embeddings: vectors.subarray(1200 * WIDTH),
        payloads: payloads.slice(1200),
      });
      await store.delete(ids.slice(100, 200));
      const check = async (opened: FaissStore): Promise<void> => {
        for (const options of searches) {
          const found = await opened.search(asked, { ...options, probes: 8, efSearch: 1500 });
          expect(found).toEqual(await oracle.search(asked, options));
          for (const { score } of found.flat()) expect(Math.abs(score)).toBeLessThanOrEqual(1);
        }
        const some = [0n, 99n, 150n, 1499n, 'none'];
        expect(await opened.get(some)).toEqual(await oracle.get(some));
        await opened.verify();
      };
      await check(store);
      await store.compact();
      await check(store);
      await store.close();
      const all = await FaissStore.open(path, { readOnly: true, int8Memory: 0 });
      await check(all);
      const again = new MemoryStore({ codec });
      for await (const batch of all.rows({ batchRows: 333 })) await again.upsert(batch);
      expect(await again.search(asked)).toEqual(await oracle.search(asked));
      const { bytes, codec: told } = await all.stats();
      expect([told.copy, told.advice === undefined]).toEqual([codec.copy, copy !== undefined]);
      const { layout } = codec;
      const stride = layout.copy === 0 ? 0 : layout.copy + 4;
      const rows = ROWS - 100;
      expect(bytes).toMatchObject({
        bits: rows * layout.bits,
        scalars: rows * layout.scalars,
        copies: rows * stride,
        checks: rows * 4,
      });
      await all.close();
    }
  });
}

for (const [copy, names] of [
  ['int4', ['bits', 'copies', 'scalars']],
  ['none', ['bits', 'scalars']],
  ['calibrated', ['bits', 'int8', 'scalars']],
  [undefined, ['bits', 'int8']],
] as const) {
  test(`copy ${copy ?? 'of codec version 1'}: an export with codes holds those of the rows that live`, async () => {
    const codec = await codecOf(copy);
    const index: StoreIndex = copy === 'none' ? { kind: 'hnsw' } : { kind: 'flat' };
    const store = await FaissStore.create(join(folder, `exported-${copy}`), { codec, index });
    await store.upsert({ ids, embeddings: vectors });
    await store.index();
    await store.delete(copy === 'none' ? [] : [7n]);
    const out = join(folder, `codes-${copy}`);
    mkdirSync(out);
    await store.export(join(out, 'x.faiss'), { codes: true });
    expect(readdirSync(out).sort()).toEqual(
      [
        'x.faiss',
        'x.faiss.codec.json',
        'x.faiss.ids.jsonl',
        ...names.map((name) => `x.faiss.${name}.npy`),
      ].sort(),
    );
    const kept = readFileSync(join(out, 'x.faiss.ids.jsonl'), 'utf8').trim().split('\n');
    const rows = await store.get(kept.map((line) => BigInt(JSON.parse(line))));
    for (const name of names) {
      const file = await openNpy(join(out, `x.faiss.${name}.npy`));
      expect([file.rows, file.type]).toEqual([kept.length, name === 'int8' ? 'int8' : 'uint8']);
      await file.close();
      const bytes = readFileSync(join(out, `x.faiss.${name}.npy`)).subarray(128);
      const part = name === 'bits' || name === 'scalars' ? name : 'copy';
      expect(bytes.equals(Buffer.concat(rows.map((row) => row?.[part] as Uint8Array)))).toBe(true);
    }
    expect(parseCodec(readFileSync(join(out, 'x.faiss.codec.json'), 'utf8')).fingerprint).toBe(
      codec.fingerprint,
    );
    await store.close();
  });
}

for (const copy of ['int8', 'none'] as const) {
  test(`copy ${copy}: damage to scalars, copies and checksums is found`, async () => {
    const codec = await codecOf(copy);
    const path = join(folder, `damaged-${copy}`);
    const store = await FaissStore.create(path, { codec });
    await store.upsert({ ids, embeddings: vectors });
    await store.close();
    const files = ['bits.u8', 'scalars.u8', 'checks.u32', ...(copy === 'none' ? [] : ['copies.u8'])];
    for (const file of files) {
      const whole = readFileSync(join(path, '1', file));
      const searched = async (): Promise<void> => {
        const opened = await FaissStore.open(path, { readOnly: true });
        try {
          if (file === 'copies.u8') await opened.search(queries, { k: 100, prefilter: ROWS, oversample: 15 });
          await opened.verify();
        } finally {
          await opened.close();
        }
      };
      await flip(join(path, '1', file), whole.length >> 1);
      expect(await refusal(searched)).toMatch(/^STORE_DAMAGED: .* row \d+ does not match its checksum/);
      writeFileSync(join(path, '1', file), whole.subarray(0, whole.length - 1));
      expect(await refusal(searched)).toMatch(/^STORE_DAMAGED: .* bytes, its .*rows need/);
      writeFileSync(join(path, '1', file), whole);
      expect(await refusal(searched)).toBe('accepted');
    }
  });
}

test('rows that were never committed are cut off all files', async () => {
  const codec = await codecOf('int4');
  const path = join(folder, 'cut');
  const store = await FaissStore.create(path, { codec });
  await store.upsert({ ids, embeddings: vectors });
  const before = await store.search(queries);
  await store.close();
  for (const file of ['bits.u8', 'scalars.u8', 'copies.u8', 'checks.u32'])
    writeFileSync(join(path, '1', file), Buffer.alloc(1000, 7), { flag: 'a' });
  const again = await FaissStore.open(path);
  expect(statSync(join(path, '1/scalars.u8')).size).toBe(2 * ROWS);
  await again.upsert({ ids: [5000n], embeddings: vectors.subarray(0, WIDTH) });
  await again.delete([5000n]);
  expect(await again.search(queries)).toEqual(before);
  await again.verify();
  await again.close();
});
