// What the compiler is told of libfaiss: `cflags` or `libraries`, for binding.gyp.
import { execFileSync } from 'node:child_process';

const [what] = process.argv.slice(2);
// NESTBIT_STATIC=1: everything but libc inside the addon, as a published package carries it.
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
  const linked = ['-lfaiss', '-lopenblas', '-lgomp'];
  const inside = [
    '-static-libstdc++',
    '-static-libgcc',
    '-Wl,-Bstatic -lfaiss -lopenblas -lgfortran -lquadmath -Wl,-Bdynamic',
    '-l:libgomp.a',
  ];
  console.log({ cflags: [], libraries: isStatic ? inside : linked }[what].join(' '));
}
