import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { calibrate } from '@nestbit/core';
import { clusteredVectors } from '@nestbit/core/testing';
import { FaissStore } from '@nestbit/faiss-adapter';
import { expect, test } from 'vitest';
import { child, kill, message } from '../../support/children.ts';
import { copyFolder, mutate } from '../../support/faults/mutations.ts';
import { Asker, Outcomes } from '../../support/faults/outcomes.ts';
import { temporaryFolder } from '../../support/files.ts';
import { seeded } from '../../support/random.ts';

const WIDTH = 64;
/** Mutations of each of the four folders; `npm run check:faults` sets more. */
const MUTATIONS = Number(process.env['NESTBIT_FAULTS'] ?? 120) / 4;
const SEED = Number(process.env['NESTBIT_FAULTS_SEED'] ?? 20261128);
/** Calls of the history before the older folder is copied, and after. */
const CALLS = [3, 4];
/** All that a damaged store may be refused with. */
const REFUSED = /^(STORE_DAMAGED|STORE_NOT_FOUND|CODEC_CORRUPT|CODEC_VERSION|UNSUPPORTED)$/;
const folder = temporaryFolder();

// A store, and the same some commits before; killed, or closed.
async function folders(
  kind: 'flat' | 'hnsw',
  end: 'closed' | 'killed',
): Promise<{ path: string; older: string }> {
  const codec = (await calibrate([clusteredVectors(500, WIDTH)], { inputDimensions: WIDTH })).codec();
  const path = join(folder, `${kind}-${end}`);
  const older = `${path}-older`;
  await (await FaissStore.create(path, { codec, index: { kind } })).close();
  // Past the first compaction of the history, and well before the second.
  let step = 12;
  for (const calls of CALLS) {
    const writer = child('faiss-busy.ts');
    await message(writer);
    writer.send({ path, step });
    for (let done = 0; done <= calls; done++) step = (await message<{ done: number }>(writer)).done;
    await kill(writer);
    if (calls === CALLS[0]) copyFolder(path, older);
  }
  if (end === 'closed') {
    const store = await FaissStore.open(path);
    await store.index();
    await store.close();
  }
  return { path, older };
}

for (const kind of ['flat', 'hnsw'] as const) {
  for (const end of ['closed', 'killed'] as const) {
    test(`a ${kind} store that was ${end}, damaged ${MUTATIONS} times, is refused by name or answers as before`, async () => {
      const { path, older } = await folders(kind, end);
      const asker = new Asker('faiss-opener.ts');
      const outcomes = new Outcomes();
      const copy = join(folder, 'copy');
      const random = seeded(SEED + kind.length * 7 + end.length);
      let wanted: string | undefined;
      for (let n = 0; n <= MUTATIONS; n++) {
        copyFolder(path, copy);
        // The first is whole.
        const what = n === 0 ? 'none' : mutate(copy, older, random);
        const said = await asker.ask(copy);
        rmSync(copy, { recursive: true });
        if (!('answer' in said)) {
          outcomes.add('hang' in said ? 'hang' : 'crash', `${what}, number ${n}`);
          continue;
        }
        wanted ??= said.answer;
        if (said.answer === wanted) outcomes.add('right', what);
        else if (REFUSED.test(said.answer)) outcomes.add('refused', said.answer);
        else outcomes.add('wrong', `${what}, number ${n}: ${said.answer.slice(0, 100)}`);
      }
      asker.end();
      console.log(`${kind}, ${end}: ${outcomes}`);
      expect(wanted).toMatch(/^\[\[\{"id"/);
      expect(outcomes.bad).toEqual([]);
      expect(outcomes.counts.refused).toBeGreaterThan(MUTATIONS / 4);
    }, 7_200_000);
  }
}
