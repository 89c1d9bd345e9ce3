import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Codec, calibrate, formatCodec } from '@nestbit/core';
import { clusteredVectors } from '@nestbit/core/testing';
import { FaissStore } from '@nestbit/faiss-adapter';
import { beforeAll, expect, test } from 'vitest';
import { child, execArgv, message } from '../support/children.ts';
import { refusal, temporaryFolder } from '../support/files.ts';

const WIDTH = 64;
const vectors = clusteredVectors(500, WIDTH);
const ids = (count: number, first = 0): bigint[] =>
  Array.from({ length: count }, (_, i) => BigInt(first + i));
const folder = temporaryFolder();
const path = (name: string): string => join(folder, name);

let codec: Codec;
beforeAll(async () => {
  codec = (await calibrate([vectors], { inputDimensions: WIDTH })).codec();
});

async function make(name: string, kind: 'flat' | 'hnsw' = 'flat'): Promise<FaissStore> {
  const store = await FaissStore.create(path(name), { codec, index: { kind } });
  await store.upsert({ ids: ids(500), embeddings: vectors });
  return store;
}

test('create and open remove nothing that nestbit did not make', async () => {
  for (const [name, isFolder] of [
    ['2024', true],
    ['12345', false],
    ['my.partial-report.txt', false],
  ] as const) {
    const place = path(`foreign-${name}`);
    mkdirSync(place);
    if (isFolder) mkdirSync(join(place, name));
    writeFileSync(isFolder ? join(place, name, 'report') : join(place, name), 'precious');
    expect(await refusal(() => FaissStore.create(place, { codec }))).toMatch(
      new RegExp(`^FILE_WRITE: .*${name.replace('.', '\\.')}.*folder that is empty`),
    );
    expect(readdirSync(place)).toEqual([name]);
  }
  const store = await make('beside');
  await store.close();
  // Names that the next generation, a sweep and a save would use.
  mkdirSync(path('beside/2'));
  writeFileSync(path('beside/2/notes'), 'precious');
  writeFileSync(path('beside/7'), 'precious');
  writeFileSync(path('beside/a.partial-1'), 'precious');
  writeFileSync(path('beside/1/mine.partial-1-0123456789ab'), 'precious');
  const again = await FaissStore.open(path('beside'));
  await again.compact();
  await again.close();
  expect(readFileSync(path('beside/2/notes'), 'utf8')).toBe('precious');
  for (const name of ['7', 'a.partial-1', '1/mine.partial-1-0123456789ab'])
    expect(existsSync(path(`beside/${name}`)), name).toBe(true);
  expect(readFileSync(path('beside/CURRENT'), 'utf8')).toMatch(/^3 [0-9a-f]{16}\n$/);
});

test('a store that lost CURRENT is damaged, and is not made again', async () => {
  await (await make('lost')).close();
  rmSync(path('lost/CURRENT'));
  expect(await refusal(() => FaissStore.create(path('lost'), { codec }))).toMatch(
    /^STORE_DAMAGED: .*CURRENT/,
  );
  expect(await refusal(() => FaissStore.open(path('lost')))).toMatch(
    /^STORE_DAMAGED: .*write 1 into CURRENT/,
  );
  writeFileSync(path('lost/CURRENT'), '1\n');
  const store = await FaissStore.open(path('lost'));
  expect(await store.size()).toBe(500);
  await store.close();
});

test('what a killed creation leaves is made again', async () => {
  await (await FaissStore.create(path('killed'), { codec })).close();
  rmSync(path('killed/CURRENT'));
  const store = await FaissStore.create(path('killed'), { codec });
  await store.upsert({ ids: ids(1), embeddings: vectors.subarray(0, WIDTH) });
  await store.close();
});

