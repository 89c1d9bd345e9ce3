// Stores that nestbit made before codec version 3: test/fixtures/stores/make.js.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { type Hit, MemoryStore, type StoredRow } from '@nestbit/core';
import { clusteredVectors } from '@nestbit/core/testing';
import { type FaissSearchOptions, FaissStore } from '@nestbit/faiss-adapter';
import { expect, test } from 'vitest';
import { refusal, temporaryFolder } from '../support/files.ts';
import { flip } from '../support/flip.ts';

interface Expected {
  readonly size: number;
  readonly hits: unknown;
  readonly filtered: unknown;
  readonly stored: readonly (undefined | { id: string; bits: string; int8: string; payload: unknown })[];
  /** Base64 by path. */
  readonly files: Record<string, string>;
}

interface Fixture {
  readonly fingerprint: string;
  /** Float32 in base64. */
  readonly queries: string;
  readonly stores: Record<string, Expected>;
}

const OPTIONS: FaissSearchOptions = { k: 8, payloads: true, probes: 4, efSearch: 100 };
const STORED = [4n, 'doc 6', 1n, 68n];
const folder = temporaryFolder();

function fixture(version: number): { fingerprint: string; queries: Float32Array; stores: Fixture['stores'] } {
  const path = fileURLToPath(new URL(`../fixtures/stores/version-${version}.json.gz`, import.meta.url));
  const { fingerprint, queries, stores }: Fixture = JSON.parse(gunzipSync(readFileSync(path)).toString());
  const bytes = new Uint8Array(Buffer.from(queries, 'base64'));
  return { fingerprint, queries: new Float32Array(bytes.buffer), stores };
}

/** Puts the store of a fixture into a folder of its own. */
function unpacked(name: string, { files }: Expected): string {
  const path = join(folder, name);
  for (const [file, content] of Object.entries(files)) {
    mkdirSync(dirname(join(path, file)), { recursive: true });
    writeFileSync(join(path, file), Buffer.from(content, 'base64'));
  }
  return path;
}

/** Hits as the fixtures have them: JSON knows no bigint. */
function plain(hits: Hit[][]): unknown {
  return JSON.parse(JSON.stringify(hits, (_, item) => (typeof item === 'bigint' ? `${item}n` : item)));
}

function base64(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString('base64');
}

function expectRows(rows: readonly (StoredRow | undefined)[], stored: Expected['stored']): void {
  for (const [i, row] of rows.entries()) {
    expect(row?.payload).toEqual(stored[i]?.payload);
    if (stored[i] === null || stored[i] === undefined) expect(row).toBeUndefined();
    else {
      expect([base64(row?.bits), base64(row?.copy)]).toEqual([stored[i].bits, stored[i].int8]);
      expect(row?.scalars).toHaveLength(0);
    }
  }
}

for (const version of [1, 2]) {
  for (const kind of ['flat', 'ivf', 'hnsw']) {
    test(`codec version ${version}, ${kind}: opened, searched, verified, appended to, copied, compacted`, async () => {
      const { fingerprint, queries, stores } = fixture(version);
      const old = stores[kind];
      const path = unpacked(`${kind}-${version}`, old);

      const reader = await FaissStore.open(path, { readOnly: true });
      expect(reader.codec.fingerprint).toBe(fingerprint);
      expect(await reader.size()).toBe(old.size);
      const { index, codec } = await reader.stats();
      expect(index.rows).toBe(kind === 'flat' ? 0 : 60);
      expect(codec.advice).toMatch(/^A codec of version 3 finds more .* nestbit calibrate, and ingest/);
      expect(plain(await reader.search(queries, OPTIONS))).toEqual(old.hits);
      expect(plain(await reader.search(queries, { ...OPTIONS, filter: { half: 1 } }))).toEqual(old.filtered);
      expectRows(await reader.get(STORED), old.stored);
      await reader.verify();

      // Copied into a new store, as `nestbit copy` does.
      const copied = await FaissStore.create(`${path}-copy`, { codec: reader.codec });
      for await (const batch of reader.rows()) await copied.upsert(batch);
      expect(plain(await copied.search(queries, OPTIONS))).toEqual(old.hits);
      expectRows(await copied.get(STORED), old.stored);
      await copied.verify();
      await copied.close();
      await reader.close();

      const store = await FaissStore.open(path);
      const oracle = new MemoryStore({ codec: store.codec });
      for await (const batch of store.rows()) await oracle.upsert(batch);
      const embeddings = clusteredVectors(30, store.codec.inputDimensions, 12, 5);
      const ids = Array.from({ length: 30 }, (_, i) => BigInt(50 + i));
      for (const one of [store, oracle]) await one.upsert({ ids, embeddings });
      const after = await oracle.search(queries, { k: 8, payloads: true });
      const exhaustive = { ...OPTIONS, efSearch: 500 };
      expect(await store.search(queries, exhaustive)).toEqual(after);
      await store.verify();
      await store.close();
      const again = await FaissStore.open(path);
      expect(await again.search(queries, exhaustive)).toEqual(after);
      expect(existsSync(join(path, '1/int8.i8'))).toBe(true);

      // A compaction writes the files of today.
      await again.compact();
      expect(await again.search(queries, exhaustive)).toEqual(after);
      expect((await again.stats()).dead).toBe(0);
      await again.verify();
      expect(existsSync(join(path, '2/int8.i8'))).toBe(false);
      await again.close();
      const last = await FaissStore.open(path, { readOnly: true });
      expect(await last.search(queries, exhaustive)).toEqual(after);
      await last.close();
    });
  }
}

test('damage to the codes of an old store is found, by its opening or by verify', async () => {
  const old = fixture(1).stores['flat'];
  for (const [file, when] of [
    ['bits.u8', 'open'],
    ['int8.i8', 'verify'],
    ['checks.u32', 'open'],
  ]) {
    const path = unpacked(`damaged-${file}`, old);
    await flip(join(path, '1', file), 8 * 30);
    const opening = await refusal(async () => {
      const store = await FaissStore.open(path, { readOnly: true });
      try {
        if (when === 'verify') await store.verify();
      } finally {
        await store.close();
      }
    });
    expect(opening).toMatch(/^STORE_DAMAGED: .* row \d+ does not match its checksum/);
  }
});

test('a store of a version to come is refused', async () => {
  const path = join(folder, 'later');
  const store = await FaissStore.create(path, {
    codec: await codecOf(unpacked('for-codec', fixture(1).stores['flat'])),
  });
  await store.close();
  const settings = readFileSync(join(path, '1/settings.json'), 'utf8');
  const { content } = JSON.parse(settings);
  const { writeCheckedJson } = await import('../../packages/faiss-adapter/src/store/checked-json.ts');
  await writeCheckedJson(join(path, '1/settings.json'), { ...content, version: 3 });
  expect(await refusal(() => FaissStore.open(path))).toMatch(/^UNSUPPORTED: .*version 3.*versions 1 and 2/);
});

async function codecOf(path: string): Promise<FaissStore['codec']> {
  const store = await FaissStore.open(path, { readOnly: true });
  await store.close();
  return store.codec;
}
