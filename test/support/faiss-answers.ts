// Prints a hash of what each kind of index answers, of sizes that end within and between machine words.
import { createHash } from 'node:crypto';
import { BinaryIndex, type BinaryIndexOptions } from '@nestbit/faiss-adapter';
import { clusteredBits } from './hamming.ts';

const hash = createHash('sha256');
for (const bytes of [1, 9, 32, 100, 128]) {
  const dimensions = bytes * 8;
  const codes = clusteredBits(1500, bytes);
  const kinds: BinaryIndexOptions[] = [
    { kind: 'flat', dimensions },
    { kind: 'ivf', dimensions, lists: 12 },
    { kind: 'hnsw', dimensions },
  ];
  for (const options of kinds) {
    const index = BinaryIndex.create(options);
    if (options.kind === 'ivf') await index.train(codes);
    await index.add(codes, { threads: 1 });
    for (const hit of await index.search(clusteredBits(70, bytes, 32, 5), { k: 20, probes: 3 }))
      hash.update(hit.distances).update(hit.labels);
  }
}
console.log(hash.digest('hex'));
