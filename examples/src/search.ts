// A store in memory: rows with payloads, searched under a filter.
import { calibrate, MemoryStore } from '@nestbit/core';
import { clusteredVectors } from '@nestbit/core/testing';

const embeddings = clusteredVectors(2000, 384);
const codec = (await calibrate([embeddings], { inputDimensions: 384 })).codec();

await using store = new MemoryStore({ codec });
await store.upsert({
  ids: Array.from({ length: 2000 }, (_, row) => BigInt(row)),
  embeddings,
  payloads: Array.from({ length: 2000 }, (_, row) => ({
    lang: row % 2 === 0 ? 'en' : 'fr',
    year: 2000 + (row % 20),
  })),
});

const query = embeddings.subarray(42 * 384, 43 * 384);
const filter = { lang: 'en', year: { gte: 2002, lt: 2010 } };
const [hits] = await store.search(query, { k: 3, filter, payloads: true });
for (const { id, score, payload } of hits) console.log(id, score.toFixed(3), JSON.stringify(payload));
