// bench:recall [--study]: what each stage of a search keeps of the exact top 10, on the sets of the shared data as they
// are and leaning in one direction: by the copies that are read, and by the kind of copy. With --study (python3 with
// numpy) also codes that nestbit does not have: queries of 4 bits, rows of 2 bits, a learned rotation.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type CopyKind, calibrate, evaluate, type StageRecall } from '@nestbit/core';
import { leaningVectors } from '@nestbit/core/testing';
import { recallSets } from './recall-sets.ts';

const { values } = parseArgs({
  options: { study: { type: 'boolean', default: false }, sets: { type: 'string' } },
});
const K = 10;
const LEANS = [0, 0.6, 0.85];
const OVERSAMPLE = [5, 10, 20, 30];
const PREFILTER = [4, 8, 16];
const COPIES: readonly CopyKind[] = ['int8', 'int4', 'int16', 'none', 'calibrated'];
const wanted = values.sets?.split(',');

interface Line {
  readonly copy: CopyKind;
  readonly each: number;
  readonly recalls: number[];
}
const lines: Line[] = [];
const means = (each: number, copy: CopyKind): Line[] =>
  lines.filter((line) => line.each === each && line.copy === copy);

console.log(
  `recall@${K} of the final hits by the copies that are read: k × oversample for each oversample below`,
);
console.log(
  `${'set'.padEnd(10)} ${'mean cosine'.padEnd(12)} ${'copy'.padEnd(11)} prefilter  ${OVERSAMPLE.join('      ')}`,
);
for (const { name, dimensions, docs, queries } of await recallSets(wanted)) {
  for (const lean of LEANS) {
    const [rows, asked] = lean === 0 ? [docs, queries] : leaningVectors([docs, queries], dimensions, lean);
    const calibration = await calibrate([rows], { inputDimensions: dimensions });
    for (const copy of COPIES) {
      const codec = calibration.codec({ copy });
      const multiples = copy === 'int8' ? PREFILTER : [8];
      const { results } = await evaluate({
        codec,
        docs: [rows],
        queries: asked,
        oversample: OVERSAMPLE,
        prefilter: multiples.flatMap((each) => OVERSAMPLE.map((oversample) => each * K * oversample)),
      });
      for (const each of multiples) {
        const recalls = OVERSAMPLE.map((oversample) => final(results, K * oversample, each * K * oversample));
        lines.push({ copy, each, recalls });
        const shape = `${name.padEnd(10)} ${(lean === 0 ? 'as it is' : String(lean)).padEnd(12)} ${copy.padEnd(11)} ${`${each} ×`.padEnd(9)}`;
        console.log(`${shape}  ${recalls.map((recall) => recall.toFixed(4)).join(' ')}`);
      }
    }
  }
  if (values.study === true) study(name, dimensions, docs, queries);
}
for (const copy of COPIES) {
  for (const each of PREFILTER) {
    const own = means(each, copy);
    if (own.length === 0) continue;
    const column = (fold: (values: number[]) => number): string =>
      OVERSAMPLE.map((_, i) => fold(own.map(({ recalls }) => recalls[i])).toFixed(4)).join(' ');
    console.log(`least, ${copy}, prefilter ${each} ×: ${column((all) => Math.min(...all))}`);
    console.log(
      `mean,  ${copy}, prefilter ${each} ×: ${column((all) => all.reduce((a, b) => a + b, 0) / all.length)}`,
    );
  }
}

function final(results: readonly StageRecall[], candidates: number, prefilter: number): number {
  const found = results.find(
    (one) => one.stage === 'rescore' && one.candidates === candidates && one.prefilter === prefilter,
  );
  if (found === undefined) throw new Error(`no recall at ${prefilter} > ${candidates}`);
  return found.recall;
}

/** Prints what share of the exact top 10 is among the best C rows by codes that are not built. */
function study(name: string, dimensions: number, docs: Float32Array, queries: Float32Array): void {
  const folder = mkdtempSync(join(tmpdir(), 'nestbit-recall-'));
  const bytes = (x: Float32Array): Buffer => Buffer.from(x.buffer, x.byteOffset, x.byteLength);
  writeFileSync(join(folder, 'docs.f32'), bytes(docs));
  writeFileSync(join(folder, 'queries.f32'), bytes(queries));
  const script = fileURLToPath(new URL('../src/recall_study.py', import.meta.url));
  const { status, stdout } = spawnSync('python3', [script, folder, String(dimensions), name], {
    encoding: 'utf8',
  });
  rmSync(folder, { recursive: true });
  console.log(status === 0 ? stdout.trimEnd() : 'numpy is not here (python3-numpy): the study is left out');
}
