// `npm run demo`: the main job on real text. Every paragraph of the Markdown under node_modules and docs is
// encoded, stored as codes, searched, and the result compared with exact float search.
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Codec, calibrate, MemoryStore, recallAtK } from '@nestbit/core';
import { Encoder } from '@nestbit/core/onnx';
import { clusteredVectors } from '@nestbit/core/testing';
import { Command } from 'commander';
import { heldOut } from './held-out.ts';
import { markdownPassages } from './passages.ts';

const QUESTIONS = [
  'How do I install the package?',
  'Which licence does this software have?',
  'What happens when a promise is rejected?',
  'How can I read a file as a stream?',
  'colour text in the terminal',
];
const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const options = new Command('demo')
  .option(
    '--model <folder>',
    'model folder (tokenizer.json, onnx/model.onnx); default: one of ../shared/data/models',
  )
  .option('--limit <n>', 'passages at most', '50000')
  .parse()
  .opts<{ model?: string; limit: string }>();

const shared = join(root, '../shared/data/models/static-mrl-en-384-b');
const model =
  options.model === undefined ? (existsSync(shared) ? shared : undefined) : resolve(options.model);
if (model === undefined) await withMadeVectors();
else await withModel(model);

async function withModel(folder: string): Promise<void> {
  const passages = markdownPassages(root, ['docs', 'node_modules'], Number(options.limit));
  const encoder = await Encoder.open(folder);
  console.log(`model ${encoder.identity}, ${encoder.dimensions} dimensions`);
  let started = performance.now();
  const embeddings = await encoder.encode(
    passages.map(({ text }) => text),
    { prompt: 'document' },
  );
  const seconds = (performance.now() - started) / 1000;
  console.log(
    `${passages.length} passages of Markdown encoded in ${seconds.toFixed(1)} s (${Math.round(passages.length / seconds)} a second)`,
  );
  const { rows, docs, queries } = heldOut(embeddings, encoder.dimensions);
  const { codec, store } = await fill(docs, encoder.dimensions, encoder.identity);
  for (const question of QUESTIONS) {
    const query = await encoder.encode([question], { prompt: 'query' });
    started = performance.now();
    const [hits] = await store.search(query, { k: 3 });
    console.log(`\n${question}   (${(performance.now() - started).toFixed(1)} ms)`);
    for (const { id, score } of hits) {
      const { file, text } = passages[rows[Number(id)]];
      console.log(
        `  ${score.toFixed(3)}  ${text.slice(0, 110)}${text.length > 110 ? '…' : ''}\n         ${file.replace(/^.*node_modules\//, '')}`,
      );
    }
  }
  await measure(store, codec, queries, 'held-out passages');
  await encoder.close();
}

async function withMadeVectors(): Promise<void> {
  console.log(
    'No model here: give one with `npm run demo -- --model <folder>` (tokenizer.json and onnx/model.onnx).',
  );
  console.log(
    'The same job on MADE vectors, 20 000 × 384 in clusters: its figures say nothing of real text.',
  );
  const embeddings = clusteredVectors(20_000, 384);
  const { docs, queries } = heldOut(embeddings, 384);
  const { codec, store } = await fill(docs, 384, 'made vectors');
  await measure(store, codec, queries, 'held-out made vectors');
}

async function fill(
  embeddings: Float32Array,
  width: number,
  name: string,
): Promise<{ codec: Codec; store: MemoryStore }> {
  const codec = (await calibrate([embeddings], { inputDimensions: width })).codec({ model: name });
  const store = new MemoryStore({ codec, keepEmbeddings: true });
  const ids = Array.from({ length: embeddings.length / width }, (_, row) => BigInt(row));
  await store.upsert({ ids, embeddings });
  return { codec, store };
}

async function measure(store: MemoryStore, codec: Codec, queries: Float32Array, what: string): Promise<void> {
  const count = queries.length / codec.inputDimensions;
  let started = performance.now();
  const exact = await store.exact(queries, { k: 10 });
  const exactTime = (performance.now() - started) / count;
  started = performance.now();
  const found = await store.search(queries, { k: 10 });
  const time = (performance.now() - started) / count;
  const recalls = found.map((hits, i) =>
    recallAtK(
      hits.map(({ id }) => id),
      exact[i].map(({ id }) => id),
      10,
    ),
  );
  const recall = recalls.reduce((sum, value) => sum + value, 0) / count;
  const { float32, int8, bits } = codec.bytesPerRow;
  const line = (name: string, bytes: number, rest: string): void =>
    console.log(`${name.padEnd(28)} ${String(bytes).padStart(14)}   ${rest}`);
  console.log(`\n${count} ${what} as queries over ${await store.size()} rows, k = 10`);
  console.log(`${''.padEnd(28)} ${'bytes a vector'.padStart(14)}   recall@10   ms a query`);
  line('float32, exact', float32, `    1.0000   ${exactTime.toFixed(2)} (in one batch)`);
  line('int8, on disk or beside', int8, '');
  line('bits, in memory → int8', bits, `    ${recall.toFixed(4)}   ${time.toFixed(2)}`);
}