test('a codec of another store beside the rows is refused, by a reader too', async () => {
  await (await make('swapped')).close();
  const other = (await calibrate([clusteredVectors(500, WIDTH, 8, 5)], { inputDimensions: WIDTH })).codec();
  writeFileSync(path('swapped/1/codec.json'), formatCodec(other));
  for (const readOnly of [false, true])
    expect(await refusal(() => FaissStore.open(path('swapped'), { readOnly }))).toMatch(
      /^STORE_DAMAGED: .*codec\.json is the codec .*the rows are of/,
    );
});

test('a reader follows two compactions at once, and a store made anew in its place', async () => {
  for (let round = 0; round < 2; round++) {
    const writer = await make('followed');
    const reader = await FaissStore.open(path('followed'), { readOnly: true });
    await writer.compact();
    await writer.compact();
    await writer.delete(ids(100));
    await writer.upsert({ ids: ids(1, 1000), embeddings: vectors.subarray(0, WIDTH) });
    expect(await reader.size()).toBe(401);
    await writer.close();
    rmSync(path('followed'), { recursive: true });
    const anew = await FaissStore.create(path('followed'), { codec });
    expect(await reader.size()).toBe(0);
    await anew.close();
    await reader.close();
    rmSync(path('followed'), { recursive: true });
  }
});

test('a close that fails says so by name, and leaves the lock free', async () => {
  const store = await make('sealed');
  mkdirSync(path('sealed/1/records.json'));
  expect(await refusal(() => store.close())).toMatch(/^STORE_FAILED: .*records\.json/);
  rmSync(path('sealed/1/records.json'), { recursive: true });
  const again = await FaissStore.open(path('sealed'));
  expect(await again.size()).toBe(500);
  await again.close();
});

test('a folder that is moved while the store is open: rows go with it, and another store in its place is let be', async () => {
  const store = await make('moved');
  renameSync(path('moved'), path('elsewhere'));
  await store.upsert({ ids: ids(1, 1000), embeddings: vectors.subarray(0, WIDTH) });
  const other = await make('moved');
  expect(await refusal(() => store.compact())).toMatch(/^STORE_FAILED: .*moved/);
  expect(await refusal(() => store.close())).toMatch(/^STORE_FAILED: .*moved/);
  await other.compact();
  await other.close();
  const again = await FaissStore.open(path('elsewhere'));
  expect(await again.size()).toBe(501);
  await again.close();
  expect(await (await FaissStore.open(path('moved'))).size()).toBe(500);
});

test('index() saves what a failed save left', async () => {
  const store = await make('index', 'hnsw');
  mkdirSync(path('index/1/index.faiss/x'), { recursive: true });
  expect(await refusal(() => store.index())).toMatch(/^FILE_WRITE: /);
  rmSync(path('index/1/index.faiss'), { recursive: true });
  await store.index();
  expect(existsSync(path('index/1/index.faiss'))).toBe(true);
  await store.close();
  const again = await FaissStore.open(path('index'));
  expect((await again.stats()).index.rows).toBe(500);
  await again.close();
});

test('a store dropped without close lets go of its lock when it is collected', () => {
  const script = `import { FaissStore } from '@nestbit/faiss-adapter';
    let store = await FaissStore.open(process.argv[1]);
    await store.size();
    store = undefined;
    for (let i = 0; i < 50; i++) {
      gc();
      await new Promise((done) => setTimeout(done, 50));
      const again = await FaissStore.open(process.argv[1]).catch((error) => error.code);
      if (typeof again === 'string') continue;
      await again.close();
      console.log('opened');
      break;
    }`;
  return (async () => {
    await (await make('dropped')).close();
    const options = [...execArgv, '--expose-gc', '--input-type=module', '-e', script, path('dropped')];
    const cwd = new URL('..', import.meta.url).pathname;
    expect(execFileSync(process.execPath, options, { cwd, encoding: 'utf8' })).toBe('opened\n');
  })();
});

