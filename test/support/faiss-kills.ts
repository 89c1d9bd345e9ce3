import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { calibrate } from '@nestbit/core';
import { clusteredVectors } from '@nestbit/core/testing';
import { FaissStore } from '@nestbit/faiss-adapter';
import { expect, test } from 'vitest';
import { child, kill, message } from './children.ts';
import { History, IDS } from './faiss-history.ts';
import { temporaryFolder } from './files.ts';
import { seeded } from './random.ts';

const WIDTH = 64;
const KILLS = 50;
/** Calls that the writer may make, and milliseconds after them, before the end. */
const CALLS = 4;
const LONGEST = 60;
const folder = temporaryFolder();
const ids = Array.from({ length: IDS }, (_, id) => BigInt(id));

async function rowsOf(store: FaissStore): Promise<Map<number, number>> {
  const found = await store.get(ids);
  return new Map(found.flatMap((row, id) => (row === undefined ? [] : [[id, row.payload?.['n'] as number]])));
}

/** The test of one kind; each runs in a file of its own, beside the others. */
export function testKills(kind: 'flat' | 'hnsw'): void {
  test(`a ${kind} store whose writer is killed at ${KILLS} moments of upserts, deletes and compactions has what was acknowledged`, async () => {
    const codec = (await calibrate([clusteredVectors(500, WIDTH)], { inputDimensions: WIDTH })).codec();
    const path = join(folder, kind);
    await (await FaissStore.create(path, { codec, index: { kind } })).close();
    const random = seeded(kind.length);
    let step = 0;
    // The next one starts up while the last is looked at.
    let next = child('faiss-busy.ts');
    for (let round = 0; round < KILLS; round++) {
      const writer = next;
      await message(writer);
      writer.send({ path, step });
      let done = step;
      for (let calls = random(CALLS); calls >= 0; calls--)
        done = (await message<{ done: number }>(writer)).done;
      writer.on('message', (said: { done: number }) => {
        done = said.done;
      });
      await new Promise((resolve) => setTimeout(resolve, random(LONGEST)));
      await kill(writer);
      next = child('faiss-busy.ts');
      const store = await FaissStore.open(path);
      const rows = await rowsOf(store);
      expect(await store.size()).toBe(rows.size);
      // The call that was under way happened whole or not at all.
      const states = [done, done + 1].map((steps) => new History().advance(steps).rows);
      const reached = states.findIndex(
        (state) => JSON.stringify(sorted(state)) === JSON.stringify(sorted(rows)),
      );
      expect(reached, `after ${done} calls`).toBeGreaterThanOrEqual(0);
      await store.verify();
      if (rows.size > 0) {
        const [hits] = await store.search(clusteredVectors(1, WIDTH), { k: IDS });
        expect(hits.map(({ id }) => Number(id)).sort()).toEqual([...rows.keys()].sort());
      }
      await store.close();
      step = done + reached;
    }
    await kill(next);
    expect(step).toBeGreaterThan(KILLS);
    await rm(path, { recursive: true });
  }, 480_000);
}

function sorted(rows: ReadonlyMap<number, number>): [number, number][] {
  return [...rows].sort(([a], [b]) => a - b);
}
