// Lets the system start no thread, adds rows, and prints how that ended; then lets it start some.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { BinaryIndex } from '@nestbit/faiss-adapter';

const index = BinaryIndex.create({ kind: 'flat', dimensions: 64 });
const query = new Uint8Array(8);
const prlimit = ['--pid', String(process.pid)];
const [, most] = /^Max processes +(\w+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];

// No process can be started under the limit, so that what lifts it is there before.
const lift = spawn('sh', ['-c', `read line; exec prlimit ${prlimit.join(' ')} --nproc=${most}:`]);
execFileSync('prlimit', [...prlimit, '--nproc=1:']);
const add = await index.add(query).then(
  () => 'done',
  (error) => `${error.name} ${error.code}`,
);
lift.stdin.end('\n');
await once(lift, 'exit');
await index.add(query);
const after = index.rows;
// The threads that are there do the work of those that cannot be started.
execFileSync('prlimit', [...prlimit, '--nproc=1:']);
const hits = await Promise.all(Array.from({ length: 50 }, () => index.search(query, { threads: 8 })));
console.log(JSON.stringify({ add, after, some: hits[49][0].labels.length }));