test('filters see the view of their call, also while a field is loaded for the first time', async () => {
  const count = 20_000;
  const many = clusteredVectors(count, WIDTH);
  const store = await FaissStore.create(path('views'), { codec });
  const payloads = ids(count).map((id) => ({ lang: 'en', n: Number(id) }));
  await store.upsert({ ids: ids(count), embeddings: many, payloads });
  const query = many.subarray((count - 10) * WIDTH, (count - 9) * WIDTH);
  const options = { k: 2000, prefilter: count, filter: { lang: 'en' } };
  const before = store.search(query, options);
  const never = store.search(query, { ...options, filter: { lang: { ne: 'en' } } });
  await store.upsert({
    ids: ids(2000, count - 2000),
    embeddings: many.subarray((count - 2000) * WIDTH),
    payloads: payloads.slice(count - 2000),
  });
  const after = store.search(query, { ...options, k: 10 });
  expect((await never)[0]).toEqual([]);
  expect((await before)[0].length).toBe(2000);
  expect((await before)[0][0].id).toBe(BigInt(count - 10));
  expect((await after)[0][0].id).toBe(BigInt(count - 10));
  await store.close();
});

/** Why this test cannot run here. */
const noRoot = process.getuid?.() !== 0 ? 'needs root, to become another user and to mount' : undefined;

async function tree(place: string): Promise<string[]> {
  return readdirSync(place, { recursive: true }).map(String).sort();
}

test('a folder of another user is read without a lock or a new file, and not written to', async (context) => {
  context.skip(noRoot !== undefined, noRoot);
  const store = await make('others');
  execFileSync('chmod', ['-R', 'go-w', path('others')]);
  execFileSync('chmod', ['755', folder]);
  for (const state of ['open', 'closed'] as const) {
    if (state === 'closed') await store.close();
    const files = await tree(path('others'));
    const reader = child('faiss-nobody.ts', path('others'));
    await message(reader);
    reader.send('read');
    expect(await message(reader)).toEqual({ size: 500, found: '7', refused: 'PERMISSION_DENIED' });
    if (state === 'open') {
      // Rows that come while it reads are seen; a compaction is followed.
      await store.upsert({ ids: ids(100, 1000), embeddings: vectors.subarray(0, 100 * WIDTH) });
      await store.delete(ids(100, 1000));
      await store.compact();
      reader.send('read');
      expect(await message(reader)).toEqual({ size: 500, found: '7', refused: 'PERMISSION_DENIED' });
    } else expect(await tree(path('others'))).toEqual(files);
    const ended = new Promise((resolve) => reader.once('exit', resolve));
    reader.send('end');
    expect(await ended).toBe(0);
  }
});

test('a store on a read-only mount opens with readOnly, without LOCK and lock.mdb too', async (context) => {
  context.skip(noRoot !== undefined, noRoot);
  mkdirSync(path('disk'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=20m', 'tmpfs', path('disk')], { stdio: 'pipe' });
  } catch (error) {
    context.skip(true, `a tmpfs cannot be mounted here: ${(error as Error).message.trim()}`);
  }
  try {
    await (await make('disk/store')).close();
    rmSync(path('disk/store/LOCK'));
    rmSync(path('disk/store/1/records/lock.mdb'));
    execFileSync('mount', ['-o', 'remount,ro', path('disk')]);
    const files = await tree(path('disk/store'));
    const reader = await FaissStore.open(path('disk/store'), { readOnly: true });
    expect(await reader.size()).toBe(500);
    const [[hit]] = await reader.search(vectors.subarray(7 * WIDTH, 8 * WIDTH));
    expect(hit.id).toBe(7n);
    expect((await reader.get([7n, 1000n])).map((row) => row?.id)).toEqual([7n, undefined]);
    await reader.verify();
    await reader.close();
    expect(await tree(path('disk/store'))).toEqual(files);
    expect(await refusal(() => FaissStore.open(path('disk/store')))).toMatch(
      /^PERMISSION_DENIED: .*readOnly: true/,
    );
  } finally {
    execFileSync('umount', ['-l', path('disk')]);
  }
});
