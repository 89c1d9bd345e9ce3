// `npm run demo`: the main job on real text. The prose of this repository's Markdown and of the packages that it
// installed is encoded with the model that ships, stored as codes, searched, and the result compared with exact float
// search.
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Codec, calibrate, MemoryStore, recallAtK } from '@nestbit/core';
import { Encoder } from '@nestbit/core/onnx';
import { modelFolder } from '@nestbit/model-en';
import { Command } from 'commander';
import { heldOut } from './held-out.ts';
import { markdownPassages } from './passages.ts';

const QUESTIONS = [
  'How do I send a request through a proxy?',
  'How can old entries of a cache expire?',
  'How do I match files with shell patterns?',
  'How do I retry a failed request?',
  'How do I parse arguments of the command line?',
  'How can I lock a file across processes?',
];
const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const options = new Command('demo')
  .argument('[questions...]', 'what to ask; default: some questions')
  .option('--model <folder>', 'model folder (tokenizer.json, onnx/model.onnx); default: the one that ships')
  .option('--limit <n>', 'passages at most', '50000')
  .parse();
const { model = modelFolder, limit } = options.opts<{ model?: string; limit: string }>();
const questions = options.args.length > 0 ? options.args : QUESTIONS;

const passages = markdownPassages(
  root,
  ['README.md', 'ARCHITECTURE.md', 'docs', 'node_modules'],
  Number(limit),
);
const encoder = await Encoder.open(resolve(model));
console.log(`model ${encoder.identity}, ${encoder.dimensions} dimensions`);
const started = performance.now();
const embeddings = await encoder.encode(
  passages.map(({ place, text }) => `${place}: ${text}`),
  { prompt: 'document' },
);
const seconds = (performance.now() - started) / 1000;
console.log(
  `${passages.length} passages of Markdown encoded in ${seconds.toFixed(1)} s (${Math.round(passages.length / seconds)} a second)`,
);
const { codec, store } = await fill(embeddings, encoder.dimensions, encoder.identity);
for (const question of questions) await ask(question);
await store.close();
const { docs, queries } = heldOut(embeddings, encoder.dimensions);
await measure((await fill(docs, encoder.dimensions, encoder.identity)).store, codec, queries);
await encoder.close();

async function ask(question: string): Promise<void> {
  const query = await encoder.encode([question], { prompt: 'query' });
  const began = performance.now();
  const [hits] = await store.search(query, { k: 3 });
  console.log(`\n${question}   (${(performance.now() - began).toFixed(1)} ms)`);
  for (const { id, score } of hits) {
    const { place, text } = passages[Number(id)];
    console.log(
      `  ${score.toFixed(3)}  ${place}\n         ${text.slice(0, 150)}${text.length > 150 ? '…' : ''}`,
    );
  }
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

async function measure(store: MemoryStore, codec: Codec, queries: Float32Array): Promise<void> {
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
  const { float32, copy, scalars, bits } = codec.bytesPerRow;
  const line = (name: string, bytes: number, rest: string): void =>
    console.log(`${name.padEnd(28)} ${String(bytes).padStart(14)}   ${rest}`);
  console.log(`\n${count} held-out passages as queries over ${await store.size()} rows, k = 10`);
  console.log(`${''.padEnd(28)} ${'bytes a vector'.padStart(14)}   recall@10   ms a query`);
  line('float32, exact', float32, `    1.0000   ${exactTime.toFixed(2)} (in one batch)`);
  line(`${codec.copy}, on disk or beside`, copy, '');
  line(`bits, in memory → ${codec.copy}`, bits + scalars, `    ${recall.toFixed(4)}   ${time.toFixed(2)}`);
}
