import { NestbitError } from '@nestbit/core';
import type { Pool } from 'pg';
import { followedSource, followRecord } from '../follow/following.ts';
import type { StoreRecord } from '../schema/registry.ts';
import { describeSource } from '../source/describe.ts';
import type { SourceTable } from '../source/source-table.ts';
import { translated } from '../sql/failures.ts';

interface FloatParts {
  readonly readPool: Pool;
  readonly schema: string;
  readonly record: StoreRecord;
  /** Named by PgStore.attach; else the column of the migration or the sync. */
  readonly embedding?: string | undefined;
}

/** The column of embeddings that the search option `floats` reads; looked up once. */
export class FloatColumn {
  readonly #parts: FloatParts;
  #column: Promise<SourceTable> | undefined;

  constructor(parts: FloatParts) {
    this.#parts = parts;
  }

  /** @throws NestbitError `UNSUPPORTED`, `CODEC_MISMATCH`, and those of `describeSource` */
  async column(): Promise<SourceTable> {
    this.#column ??= floatSource(this.#parts).catch((error) => {
      this.#column = undefined;
      throw translated(error);
    });
    return await this.#column;
  }

  /** Runs `work` with the column, and once more where that was renamed meanwhile. */
  async read<T>(column: SourceTable, work: (column: SourceTable) => Promise<T>): Promise<T> {
    try {
      return await work(column);
    } catch (cause) {
      const error = translated(cause);
      if (!(error instanceof NestbitError) || !['COLUMN_NOT_FOUND', 'TABLE_NOT_FOUND'].includes(error.code))
        throw error;
      this.#column = undefined;
      return await work(await this.column());
    }
  }
}

async function floatSource({ readPool, schema, record, embedding }: FloatParts): Promise<SourceTable> {
  const { name, codec, source } = record;
  if (source === undefined) {
    throw new NestbitError(
      'UNSUPPORTED',
      `The store ${name} keeps codes alone: floats needs a table of embeddings that it is attached to. Leave the option out.`,
    );
  }
  const found = await describeColumn(readPool, schema, name, source, embedding);
  if (found === undefined) {
    throw new NestbitError(
      'UNSUPPORTED',
      `floats needs to know which column of ${source.table} holds the embeddings: give embedding to PgStore.attach.`,
    );
  }
  if (found.kind === 'text') {
    throw new NestbitError(
      'UNSUPPORTED',
      `The column ${found.column} of ${found.table} holds text, so floats has nothing to read. Leave the option out.`,
    );
  }
  if (found.dimensions !== undefined && found.dimensions !== codec.inputDimensions) {
    throw new NestbitError(
      'CODEC_MISMATCH',
      `The column ${found.column} has ${found.dimensions} dimensions, the codec of ${name} reads ${codec.inputDimensions}. ` +
        'Give the column that the codes were made from.',
    );
  }
  return found;
}

async function describeColumn(
  pool: Pool,
  schema: string,
  name: string,
  { schema: tableSchema, table, id }: NonNullable<StoreRecord['source']>,
  embedding: string | undefined,
): Promise<SourceTable | undefined> {
  if (embedding !== undefined)
    return await describeSource(pool, { table, tableSchema, id, column: embedding });
  const followed = await followRecord(pool, schema, name);
  return followed && (await followedSource(followed)).source;
}
