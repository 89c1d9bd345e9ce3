// Cuts files of a store that is open and searched, and prints how each search ended.
// Arguments: the folder of the store, copies of which are cut.
import { cpSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { clusteredVectors } from '@nestbit/core/testing';
import { FaissStore } from '@nestbit/faiss-adapter';

const [, , folder] = process.argv;
const outcomes: Record<string, number> = {};
const query = clusteredVectors(1, 256, 8, 7);
let copies = 0;

async function told(run: () => Promise<unknown>): Promise<string> {
  try {
    await run();
    return 'done';
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

async function cut(file: string, to: (size: number) => number, meanwhile: boolean): Promise<void> {
  const path = `${folder}-${copies++}`;
  cpSync(folder, path, { recursive: true });
  const store = await FaissStore.open(path, { readOnly: true });
  const before = await told(() => store.search(query, { k: 10 }));
  if (before !== 'done') throw new Error(`the whole store: ${before}`);
  const target = join(path, '1', file);
  const searching = meanwhile
    ? Array.from({ length: 8 }, () => told(() => store.search(clusteredVectors(64, 256, 8), { k: 10 })))
    : [];
  if (meanwhile) await new Promise((later) => setImmediate(later));
  truncateSync(target, to(statSync(target).size));
  // What was under way may have been done before the cut; nothing that begins after it is answered.
  for (const end of await Promise.all(searching))
    if (end !== 'done' && end !== 'STORE_DAMAGED') throw new Error(`${file} cut meanwhile: ${end}`);
  for (let i = 0; i < 3; i++) {
    const end = await told(() => store.search(query, { k: 10 }));
    outcomes[end] = (outcomes[end] ?? 0) + 1;
  }
  const got = await told(() => store.get(['0', '9999']));
  outcomes[`get ${got}`] = (outcomes[`get ${got}`] ?? 0) + 1;
  await store.close();
}

for (const file of ['bits.u8', 'scalars.u8', 'copies.u8', 'checks.u32']) {
  for (const to of [
    () => 0,
    () => 100,
    () => 5000,
    (size: number) => size - 4096,
    (size: number) => size - 1,
  ])
    await cut(file, to, false);
  await cut(file, () => 0, true);
}
console.log(JSON.stringify(outcomes));
