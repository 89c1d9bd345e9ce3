// Limits its own address space, makes calls that need more, and prints how each ended.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { BinaryIndex } from '@nestbit/faiss-adapter';

const outcomes: Record<string, unknown> = {};
async function outcome(name: string, run: () => unknown): Promise<void> {
  try {
    await run();
    outcomes[name] = 'done';
  } catch (error) {
    outcomes[name] = `${(error as Error).name} ${(error as { code?: string }).code}`;
  }
}

const codes = new Uint8Array(8 * 2_000_000);
const index = BinaryIndex.create({ kind: 'flat', dimensions: 64 });
await index.add(codes);
await index.search(codes.subarray(0, 8), { k: 1 });
const large = new Uint8Array(200 << 20);

const used = Number(/^(\d+)/.exec(readFileSync('/proc/self/statm', 'utf8'))?.[1]) * 4096;
execFileSync('prlimit', ['--pid', String(process.pid), `--as=${used + (150 << 20)}:`]);
await outcome('create', () => BinaryIndex.create({ kind: 'ivf', dimensions: 64, lists: 1 << 24 }));
await outcome('add', () => index.add(large));
await outcome('search', () => index.search(codes.subarray(0, 8 * 100), { k: 1_000_000 }));
execFileSync('prlimit', ['--pid', String(process.pid), '--as=unlimited:']);
await index.search(codes.subarray(0, 80), { k: 10 });
outcomes['after'] = index.rows;
console.log(JSON.stringify(outcomes));
