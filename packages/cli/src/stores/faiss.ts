import { NestbitError } from '@nestbit/core';
import { FaissStore } from '@nestbit/faiss-adapter';
import type { NewStore, OpenedStore } from './opened.ts';

/** Rows are put into the index at the end, not while they come. */
const TAIL = 1 << 24;

/** The folder of `faiss:PATH`. @throws NestbitError `USAGE` */
export function faissPath(uri: string): string {
  const path = uri.startsWith('faiss:') ? uri.slice('faiss:'.length) : '';
  if (path !== '') return path;
  throw new NestbitError(
    'USAGE',
    `The store ${JSON.stringify(uri)} does not fit here; write faiss:PATH, or, where Postgres does too, ` +
      'pglite:PATH#STORE or postgres://…#STORE.',
  );
}

/** A store with what only faiss stores can do. */
export async function openFaissStore(uri: string, readOnly: boolean): Promise<FaissStore> {
  return await FaissStore.open(faissPath(uri), { readOnly, tail: TAIL });
}

export async function openFaiss(uri: string, readOnly: boolean): Promise<OpenedStore> {
  return opened(await openFaissStore(uri, readOnly));
}

export async function createFaiss(uri: string, { index = 'flat', codec }: NewStore): Promise<OpenedStore> {
  const path = faissPath(uri);
  return opened(await FaissStore.create(path, { codec: await codec(), index: { kind: index }, tail: TAIL }));
}

function opened(store: FaissStore): OpenedStore {
  return {
    store,
    attached: false,
    rows: (options) => store.rows(options),
    stats: () => store.stats(),
    indexKind: async () => (await store.stats()).index.kind,
    index: (signal) => store.index({ signal }),
    close: () => store.close(),
  };
}
