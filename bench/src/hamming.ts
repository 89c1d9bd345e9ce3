// bench:hamming [rows]: the Hamming kernels beside the mere reading of the same memory and beside libfaiss's own
// IndexBinaryFlat, in one process. Every round measures all of them in turn, so that other load falls on all
// alike; figures are medians of the rounds, ratios medians of the rounds' ratios.
import { cpus } from 'node:os';
import { addon } from '@nestbit/faiss-adapter/addon';
import { median, randomBytes } from './support.ts';

const rows = Number(process.argv[2] ?? 1_000_000);
const ROUNDS = 9;
const K = 100;
const BATCH = 64;
const FAISS_QUERIES = 4;
const { yardsticks, kernel } = addon();

type Runs = Record<string, () => number>;

// Seconds of each run, a list a name.
function rounds(runs: Runs, count = ROUNDS): Record<string, number[]> {
  const times: Record<string, number[]> = {};
  for (let round = -1; round < count; round++) {
    for (const [name, run] of Object.entries(runs)) {
      const seconds = run();
      if (round >= 0) times[name] = [...(times[name] ?? []), seconds];
    }
  }
  return times;
}

const milliseconds = (times: readonly number[], share = 1): string =>
  `${((median(times) * 1000) / share).toFixed(2)} ms`;
const ratio = (a: readonly number[], b: readonly number[]): string =>
  median(a.map((time, i) => time / b[i])).toFixed(2);

function passing(share: number): BigUint64Array {
  const random = new Uint16Array(randomBytes(rows * 2, 3).buffer);
  const pass = new BigUint64Array(Math.ceil(rows / 64));
  const bytes = new Uint8Array(pass.buffer);
  for (let row = 0; row < rows; row++) if (random[row] < share * 65536) bytes[row >> 3] |= 1 << (row & 7);
  return pass;
}

function atWidth(bits: number): void {
  const bytes = bits / 8;
  const codes = randomBytes(rows * bytes, 1);
  const queries = randomBytes(BATCH * bytes, 2);
  const one = queries.subarray(0, bytes);
  const scan =
    (of: Uint8Array, threads = 1, pass?: BigUint64Array) =>
    () =>
      yardsticks.scan(codes, of, bytes, K, threads, pass);
  const times = rounds({
    reading: () => yardsticks.readMemory(codes),
    one: scan(one),
    batch: scan(queries),
    both: scan(queries, 2),
  });
  console.log(
    `${String(bits).padStart(4)} bits  reading ${milliseconds(times['reading'])}` +
      `  one query ${milliseconds(times['one'])} = ${ratio(times['one'], times['reading'])} × reading` +
      `  batch of ${BATCH} ${milliseconds(times['batch'], BATCH)} a query` +
      `  two threads ${ratio(times['batch'], times['both'])} × one`,
  );
  if (bits !== 1024) return;
  const asked = queries.subarray(0, FAISS_QUERIES * bytes);
  const peers = rounds(
    { faiss: () => yardsticks.faissFlat(codes, asked, bytes, K), batch: scan(queries) },
    3,
  );
  const perQuery = peers['faiss'].map((time) => (time / FAISS_QUERIES) * BATCH);
  console.log(
    `           libfaiss IndexBinaryFlat ${milliseconds(peers['faiss'], FAISS_QUERIES)} a query` +
      ` = ${ratio(perQuery, peers['batch'])} × ours in batches`,
  );
  for (const share of [0.5, 0.1, 0.01]) {
    const pass = passing(share);
    const filtered = rounds({
      without: scan(one),
      with: scan(one, 1, pass),
      withoutBatch: scan(queries),
      withBatch: scan(queries, 1, pass),
    });
    console.log(
      `           filter that passes ${share * 100} %: ${ratio(filtered['with'], filtered['without'])} × no filter,` +
        ` in batches ${ratio(filtered['withBatch'], filtered['withoutBatch'])} ×`,
    );
  }
}

console.log(
  `${cpus()[0]?.model}, kernel ${kernel}, Node ${process.versions.node}: ${rows} rows, top ${K}, one thread unless ` +
    `said, medians of ${ROUNDS} rounds`,
);
for (const bits of [1024, 256, 512, 768, 1536]) atWidth(bits);
