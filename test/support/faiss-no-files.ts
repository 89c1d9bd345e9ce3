// Takes every descriptor, makes calls of the addon, and prints how they ended.
import { execFileSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { BinaryIndex } from '@nestbit/faiss-adapter';

const path = join(process.argv[2], 'few.faiss');
const outcomes: Record<string, string> = {};
async function outcome(name: string, run: () => Promise<unknown>): Promise<void> {
  try {
    await run();
    outcomes[name] = name;
  } catch (error) {
    const { name: kind, code, message } = error as { name: string; code: string; message: string };
    outcomes[name] = `${kind} ${code} ${/Too many open files/.exec(message)?.[0] ?? message}`;
  }
}

const index = BinaryIndex.create({ kind: 'flat', dimensions: 64 });
await index.add(new Uint8Array(80));
await index.write(path);
await BinaryIndex.read(path);
execFileSync('prlimit', ['--pid', String(process.pid), '--nofile=64:']);
const taken: number[] = [];
try {
  for (;;) taken.push(openSync('/dev/null', 'r'));
} catch {}
await outcome('read', () => BinaryIndex.read(path));
await outcome('write', () => index.write(path));
for (const file of taken) closeSync(file);
await BinaryIndex.read(path);
outcomes['after'] = 'read';
console.log(JSON.stringify(outcomes));
