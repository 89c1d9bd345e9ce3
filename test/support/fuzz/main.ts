// check:fuzz [cases] [format …]: mutated files of the formats that nestbit reads from others. Fails on a wrong answer, an
// error without a name, a crash or a hang. NESTBIT_FUZZ_FIRST chooses the first number, so that other files are made.
import { fuzz } from './run.ts';
import { targets } from './targets/index.ts';

const [, , cases = '100000', ...names] = process.argv;
const chosen = targets.filter(({ name }) => names.length === 0 || names.includes(name));
const first = Number(process.env['NESTBIT_FUZZ_FIRST'] ?? 0);
const each = Math.ceil(Number(cases) / chosen.length);
let faults = 0;
for (const { name } of chosen) {
  const started = performance.now();
  const { faults: told, ...counts } = await fuzz(name, first, each);
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  console.log(`${name}: ${each} files in ${seconds} s: ${JSON.stringify(counts)}`);
  for (const fault of told) console.log(`  ${fault}`);
  faults += counts.wrong + counts.raw + counts.crash + counts.hang;
}
process.exitCode = faults === 0 ? 0 : 1;
