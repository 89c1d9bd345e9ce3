// bench:encode: rows a second of truncate 1024 → 512, normalize, bits and int8, one thread, beside numpy doing
// the same (as one would write it, and tuned in blocks) and beside one pass of reading the input.
import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { calibrate } from '@nestbit/core';
import { clusteredVectors } from '@nestbit/core/testing';
import { best } from './support.ts';

const ROWS = 100_000;
const WIDTH = 1024;
const KEPT = 512;
const REPEATS = 7;

const x = clusteredVectors(ROWS, WIDTH);
const calibration = await calibrate([x], { inputDimensions: WIDTH, dimensions: KEPT });

const results: Record<string, number> = {};
const cached = new Float32Array(16_384);
let sink = 0;
results['one pass of reading'] = best(REPEATS, () => {
  // Copied piece by piece into a buffer that stays in the cache: as fast as memory is read.
  for (let at = 0; at < x.length; at += cached.length) cached.set(x.subarray(at, at + cached.length));
  sink += cached[0];
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
// Any map takes as long as a fitted one.
const map = x.slice(0, WIDTH * KEPT);
const mapped = await calibrate([x.subarray(0, 1000 * WIDTH)], { inputDimensions: WIDTH, map });
const mappedCodec = mapped.codec();
results['nestbit, mapped, centred, rotated'] = best(2, () => {
  sink += mappedCodec.encode(x).saturated;
});
results['nestbit, calibration'] = best(REPEATS, () => {
  calibration.add(x);
  sink += calibration.rows;
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
const reading = results['one pass of reading'];
const blocks = results['numpy, in blocks of 256 rows'];
const ratio = (yardstick: number | undefined, milliseconds: number): string =>
  (yardstick === undefined ? '' : (yardstick / milliseconds).toFixed(2)).padStart(10);
console.log(
  `${'what'.padEnd(34)} ${'M rows/s'.padStart(9)} ${'× reading'.padStart(10)} ${'× numpy'.padStart(10)}`,
);
for (const [label, milliseconds] of Object.entries(results)) {
  const rate = ROWS / milliseconds / 1000;
  const ratios = `${ratio(reading, milliseconds)} ${ratio(blocks, milliseconds)}`;
  console.log(`${label.padEnd(34)} ${rate.toFixed(2).padStart(9)} ${ratios}`);
}
if (Number.isNaN(sink)) console.log(sink);
