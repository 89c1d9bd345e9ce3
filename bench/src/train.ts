// bench:train [--epochs n] [--keep folder]: trains from ../shared/data/texts at 384/256/128/64/32 dimensions with the
// Matryoshka loss, then the same with the loss on the full size only; time, peak memory, and nDCG@10 by dimension on
// scifact and npl, which are not in the texts. --keep leaves the two models there.
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type TrainOptions, train } from '@nestbit/core/train';
import { ndcgByDimensions } from './retrieval.ts';
import { SETS, sharedSet, sharedTexts } from './shared-texts.ts';

const { values } = parseArgs({ options: { epochs: { type: 'string' }, keep: { type: 'string' } } });
const DIMENSIONS = [384, 256, 128, 64, 32];
const epochs = values.epochs === undefined ? {} : { epochs: Number(values.epochs) };
const folder = values.keep ?? (await mkdtemp(join(tmpdir(), 'nestbit-bench-')));

console.log(`${cpus()[0]?.model}, ${cpus().length} cores, Node ${process.versions.node}`);
await run('Matryoshka loss', 'model-mrl', DIMENSIONS);
await run('loss on the full size only', 'model-full-only', DIMENSIONS.slice(0, 1));
if (values.keep === undefined) await rm(folder, { recursive: true });

async function run(what: string, name: string, dimensions: TrainOptions['dimensions'] & {}): Promise<void> {
  const out = join(folder, name);
  const { pairs, vocabulary, steps, seconds } = await train(sharedTexts(), { out, dimensions, ...epochs });
  const peak = Math.round(process.resourceUsage().maxRSS / 1024);
  console.log(
    `\n${what}: ${pairs} pairs, ${vocabulary} tokens, ${steps} steps, ${seconds.toFixed(0)} s, peak ${peak} MiB`,
  );
  console.log(`${'nDCG@10'.padEnd(10)}${DIMENSIONS.map((n) => String(n).padStart(16)).join('')}`);
  for (const set of SETS) {
    const ndcg = await ndcgByDimensions(out, sharedSet(set), DIMENSIONS);
    const cells = ndcg.map((value) =>
      `${value.toFixed(3)} (${((100 * value) / ndcg[0]).toFixed(1)} %)`.padStart(16),
    );
    console.log(`${set.padEnd(10)}${cells.join('')}`);
  }
}
