import net from 'node:net';
import { type Codec, calibrate } from '@nestbit/core';
import { clusteredVectors } from '@nestbit/core/testing';
import { PgStore } from '@nestbit/pg-adapter';
import pg from 'pg';
import { beforeAll, expect, test } from 'vitest';
import { everyPostgres } from '../support/postgres/databases.ts';

const WIDTH = 64;
const vectors = clusteredVectors(300, WIDTH);
let codec: Codec;

beforeAll(async () => {
  codec = (await calibrate([vectors], { inputDimensions: WIDTH })).codec();
});

/** A proxy that, once armed, gives the server's first ReadyForQuery together with what ends the session: one read of the socket. */
async function endingProxy(
  url: string,
  admin: pg.Pool,
): Promise<{ readonly port: number; arm(): void; close(): void }> {
  const READY = Buffer.from([0x5a, 0, 0, 0, 5]);
  let armed = false;
  const server = net.createServer((client) => {
    const up = net.connect(Number(new URL(url).port), '127.0.0.1');
    const hold = armed;
    armed = false;
    let held: Buffer[] | undefined;
    client.pipe(up);
    client.on('error', () => {});
    up.on('error', () => {});
    up.on('data', (bytes) => {
      if (held !== undefined) held.push(bytes);
      else if (hold && bytes.subarray(-6, -1).equals(READY)) {
        held = [bytes];
        void admin.query(
          `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'through the proxy'`,
        );
      } else client.write(bytes);
    });
    up.on('end', () => {
      client.end(Buffer.concat(held ?? []));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as net.AddressInfo).port,
    arm: () => {
      armed = true;
    },
    close: () => void server.close(),
  };
}

for (const postgres of everyPostgres().filter(({ name }) => name !== 'PGlite')) {
  test(`${postgres.name}: a connection that ends as soon as it is made is replaced, and the process goes on`, async (context) => {
    context.skip(postgres.why !== undefined, postgres.why);
    const { pool: admin, url, close } = await postgres.open();
    await PgStore.create(admin, { name: 'x', codec, idType: 'bigint' });
    const proxy = await endingProxy(url as string, admin);
    const { pathname } = new URL(url as string);
    const pool = new pg.Pool({
      host: '127.0.0.1',
      port: proxy.port,
      user: 'postgres',
      database: pathname.slice(1),
      application_name: 'through the proxy',
      idleTimeoutMillis: 1,
    });
    pool.on('error', () => {});
    const store = await PgStore.open(pool, { name: 'x' });
    const uncaught: unknown[] = [];
    const note = (error: unknown): void => void uncaught.push(error);
    process.on('uncaughtException', note);
    try {
      const idle = async (): Promise<void> => {
        while (pool.totalCount > 0) await new Promise((resolve) => setTimeout(resolve, 5));
        proxy.arm();
      };
      await idle();
      await store.upsert({ ids: [1n], embeddings: vectors.subarray(0, WIDTH) });
      await idle();
      expect((await store.search(vectors.subarray(0, WIDTH), { k: 1 }))[0].map(({ id }) => id)).toEqual([1n]);
      await idle();
      expect(await store.size()).toBe(1);
      expect(uncaught).toEqual([]);
    } finally {
      process.off('uncaughtException', note);
      await pool.end();
      proxy.close();
      await close();
    }
  });
}
