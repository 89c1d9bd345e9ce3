// Reads the store at argv[2] until told to stop: its first BATCH rows are always written together, so every look at
// them, and every search, must see one version of them all. Answers with the number of looks, or what was wrong.
import { clusteredVectors } from '@nestbit/core/testing';
import { FaissStore } from '@nestbit/faiss-adapter';

const BATCH = 50;
const ids = Array.from({ length: BATCH }, (_, id) => BigInt(id));
const store = await FaissStore.open(process.argv[2], { readOnly: true });
const query = clusteredVectors(1, store.codec.inputDimensions);
let stopped = false;
process.on('message', () => {
  stopped = true;
});
process.send?.('ready');

let looks = 0;
let last = -1;
let wrong: string | undefined;
while (!stopped && wrong === undefined) {
  const rows = await store.get(ids);
  const versions = new Set(rows.map((row) => row?.payload?.['version'] as number));
  const [version] = versions;
  if (versions.size !== 1 || version < last) wrong = `versions ${[...versions]} after ${last}`;
  last = version;
  const [hits] = await store.search(query, { k: BATCH, filter: { version: { gte: last } }, payloads: true });
  const seen = new Set(hits.map(({ payload }) => payload?.['version']));
  if (hits.length !== BATCH || seen.size !== 1) wrong = `${hits.length} hits of versions ${[...seen]}`;
  looks++;
}
await store.close();
process.send?.({ looks, wrong });
