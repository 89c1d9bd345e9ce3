// Becomes a user without rights (nobody), opens the store at argv[2] to read it, and tells on demand what it finds and
// how it is refused as a writer.
import { clusteredVectors } from '@nestbit/core/testing';
import { FaissStore } from '@nestbit/faiss-adapter';

// The packages are loaded already, from folders that nobody may not be allowed to read.
process.setgroups?.([]);
process.setgid?.(65_534);
process.setuid?.(65_534);
const path = process.argv[2];
const store = await FaissStore.open(path, { readOnly: true });
process.on('message', async (what) => {
  if (what === 'end') {
    await store.close();
    process.exit(0);
  }
  const width = store.codec.inputDimensions;
  const query = clusteredVectors(500, width).subarray(7 * width, 8 * width);
  const [[hit]] = await store.search(query, { k: 1 });
  const refused = await FaissStore.open(path).then(
    () => 'opened',
    (error: { code?: string }) => error.code,
  );
  process.send?.({ size: await store.size(), found: String(hit.id), refused });
});
process.send?.('ready');
