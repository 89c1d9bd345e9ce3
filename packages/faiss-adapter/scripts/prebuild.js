// Makes the self-contained addon that a published package carries, prebuilds/<platform>-<arch>/nestbit_faiss.node:
// faiss, OpenBLAS and the runtimes inside, only the C library outside. Linux with the static libraries of Debian's
// libfaiss-dev and libopenblas-dev. Ends with a search in it.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What may stay outside. */
const SYSTEM = /^(linux-vdso|ld-linux|libc|libm|libdl|libpthread|librt)[-.]/;
const folder = dirname(dirname(fileURLToPath(import.meta.url)));
const target = join(folder, 'prebuilds', `${process.platform}-${process.arch}`);
const built = join(folder, 'build/Release/nestbit_faiss.node');
const prebuilt = join(target, 'nestbit_faiss.node');

rmSync(target, { recursive: true, force: true });
const env = { ...process.env, NESTBIT_STATIC: '1', NESTBIT_BUILD: '1' };
execFileSync(process.execPath, [join(folder, 'scripts/build-addon.js')], { env, stdio: 'inherit' });
const needed = execFileSync('ldd', [built], { encoding: 'utf8' })
  .split('\n')
  .map((line) => line.trim().split(/\s/)[0].split('/').pop())
  .filter(Boolean);
const foreign = needed.filter((library) => !SYSTEM.test(library));
if (foreign.length > 0) throw new Error(`the addon is not self-contained: it needs ${foreign.join(', ')}`);
mkdirSync(target, { recursive: true });
copyFileSync(built, prebuilt);
execFileSync('strip', ['--strip-unneeded', prebuilt]);

const addon = createRequire(import.meta.url)(prebuilt);
const index = addon.makeIndex({ kind: 'hnsw', dimensions: 64, m: 8, efConstruction: 16 });
const codes = Uint8Array.from({ length: 800 }, (_, i) => (i * 37) % 251);
await index.add(codes, 1, 1);
const { distances } = await index.search(codes.subarray(80, 88), 1, 1, 16, 1, 2);
if (distances[0] !== 0) throw new Error('the addon does not find a row that is there');
console.log(`${prebuilt}: needs ${needed.join(', ')}`);
