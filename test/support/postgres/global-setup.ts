import { existsSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { postgresBin, postgresRoot } from '../../../scripts/postgres/root.js';
import { Cluster, distributionInstallation, type Installation } from './cluster.ts';

/** A server for the tests, or the reason why there is none. */
export interface Backend {
  readonly name: string;
  readonly url?: string;
  readonly why?: string;
}

declare module 'vitest' {
  export interface ProvidedContext {
    readonly postgres: readonly Backend[];
  }
}

/** Starts every PostgreSQL that there is, once a run, and prints which. PGlite needs none: it is always there. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const stops: (() => Promise<void>)[] = [];
  const backends = process.env['NESTBIT_TEST_BACKENDS'] === 'none' ? none() : await all(stops);
  for (const { name, url, why } of backends) {
    console.log(
      `postgres backend ${name}: ${url === undefined ? `not covered: ${why}` : `covered, ${await versions(url)}`}`,
    );
  }
  console.log('postgres backend PGlite: covered');
  project.provide('postgres', backends);
  return async () => {
    for (const stop of stops) await stop();
  };
}

async function all(stops: (() => Promise<void>)[]): Promise<Backend[]> {
  return [
    await given(),
    await docker(stops),
    await cluster('native 17 with pgvector', native(), stops),
    await cluster('distribution', distributionInstallation(), stops),
  ];
}

function none(): Backend[] {
  return ['native 17 with pgvector', 'distribution'].map((name) => ({
    name,
    why: 'NESTBIT_TEST_BACKENDS is none',
  }));
}

async function given(): Promise<Backend> {
  const url = process.env['NESTBIT_TEST_POSTGRES'];
  const name = 'given';
  return url === undefined ? { name, why: 'NESTBIT_TEST_POSTGRES is not set' } : { name, url };
}

async function docker(stops: (() => Promise<void>)[]): Promise<Backend> {
  const name = 'Docker';
  try {
    const { GenericContainer, getContainerRuntimeClient, Wait } = await import('testcontainers');
    await getContainerRuntimeClient();
    const container = await new GenericContainer('pgvector/pgvector:pg17')
      .withEnvironment({ POSTGRES_HOST_AUTH_METHOD: 'trust' })
      .withExposedPorts(5432)
      .withWaitStrategy(Wait.forLogMessage(/ready to accept connections/, 2))
      .start();
    stops.push(async () => {
      await container.stop();
    });
    return {
      name,
      url: `postgres://postgres@${container.getHost()}:${container.getMappedPort(5432)}/postgres`,
    };
  } catch (error) {
    return { name, why: (error as Error).message };
  }
}

function native(): Installation | undefined {
  const usable = process.getuid?.() === 0 && existsSync(join(postgresRoot, postgresBin, 'postgres'));
  return usable ? { root: postgresRoot, bin: postgresBin } : undefined;
}

async function cluster(
  name: string,
  at: Installation | undefined,
  stops: (() => Promise<void>)[],
): Promise<Backend> {
  if (at === undefined) {
    const how =
      name === 'distribution' ? 'no /usr/lib/postgresql' : 'run scripts/postgres/install.js as root first';
    return { name, why: how };
  }
  const server = await Cluster.start(at);
  stops.push(() => server.stop());
  return { name, url: server.url };
}

async function versions(url: string): Promise<string> {
  const client = new pg.Client(url);
  await client.connect();
  const { rows } = await client.query<{ server: string; vector: string | null }>(
    `select current_setting('server_version') as server,
            (select default_version from pg_available_extensions where name = 'vector') as vector`,
  );
  await client.end();
  return `${rows[0].server}, pgvector ${rows[0].vector ?? 'not there'}`;
}
