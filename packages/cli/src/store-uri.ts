import { type Codec, NestbitError } from '@nestbit/core';
import { FaissStore, type OpenOptions, type StoreIndex } from '@nestbit/faiss-adapter';

/** The folder of `faiss:PATH`. @throws NestbitError `USAGE` */
export function faissPath(uri: string): string {
  const path = uri.startsWith('faiss:') ? uri.slice('faiss:'.length) : '';
  if (path !== '') return path;
  throw new NestbitError('USAGE', `The store ${JSON.stringify(uri)} is of no known kind; write faiss:PATH.`);
}

export async function openStore(uri: string, options: OpenOptions = {}): Promise<FaissStore> {
  return await FaissStore.open(faissPath(uri), options);
}

/** Opens the store for writing; makes it, with the codec that is then asked for, when there is none. */
export async function openOrCreate(
  uri: string,
  index: StoreIndex,
  codec: () => Promise<Codec>,
): Promise<FaissStore> {
  try {
    return await openStore(uri, { tail: 1 << 24 });
  } catch (error) {
    if (!(error instanceof NestbitError) || error.code !== 'STORE_NOT_FOUND') throw error;
    return await FaissStore.create(faissPath(uri), { codec: await codec(), index, tail: 1 << 24 });
  }
}

/** @throws NestbitError `BATCH_SHAPE` when a source is of another width than the store's codec reads */
export function checkWidth(dimensions: number, what: string, { codec }: FaissStore): void {
  if (dimensions === codec.inputDimensions) return;
  throw new NestbitError(
    'BATCH_SHAPE',
    `${what} has ${dimensions} dimensions, the store's codec reads ${codec.inputDimensions}. Give vectors of the store's model.`,
  );
}
