// Opens index files with one bit flipped, cut short or with other bytes, and searches and writes what opens. Prints
// how often each outcome came; anything but NestbitError INDEX_INVALID and an index that works ends it.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NestbitError } from '@nestbit/core';
import { BinaryIndex } from '@nestbit/faiss-adapter';
import { clusteredBits } from './hamming.ts';

const [, , folder, file, seed] = process.argv;
let state = Number(seed);
// A linear congruential generator (Numerical Recipes) is enough to choose bits.
const below = (limit: number): number => {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((state / 2 ** 32) * limit);
};

const whole = readFileSync(join(folder, file));
const damaged: Buffer[] = [];
const flipped = (byte: number, bit: number): Buffer => {
  const copy = Buffer.from(whole);
  copy[byte] ^= 1 << bit;
  return copy;
};
// Every bit where the sizes are, and bits anywhere.
for (let bit = 0; bit < 8 * Math.min(300, whole.length); bit++) damaged.push(flipped(bit >> 3, bit & 7));
for (let i = 0; i < 200; i++) damaged.push(flipped(below(whole.length), below(8)));
for (let i = 0; i < 100; i++) damaged.push(whole.subarray(0, below(i < 50 ? 300 : whole.length)));
for (let i = 0; i < 50; i++) {
  const copy = Buffer.from(whole);
  const at = below(copy.length - 16);
  for (let byte = 0; byte < 8; byte++) copy[at + byte] = i % 3 === 0 ? 0xff : below(256);
  damaged.push(copy);
}

const queries = clusteredBits(4, 32, 8, 3);
const outcomes = { refused: 0, searched: 0 };
const path = join(folder, `damaged-${file}`);
for (const bytes of damaged) {
  writeFileSync(path, bytes);
  try {
    const index = await BinaryIndex.read(path);
    const codes = queries.subarray(0, Math.floor(128 / (index.dimensions / 8)) * (index.dimensions / 8));
    for (const k of [3, 1000]) await index.search(codes, { k, probes: 4, efSearch: 20 });
    if (outcomes.searched % 8 === 0) {
      await index.write(`${path}.again`);
      await BinaryIndex.read(`${path}.again`);
    }
    if (index.trained) await index.add(codes);
    await index.search(codes, { k: 10, probes: 4 });
    outcomes.searched++;
  } catch (error) {
    if (!(error instanceof NestbitError && error.code === 'INDEX_INVALID')) throw error;
    outcomes.refused++;
  }
}
console.log(JSON.stringify(outcomes));
