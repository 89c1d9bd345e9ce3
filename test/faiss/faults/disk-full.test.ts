import { execFileSync } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { platform } from 'node:os';
import { join } from 'node:path';
import { calibrate } from '@nestbit/core';
import { clusteredVectors } from '@nestbit/core/testing';
import { FaissStore } from '@nestbit/faiss-adapter';
import { expect, test } from 'vitest';
import { refusal, temporaryFolder } from '../../support/files.ts';

const WIDTH = 256;
const BATCH = 200;
const MIB = 2 ** 20;
const folder = temporaryFolder();

/** Mounts a small file system; the reason where that cannot be done. */
async function mount(path: string): Promise<string | undefined> {
  if (platform() !== 'linux' || process.getuid?.() !== 0)
    return 'needs root on Linux, to mount a small tmpfs';
  await mkdir(path);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=6m', 'tmpfs', path], { stdio: 'pipe' });
    return undefined;
  } catch (error) {
    return `a tmpfs cannot be mounted here: ${(error as Error).message.trim()}`;
  }
}

test('a full disk is an error; nothing acknowledged is lost, and with room again the store goes on', async (context) => {
  const disk = join(folder, 'disk');
  const why = await mount(disk);
  context.skip(why !== undefined, why);
  try {
    const sample = clusteredVectors(500, WIDTH);
    const codec = (await calibrate([sample], { inputDimensions: WIDTH })).codec();
    for (const spare of [2.5, 2.6, 2.8, 3]) {
      const path = join(disk, 'store');
      const ballast = join(disk, 'ballast');
      await writeFile(ballast, new Uint8Array(spare * MIB));
      const store = await FaissStore.create(path, { codec });
      let rows = 0;
      const write = async (): Promise<void> => {
        const ids = Array.from({ length: BATCH }, (_, i) => BigInt(rows + i));
        const payloads = ids.map((id) => ({ n: Number(id), text: 'x'.repeat(100) }));
        await store.upsert({ ids, embeddings: clusteredVectors(BATCH, WIDTH, 8, rows + 1), payloads });
        rows += BATCH;
      };
      const filled = await refusal(async () => {
        for (;;) await write();
      });
      expect(filled).toMatch(/^STORE_FAILED: .*What was acknowledged before is safe\./);
      expect(rows).toBeGreaterThan(BATCH);
      const whole = async (one: FaissStore): Promise<void> => {
        expect(await one.size()).toBe(rows);
        const found = await one.get(Array.from({ length: rows }, (_, id) => BigInt(id)));
        expect(found.every((row, n) => row?.payload?.['n'] === n)).toBe(true);
        await one.verify();
      };
      await whole(store);
      await rm(ballast);
      await write();
      await whole(store);
      await store.close();
      const again = await FaissStore.open(path);
      await whole(again);
      await again.close();
      await rm(path, { recursive: true });
    }
  } finally {
    execFileSync('umount', ['-l', disk]);
  }
});
