// What the compiler is told of libfaiss: `cflags` or `libraries`, for binding.gyp.
import { execFileSync } from 'node:child_process';

const [what] = process.argv.slice(2);
// NESTBIT_STATIC=1: as a published package carries it, faiss, OpenBLAS and the C++ runtime inside; those of OpenMP and
// Fortran, whose archives fit no shared object, are looked for beside it.
const isStatic = process.env.NESTBIT_STATIC === '1';

if (process.platform === 'darwin') {
  const prefix = (name) => execFileSync('brew', ['--prefix', name], { encoding: 'utf8' }).trim();
  const [faiss, omp] = [prefix('faiss'), prefix('libomp')];
  const flags = {
    cflags: [`-I${faiss}/include`, `-I${omp}/include`],
    libraries: [`-L${faiss}/lib`, '-lfaiss', `-L${omp}/lib`, '-lomp', '-framework Accelerate'],
  };
  console.log(flags[what].join(' '));
} else {
  // Node unloads an addon after its last environment; the handler of bus errors stays (storage/guard.h).
  const resident = '-Wl,-z,nodelete';
  const linked = ['-lfaiss', '-lopenblas', '-lgomp', resident];
  const inside = [
    '-static-libstdc++',
    '-static-libgcc',
    '-Wl,-Bstatic -lfaiss -lopenblas -Wl,-Bdynamic',
    '-l:libgfortran.so.5 -lgomp',
    resident,
    String.raw`-Wl,--disable-new-dtags,-rpath,'\$$ORIGIN'`,
  ];
  console.log({ cflags: [], libraries: isStatic ? inside : linked }[what].join(' '));
}
