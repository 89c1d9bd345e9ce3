// `npm run train:shipped`: trains the model of packages/model-en from ../shared/data/texts, and writes its figures
// into its card. scifact and npl are measured with, never trained on.
import { appendFileSync, cpSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { train } from '@nestbit/core/train';
import { modelFolder } from '@nestbit/model-en';
import { ndcgByDimensions } from './retrieval.ts';
import { SETS, sharedSet, sharedTexts } from './shared-texts.ts';

const MOST_BYTES = 4_000_000;
const DIMENSIONS = [256, 128, 64, 32];
// Elsewhere, so that a run that fails leaves the model that is there.
const temporary = mkdtempSync(join(tmpdir(), 'nestbit-shipped-'));
const out = join(temporary, 'model');

const report = await train(sharedTexts(), {
  out,
  dimensions: DIMENSIONS,
  vocabulary: 13_312,
  files: ['int8'],
  card: {
    name: 'nestbit model-en',
    data:
      'MedQuAD (https://github.com/abachaa/MedQuAD; Ben Abacha and Demner-Fushman 2019, “A question-entailment ' +
      'approach to question answering”), questions and sentences of answers, CC BY 4.0; titles and abstracts of the ' +
      'ACL Anthology (https://aclanthology.org), 2016 to 2018, CC BY 4.0. The texts are not part of the model',
    licence: 'cc-by-4.0',
  },
  onProgress: ({ phase, done, total, loss, secondsLeft }) => {
    if (process.stderr.isTTY) {
      process.stderr.write(
        `\r${phase} ${done}/${total ?? '?'} ${loss?.toFixed(3) ?? ''} ${Math.round(secondsLeft ?? 0)} s left  `,
      );
    }
  },
});
console.log(
  `${report.pairs} pairs, ${report.vocabulary} tokens, ${report.steps} steps, ${report.seconds.toFixed(0)} s`,
);

let figures = `nDCG@10 by exact cosine, int8 rows; neither set is in the training texts:\n\n`;
figures += `| set | ${DIMENSIONS.join(' | ')} |\n| --- |${' --- |'.repeat(DIMENSIONS.length)}\n`;
for (const set of SETS) {
  const values = await ndcgByDimensions(out, sharedSet(set), DIMENSIONS);
  figures += `| ${set} | ${values.map((value) => value.toFixed(3)).join(' | ')} |\n`;
}
console.log(figures);
appendFileSync(join(out, 'README.md'), `\n${figures}\nMade by \`npm run train:shipped\` of nestbit.\n`);

const bytes = readdirSync(out, { recursive: true, encoding: 'utf8' })
  .map((file) => statSync(join(out, file)))
  .reduce((sum, file) => sum + (file.isFile() ? file.size : 0), 0);
console.log(`${bytes} bytes`);
if (bytes > MOST_BYTES) throw new Error(`the model takes ${bytes} bytes, more than ${MOST_BYTES}`);
rmSync(modelFolder, { recursive: true, force: true });
cpSync(out, modelFolder, { recursive: true });
rmSync(temporary, { recursive: true });
