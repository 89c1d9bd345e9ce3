import { ExactSearch, ndcgAtK, readBeir } from '@nestbit/core';
import { Encoder } from '@nestbit/core/onnx';
import { expect, test } from 'vitest';
import { collect } from '../support/files.ts';
import { needsSharedData } from '../support/shared-data.ts';

const MODEL = 'models/static-mrl-en-384-b';

function cut(x: Float32Array, width: number, n: number): Float32Array {
  return Float32Array.from(
    { length: (x.length / width) * n },
    (_, at) => x[Math.floor(at / n) * width + (at % n)],
  );
}

for (const [name, expected] of [
  ['scifact', { 64: 0.33, 128: 0.409, 256: 0.456, 384: 0.475 }],
  ['npl', { 64: 0.151, 128: 0.177, 256: 0.196, 384: 0.216 }],
] as const) {
  test(`nDCG@10 of plain float on ${name} is that of the table`, async (context) => {
    const model = needsSharedData(context, MODEL);
    const set = await readBeir(needsSharedData(context, `datasets/${name}`));
    const encoder = await Encoder.open(model);
    const corpus = await collect(set.corpus());
    const docs = await encoder.encode(corpus.map((doc) => doc.text));
    const queries = await encoder.encode(set.queries.map((query) => query.text));
    const width = encoder.dimensions;
    await encoder.close();
    for (const [dimensions, figure] of Object.entries(expected)) {
      const n = Number(dimensions);
      const search = new ExactSearch(cut(queries, width, n), n, 10);
      search.add(0, cut(docs, width, n));
      const scores = search.hits().map(({ rows }, query) => {
        const ranking = Array.from(rows, (row) => String(corpus[row].id));
        return ndcgAtK(ranking, set.qrels.get(String(set.queries[query].id)) ?? new Map(), 10);
      });
      const mean = scores.reduce((sum, score) => sum + score, 0) / scores.length;
      expect(Math.abs(mean - figure), `${name} at ${n}: ${mean}`).toBeLessThan(0.005);
    }
  });
}

test('mean pooling of the token vectors is the model’s own sentence embedding', async (context) => {
  const model = needsSharedData(context, MODEL);
  const texts = ['A cat sat on the mat.', 'Gene expression in human cells', 'short', ''];
  const rows = await Promise.all(
    (['mean', 'output'] as const).map(async (pooling) => {
      const encoder = await Encoder.open(model, { pooling, workers: 1 });
      const embeddings = await encoder.encode(texts.slice(0, 3));
      await encoder.close();
      return embeddings;
    }),
  );
  const apart = rows[0].map((value, i) => Math.abs(value - rows[1][i]));
  expect(Math.max(...apart)).toBeLessThan(1e-5);
});
