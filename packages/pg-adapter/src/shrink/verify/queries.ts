import type { Following } from '../../follow/following.ts';
import { encodeRows } from '../../source/encode-rows.ts';
import { sampleRows } from '../sample/sample.ts';

/** Rows of the table as queries. */
export interface SampleQueries {
  readonly ids: readonly string[];
  /** rows × inputDimensions */
  readonly embeddings: Float32Array;
}

/** So many rows from all over the table, or all that it has. */
export async function sampleQueries(context: Following, wanted: number): Promise<SampleQueries> {
  const { pool, source, record } = context;
  const width = record.codec.inputDimensions;
  const ids: string[] = [];
  const parts: Float32Array[] = [];
  // More than wanted, since pages come whole: of those every so many.
  for await (const batch of sampleRows(pool, source, width, 8 * wanted)) {
    const good = new Set((await encodeRows(record.codec, batch)).ids);
    for (const [row, id] of batch.ids.entries()) {
      if (!good.has(id)) continue;
      ids.push(id);
      parts.push(batch.embeddings.slice(row * width, (row + 1) * width));
    }
  }
  const step = Math.max(1, Math.floor(ids.length / wanted));
  const places = ids
    .map((_, place) => place)
    .filter((place) => place % step === 0)
    .slice(0, wanted);
  const embeddings = new Float32Array(places.length * width);
  for (const [to, place] of places.entries()) embeddings.set(parts[place], to * width);
  return { ids: places.map((place) => ids[place]), embeddings };
}
