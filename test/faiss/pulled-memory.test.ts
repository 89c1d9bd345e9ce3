import { spawnSync } from 'node:child_process';
import { BinaryIndex } from '@nestbit/faiss-adapter';
import { expect, test } from 'vitest';
import { execArgv, program } from '../support/children.ts';
import { clusteredBits, naiveNearest } from '../support/hamming.ts';

const ROWS = 20_000;
const codes = clusteredBits(ROWS, 32, 50);
const flat = (): BinaryIndex => BinaryIndex.create({ kind: 'flat', dimensions: 256 });

/** A copy whose memory `pull` takes away. */
function pullable(kind: 'shrunk' | 'transferred' | 'overwritten'): { array: Uint8Array; pull(): void } {
  if (kind === 'shrunk') {
    const buffer = new ArrayBuffer(codes.length, { maxByteLength: codes.length });
    const array = new Uint8Array(buffer);
    array.set(codes);
    return { array, pull: () => buffer.resize(32) };
  }
  const array = codes.slice();
  return kind === 'overwritten'
    ? { array, pull: () => void array.fill(0) }
    : { array, pull: () => void structuredClone(array.buffer, { transfer: [array.buffer] }) };
}

test.each(['shrunk', 'transferred', 'overwritten'] as const)(
  'codes and queries that are %s after a call began are those that it was given',
  async (kind) => {
    const index = flat();
    const added = pullable(kind);
    const adding = index.add(added.array);
    added.pull();
    await adding;
    expect(index.rows).toBe(ROWS);

    const queries = pullable(kind);
    const searching = index.search(queries.array.subarray(0, 64 * 32), { k: 5 });
    queries.pull();
    const hits = await searching;
    for (const query of [0, 17, 63]) {
      const expected = naiveNearest(codes, codes.subarray(query * 32, (query + 1) * 32), 5);
      expect([...hits[query].distances]).toEqual(expected.distances);
      expect([...hits[query].labels].map(Number)).toEqual(expected.rows);
    }

    const ivf = BinaryIndex.create({ kind: 'ivf', dimensions: 256, lists: 20 });
    const sample = pullable(kind);
    const training = ivf.train(sample.array);
    sample.pull();
    await training;
    await ivf.add(codes);
    const [hit] = await ivf.search(codes.subarray(0, 32), { k: 1, probes: 20 });
    expect([hit.distances[0], hit.labels[0]]).toEqual([0, 0n]);
  },
);

test('shared memory is copied like any other', async () => {
  const shared = new Uint8Array(new SharedArrayBuffer(codes.length));
  shared.set(codes);
  const index = flat();
  await index.add(shared);
  const [hit] = await index.search(shared.subarray(320, 352), { k: 1 });
  expect([index.rows, hit.distances[0]]).toEqual([ROWS, 0]);
});

test('an array whose buffer was transferred before the call is a TypeError that says so', async () => {
  const gone = codes.slice();
  structuredClone(gone.buffer, { transfer: [gone.buffer] });
  const index = flat();
  await expect(index.add(gone)).rejects.toThrow(/codes has no memory any more: its buffer was transferred/);
  await expect(index.search(gone)).rejects.toThrow(TypeError);
  expect(index.rows).toBe(0);
});

test('k far beyond the rows costs no memory, and too many hits at once are SEARCH_LIMIT', async () => {
  const index = flat();
  await index.add(codes.subarray(0, 320));
  const hits = await index.search(codes.subarray(0, 100 * 32), { k: 1_000_000 });
  expect(hits.map(({ labels }) => labels.length)).toEqual(Array(100).fill(10));
  await expect(index.search(codes, { k: 1_000_000 })).rejects.toMatchObject({
    name: 'NestbitError',
    code: 'SEARCH_LIMIT',
  });
});

// In a process of its own, whose address space is limited after it has started.
test('no memory is OUT_OF_MEMORY, and the index goes on', (context) => {
  if (process.platform !== 'linux') context.skip('limits of a running process are set on Linux only');
  if (process.env['NESTBIT_SANITIZED'] === '1')
    context.skip('AddressSanitizer ends the process that has no memory left');
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [...execArgv, program('faiss-no-memory.ts')],
    { encoding: 'utf8' },
  );
  expect([status, stderr]).toEqual([0, '']);
  expect(JSON.parse(stdout)).toEqual({
    create: 'NestbitError OUT_OF_MEMORY',
    add: 'NestbitError OUT_OF_MEMORY',
    search: 'NestbitError OUT_OF_MEMORY',
    after: 2_000_000,
  });
});
