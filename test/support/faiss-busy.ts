// Waits for { path, step }; then makes the calls of the history from that one on, and tells after each that it is
// done, until it is killed.
import { clusteredVectors } from '@nestbit/core/testing';
import { FaissStore } from '@nestbit/faiss-adapter';
import { stepOf } from './faiss-history.ts';

process.once('message', async ({ path, step }: { path: string; step: number }) => {
  const store = await FaissStore.open(path);
  process.send?.({ done: step });
  for (let n = step; ; n++) {
    const { kind, ...call } = stepOf(n);
    if (kind === 'compact') {
      await store.compact();
    } else {
      const ids = (call as { ids: number[] }).ids.map(BigInt);
      if (kind === 'delete') await store.delete(ids);
      else await store.upsert(batch(ids, n));
    }
    process.send?.({ done: n + 1 });
  }

  function batch(
    ids: bigint[],
    n: number,
  ): { ids: bigint[]; embeddings: Float32Array; payloads: { n: number }[] } {
    const embeddings = clusteredVectors(ids.length, store.codec.inputDimensions, 8, n + 1);
    return { ids, embeddings, payloads: ids.map(() => ({ n })) };
  }
});
process.send?.('ready');
