import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { NpyWriter, openNpy, parseCodec } from '@nestbit/core';
import { clusteredVectors } from '@nestbit/core/testing';
import { FaissStore } from '@nestbit/faiss-adapter';
import { beforeAll, expect, test } from 'vitest';
import { temporaryFolder } from '../support/files.ts';
import { nestbit, start } from '../support/nestbit.ts';
import { seeded } from '../support/random.ts';

const ROWS = 6000;
const WIDTH = 64;
/** Kills of each command; `npm run check:faults` sets more. */
const KILLS =
  process.env['NESTBIT_FAULTS'] === undefined ? 2 : Math.ceil(Number(process.env['NESTBIT_FAULTS']) / 400);
const folder = temporaryFolder();
const path = (name: string): string => join(folder, name);

beforeAll(async () => {
  const writer = await NpyWriter.create(path('docs.npy'), 'float32', WIDTH);
  await writer.append(clusteredVectors(ROWS, WIDTH));
  await writer.commit();
  expect(await nestbit('calibrate', path('docs.npy'), '--out', path('codec.json'))).toMatchObject({
    status: 0,
  });
});

/** Commands that write, and what must hold whenever one was killed: nothing, or something whole. */
const WRITERS: Record<string, { args: (out: string) => string[]; whole: (out: string) => Promise<unknown> }> =
  {
    calibrate: {
      args: (out) => ['calibrate', path('docs.npy'), '--out', out],
      whole: async (out) => existsSync(out) && parseCodec(readFileSync(out, 'utf8')),
    },
    encode: {
      args: (out) => ['encode', path('docs.npy'), '--codec', path('codec.json'), '--out', out],
      whole: async (out) => {
        for (const name of existsSync(out) ? readdirSync(out) : []) {
          if (!name.endsWith('.npy')) continue;
          const npy = await openNpy(join(out, name));
          expect(npy.rows).toBe(ROWS);
          await npy.close();
        }
      },
    },
    'ingest into faiss': {
      args: (out) => ['ingest', path('docs.npy'), '--codec', path('codec.json'), '--store', `faiss:${out}`],
      whole: async (out) => {
        if (!existsSync(join(out, 'CURRENT'))) return;
        const store = await FaissStore.open(out);
        const size = await store.size();
        const rows = await store.get(Array.from({ length: size }, (_, row) => BigInt(row)));
        expect(rows.every((row, n) => row?.id === BigInt(n))).toBe(true);
        await store.verify();
        await store.close();
      },
    },
  };

for (const [name, { args, whole }] of Object.entries(WRITERS)) {
  test(`${name}, killed at ${KILLS} moments, leaves nothing or something whole, and runs again`, async () => {
    const out = path(`out-${name.replaceAll(' ', '-')}`);
    const started = performance.now();
    expect(await nestbit(...args(out))).toMatchObject({ status: 0 });
    const usual = performance.now() - started;
    await whole(out);
    const random = seeded(name.length);
    for (let kill = 0; kill < KILLS; kill++) {
      rmSync(out, { recursive: true, force: true });
      const victim = start(...args(out));
      const gone = new Promise((resolve) => victim.once('close', resolve));
      // Most of a run is the start of Node and the packages.
      await new Promise((resolve) => setTimeout(resolve, usual * (0.4 + random(600) / 1000)));
      victim.kill('SIGKILL');
      await gone;
      await whole(out);
      expect(await nestbit(...args(out))).toMatchObject({ status: 0 });
      await whole(out);
    }
  }, 7_200_000);
}
