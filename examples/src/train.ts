// A small model of one's own text: pairs are made of passages, here of the Markdown beside this file. Thousands of
// passages make a better one.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Encoder } from '@nestbit/core/onnx';
import { type Passage, train } from '@nestbit/core/train';

const root = fileURLToPath(new URL('../..', import.meta.url));
const docs = (await readdir(join(root, 'docs'))).map((file) => `docs/${file}`);
const passages: Passage[] = [];
for (const file of ['README.md', 'ARCHITECTURE.md', ...docs.sort()]) {
  const text = await readFile(join(root, file), 'utf8');
  for (const section of text.split(/^#+ /m)) {
    const [title, ...lines] = section.split('\n');
    passages.push({ title, text: lines.join('\n') });
  }
}
const folder = await mkdtemp(join(tmpdir(), 'nestbit-train-'));
const { out, retention } = await train(passages, {
  out: join(folder, 'model'),
  dimensions: [64, 32, 16],
  vocabulary: 2000,
  batch: 64,
  epochs: 10,
});
for (const { dimensions, value } of retention.byDimensions)
  console.log(`${dimensions} dimensions: ${retention.metric} ${value} on ${retention.pairs} held-out pairs`);

const encoder = await Encoder.open(out);
const texts = passages.map(({ title, text }) => `${title} ${text}`);
const rows = await encoder.encode(['How much memory does an index take?', ...texts]);
const n = encoder.dimensions;
const cosine = (row: number): number =>
  rows.subarray(row * n, (row + 1) * n).reduce((sum, value, i) => sum + value * rows[i], 0);
const scores = texts.map((_, i) => cosine(i + 1));
const best = scores.indexOf(Math.max(...scores));
console.log(scores[best].toFixed(3), texts[best].replace(/\s+/g, ' ').slice(0, 100));
await encoder.close();
await rm(folder, { recursive: true });
