// bench:encode: rows a second of truncate 1024 → 512, normalize, bits and int8, one thread, beside numpy doing
// the same (as one would write it, and tuned in blocks) and beside one pass of reading the input.
import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { calibrate } from '@nestbit/core';
import { best, clusteredVectors } from './support.ts';

const ROWS = 100_000;
const WIDTH = 1024;
const KEPT = 512;
const REPEATS = 7;

const x = clusteredVectors(ROWS, WIDTH);
const calibration = await calibrate([x], { inputDimensions: WIDTH, dimensions: KEPT });

const results: Record<string, number> = {};
let sink = 0;
results['one pass of reading'] = best(REPEATS, () => {
  let sum = 0;
  for (let at = 0; at < x.length; at += 1) sum += x[at];
  sink += sum;
});
for (const [label, options] of Object.entries({
  'nestbit, no rotation': { rotation: 'none', center: 'none' },
  'nestbit, centred': { rotation: 'none', center: 'mean' },
  'nestbit, centred and rotated': { rotation: 'hadamard', center: 'mean' },
} as const)) {
  const codec = calibration.codec(options);
  results[label] = best(REPEATS, () => {
    sink += codec.encode(x).saturated;
  });
}
results['nestbit, calibration'] = best(REPEATS, () => {
  sink += calibration.rows;
  void calibration.add(x);
});

const script = fileURLToPath(new URL('../src/encode_numpy.py', import.meta.url));
const numpy = spawnSync('python3', [script, String(ROWS), String(WIDTH), String(KEPT), String(REPEATS)], {
  encoding: 'utf8',
  env: { ...process.env, OPENBLAS_NUM_THREADS: '1', OMP_NUM_THREADS: '1' },
});
if (numpy.status === 0) Object.assign(results, JSON.parse(numpy.stdout));
else console.log('numpy is not here (python3-numpy): its rows are left out');

console.log(
  `${cpus()[0]?.model}, Node ${process.versions.node}, ${ROWS} × ${WIDTH} → ${KEPT}, best of ${REPEATS}`,
);
const yardstick = results['numpy, in blocks of 256 rows'] ?? results['one pass of reading'];
const against = results['numpy, in blocks of 256 rows'] === undefined ? 'reading' : 'numpy in blocks';
console.log(`${'what'.padEnd(34)} ${'M rows/s'.padStart(9)}   × ${against}`);
for (const [label, milliseconds] of Object.entries(results)) {
  const rate = ROWS / milliseconds / 1000;
  console.log(
    `${label.padEnd(34)} ${rate.toFixed(2).padStart(9)}   ${(yardstick / milliseconds).toFixed(2)}`,
  );
}
if (Number.isNaN(sink)) console.log(sink);
