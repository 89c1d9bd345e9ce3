// Writes batches of 50 rows into a store, and tells after each how many are acknowledged, until it is killed.
import { clusteredVectors } from '@nestbit/core/testing';
import { FaissStore } from '@nestbit/faiss-adapter';

const store = await FaissStore.open(process.argv[2]);
for (let row = Number(process.argv[3]); ; row += 50) {
  const ids = Array.from({ length: 50 }, (_, i) => BigInt(row + i));
  const embeddings = clusteredVectors(50, store.codec.inputDimensions, 8, row + 1);
  await store.upsert({ ids, embeddings, payloads: ids.map((id) => ({ n: Number(id) })) });
  process.send?.(row + 50);
}
