import { cp, readdir, rm, stat, truncate } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { calibrate } from '@nestbit/core';
import { clusteredVectors } from '@nestbit/core/testing';
import { FaissStore } from '@nestbit/faiss-adapter';
import { expect, test } from 'vitest';
import { child, kill, message } from '../../support/children.ts';
import { temporaryFolder } from '../../support/files.ts';
import { flip } from '../../support/flip.ts';
import { seeded } from '../../support/random.ts';

const WIDTH = 256;
const ROWS = 1000;
/** All that a damaged store may be refused with. */
const REFUSED = ['STORE_DAMAGED', 'CODEC_CORRUPT', 'CODEC_VERSION'];
const folder = temporaryFolder();

async function filesOf(path: string): Promise<string[]> {
  const all = await readdir(path, { recursive: true, withFileTypes: true });
  return all
    .filter((entry) => entry.isFile() && !/^(LOCK|lock\.mdb)$/.test(entry.name))
    .map((entry) => relative(path, join(entry.parentPath, entry.name)))
    .sort();
}

for (const [kind, places] of [
  ['flat', 60],
  ['ivf', 70],
  ['hnsw', 70],
] as const) {
  test(`a ${kind} store damaged at ${places} places is refused by name or answers as before`, async () => {
    const vectors = clusteredVectors(ROWS, WIDTH);
    const codec = (await calibrate([vectors], { inputDimensions: WIDTH })).codec();
    const path = join(folder, kind);
    const store = await FaissStore.create(path, { codec, index: { kind } });
    const ids = Array.from({ length: ROWS }, (_, id) => BigInt(id));
    await store.upsert({ ids, embeddings: vectors, payloads: ids.map((id) => ({ n: Number(id) })) });
    await store.delete(ids.slice(0, 10));
    await store.index();
    await store.close();

    let opener = child('faiss-opener.ts');
    await message(opener);
    const ask = async (asked: string): Promise<string> => {
      opener.send(asked);
      return await message<string>(opener);
    };
    const wanted = await ask(path);
    expect(wanted).toMatch(/"n":/);
    const files = await filesOf(path);
    const random = seeded(places);
    const outcomes: Record<string, number> = {};
    for (let place = 0; place < places; place++) {
      const copy = join(folder, 'copy');
      await cp(path, copy, { recursive: true });
      const file = files[place % files.length];
      const { size } = await stat(join(copy, file));
      const at = random(size);
      await (place % 3 === 0 ? truncate(join(copy, file), at) : flip(join(copy, file), at));
      const answer = await ask(copy).catch(async (crash: Error) => {
        opener = child('faiss-opener.ts');
        await message(opener);
        return `crash (${crash.message}) of ${file} at ${at}`;
      });
      const outcome =
        answer === wanted ? 'same' : answer.startsWith('[') ? `other answers: ${file} at ${at}` : answer;
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
      await rm(copy, { recursive: true });
    }
    await kill(opener);
    expect(Object.keys(outcomes).filter((outcome) => ![...REFUSED, 'same'].includes(outcome))).toEqual([]);
    expect(outcomes['STORE_DAMAGED']).toBeGreaterThan(places / 4);
  }, 240_000);
}
