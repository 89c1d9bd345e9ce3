import { ExactSearch, ndcgAtK, readBeir, type TextRecord } from '@nestbit/core';
import { Encoder } from '@nestbit/core/onnx';

const K = 10;

/**
 * nDCG@10 of a model folder on a set in BEIR layout, by exact float cosine of embeddings cut to each width.
 *
 * @returns one value a width, in the order of `dimensions`
 */
export async function ndcgByDimensions(
  model: string,
  folder: string,
  dimensions: readonly number[],
  variant?: string,
): Promise<number[]> {
  const set = await readBeir(folder);
  const encoder = await Encoder.open(model, variant === undefined ? {} : { variant });
  const width = encoder.dimensions;
  const texts = (records: readonly { text: string }[]): string[] => records.map(({ text }) => text);
  const docs: TextRecord[] = [];
  for await (const doc of set.corpus()) docs.push(doc);
  const rows = await encoder.encode(texts(docs), { prompt: 'document' });
  const queries = await encoder.encode(texts(set.queries), { prompt: 'query' });
  await encoder.close();
  return dimensions.map((n) => {
    const search = new ExactSearch(cut(queries, width, n), n, K);
    search.add(0, cut(rows, width, n));
    const values = search.hits().map(({ rows: found }, query) => {
      const ranking = Array.from(found, (row) => String(docs[row].id));
      return ndcgAtK(ranking, set.qrels.get(String(set.queries[query].id)) ?? new Map(), K);
    });
    return values.reduce((sum, value) => sum + value, 0) / values.length;
  });
}

/** The first n values of each row; the search normalizes them. */
function cut(rows: Float32Array, width: number, n: number): Float32Array {
  return Float32Array.from(
    { length: (rows.length / width) * n },
    (_, i) => rows[Math.floor(i / n) * width + (i % n)],
  );
}
