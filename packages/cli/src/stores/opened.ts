import { type Batch, type Codec, type Codes, type EvaluatedStore, NestbitError } from '@nestbit/core';
import { createFaiss, openFaiss } from './faiss.ts';
import { createPostgres, isPostgres, openPostgres } from './postgres.ts';

/** A store that the command line works on, and its end. */
export interface OpenedStore {
  readonly store: EvaluatedStore;
  /** Whether its payloads are the columns of a table of one's own. */
  readonly attached: boolean;
  /** All rows in batches of codes. */
  rows(options: { readonly signal: AbortSignal }): AsyncGenerator<Batch & { readonly codes: Codes }>;
  /** With bytes by part. */
  stats(): Promise<StoredStats>;
  /** The kind of its index; absent where none is built. */
  indexKind(): Promise<IndexKind | undefined>;
  /** Puts what was stored into the index, where the store has one. */
  index(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** What the stats of every store have, and what only some have. */
export interface StoredStats {
  readonly rows: number;
  readonly dead?: number;
  readonly bytes: object;
  readonly codec: object;
  readonly index: object | undefined;
  readonly kernel?: string;
}

export type IndexKind = 'flat' | 'ivf' | 'hnsw';

/** What a new store is made with. */
export interface NewStore {
  /** Absent: what fits the kind of store. */
  readonly index: IndexKind | undefined;
  /** Whether ids are row numbers. */
  readonly numbered: boolean;
  codec(): Promise<Codec>;
  /** The codec that was asked for, where one was. */
  given?(): Promise<Codec>;
}

/** @throws NestbitError `USAGE` for a URI of no known kind */
export async function openStore(uri: string, readOnly: boolean): Promise<OpenedStore> {
  return isPostgres(uri) ? await openPostgres(uri, undefined) : await openFaiss(uri, readOnly);
}

/** Opens the store for writing; makes it, with the codec that is then asked for, when there is none. */
export async function openOrCreate(uri: string, made: NewStore): Promise<OpenedStore> {
  let opened: OpenedStore;
  try {
    opened = isPostgres(uri) ? await openPostgres(uri, made.index) : await openFaiss(uri, false);
  } catch (error) {
    if (!(error instanceof NestbitError) || error.code !== 'STORE_NOT_FOUND') throw error;
    return isPostgres(uri) ? await createPostgres(uri, made) : await createFaiss(uri, made);
  }
  try {
    await checkGiven(uri, made, opened);
    return opened;
  } catch (error) {
    await opened.close();
    throw error;
  }
}

/** What was asked for a new store must be what the store there has: nothing is ignored in silence. */
async function checkGiven(uri: string, { index, given }: NewStore, opened: OpenedStore): Promise<void> {
  const kind = index === undefined ? undefined : await opened.indexKind();
  if (kind !== undefined && kind !== index)
    throw new NestbitError(
      'USAGE',
      `${uri} is there already and its index is ${kind}, not ${index}. Leave out --index, or give a new store.`,
    );
  const asked = (await given?.())?.fingerprint;
  const { fingerprint } = opened.store.codec;
  if (asked !== undefined && asked !== fingerprint)
    throw new NestbitError(
      'CODEC_MISMATCH',
      `${uri} is there already and its codec is ${fingerprint}; --codec is ${asked}. Leave out --codec, or give a new store.`,
    );
}

/** @throws NestbitError `BATCH_SHAPE` when a source is of another width than the store's codec reads */
export function checkWidth(dimensions: number, what: string, { codec }: EvaluatedStore): void {
  if (dimensions === codec.inputDimensions) return;
  throw new NestbitError(
    'BATCH_SHAPE',
    `${what} has ${dimensions} dimensions, the store's codec reads ${codec.inputDimensions}. Give vectors of the store's model.`,
  );
}
