// Makes what a published package carries, prebuilds/<platform>-<arch>: the addon with faiss, OpenBLAS and the C++ runtime
// inside, and beside it the runtimes of OpenMP and Fortran; nothing else but the C library is needed. Linux with the
// static libraries of Debian's libfaiss-dev and libopenblas-dev. Ends with a search in it.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What may stay outside. */
const SYSTEM = /^(linux-vdso|ld-linux|libc|libm|libdl|libpthread|librt)[-.]/;
/** What comes along. */
const RUNTIMES = /^lib(gomp|gfortran|quadmath|gcc_s)\./;
const folder = dirname(dirname(fileURLToPath(import.meta.url)));
const target = join(folder, 'prebuilds', `${process.platform}-${process.arch}`);
const built = join(folder, 'build/Release/nestbit_faiss.node');
const prebuilt = join(target, 'nestbit_faiss.node');

rmSync(target, { recursive: true, force: true });
const env = { ...process.env, NESTBIT_STATIC: '1', NESTBIT_BUILD: '1' };
execFileSync(process.execPath, [join(folder, 'scripts/build-addon.js')], { env, stdio: 'inherit' });
mkdirSync(target, { recursive: true });
copyFileSync(built, prebuilt);
execFileSync('strip', ['--strip-unneeded', prebuilt]);
for (const { name, path } of librariesOf(built))
  if (RUNTIMES.test(name)) copyFileSync(path, join(target, name));
const foreign = librariesOf(prebuilt).filter(
  ({ name, path }) => !SYSTEM.test(name) && dirname(path) !== target,
);
if (foreign.length > 0)
  throw new Error(`the addon is not self-contained: it needs ${foreign.map(({ path }) => path).join(', ')}`);

const addon = createRequire(import.meta.url)(prebuilt);
const index = addon.makeIndex({ kind: 'hnsw', dimensions: 64, m: 8, efConstruction: 16 });
const codes = Uint8Array.from({ length: 800 }, (_, i) => (i * 37) % 251);
await index.add(codes, 1, 1);
const { distances } = await index.search(codes.subarray(80, 88), 1, 1, 16, 1, 2);
if (distances[0] !== 0) throw new Error('the addon does not find a row that is there');
console.log(`${target}: ${readdirSync(target).join(', ')}`);

/** What a shared object is loaded with: `name => path (address)`, or a path alone. */
function librariesOf(file) {
  return execFileSync('ldd', [file], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((line) =>
      line
        .trim()
        .replace(/ \(0x[0-9a-f]+\)$/, '')
        .split(' => '),
    )
    .map(([first, path = first]) => ({
      name: first.split('/').pop(),
      path: path.includes('/') ? resolve(path) : path,
    }));
}
