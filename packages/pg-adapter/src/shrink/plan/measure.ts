import type { Codec } from '@nestbit/core';
import type { Pool, PoolClient } from 'pg';
import { codeColumns } from '../../codes/columns.ts';
import { checkout } from '../../connection/checkout.ts';
import { copies } from '../../connection/copies.ts';
import { hasOneConnection } from '../../connection/one-connection.ts';
import { createIndexOn, type PgIndex } from '../../index-build/index-builder.ts';
import { serverOf } from '../../index-build/server.ts';
import type { IdType, Tables } from '../../schema/tables.ts';
import { encodeRows } from '../../source/encode-rows.ts';
import type { SourceRows } from '../../source/source-rows.ts';
import type { SourceTable } from '../../source/source-table.ts';
import { translated } from '../../sql/failures.ts';
import { qualified, type Relation } from '../../sql/identifiers.ts';
import { copyInto } from '../../write/copy.ts';
import { insertRows, targetsOf } from '../../write/insert.ts';
import { rowsAt, sorted } from '../../write/rows.ts';
import { sampleRows } from '../sample/sample.ts';

/** What a trial on a sample took. */
export interface Trial {
  readonly rows: number;
  /** Seconds of reading, encoding and storing them, one range being read while another is written. */
  readonly backfillSeconds: number;
  /** Seconds of indexing so many of them, by one process. */
  readonly indexed: number;
  readonly indexSeconds: number;
  /** Mean bytes of an id as text. */
  readonly idBytes: number;
}

const RELATION: Relation = { schema: 'pg_temp', name: 'nestbit_trial' };
const TRIAL: Tables = { codes: RELATION, bits: RELATION, sequence: RELATION, index: RELATION };
const TABLE = qualified(RELATION);
const PART = 'pg_temp.nestbit_trial_part';
/** An index costs 0.1 to 0.5 ms a row: a few seconds. */
const INDEXED = 8000;

/**
 * Copies a sample, encodes it and stores it in a temporary table, then indexes that: the same work as a migration's, on
 * the same server, which leaves nothing behind.
 */
export async function trial(
  pool: Pool,
  source: SourceTable,
  codec: Codec,
  wanted: number,
  index: PgIndex | 'none',
): Promise<Trial> {
  // With one connection the rows are read before any is written.
  const together = copies(pool) && !hasOneConnection(pool);
  const all = together ? undefined : await collected(sampleRows(pool, source, codec.inputDimensions, wanted));
  const { client, release } = await checkout(pool).catch((error) => {
    throw translated(error);
  });
  const { scalars, copy: copyBytes } = codeColumns(codec);
  let broken: Error | undefined;
  try {
    await client.query('begin');
    await client.query(
      `create temporary table nestbit_trial (id ${source.idType}, seq bigint, bits bit(${codec.dimensions}) not null,
         ${scalars ? 'scalars smallint, ' : ''}${copyBytes === undefined ? '' : `${copyBytes} bytea, `}payload jsonb) on commit drop;
       alter table nestbit_trial alter column bits set storage plain;
       ${copyBytes === undefined ? '' : `alter table nestbit_trial alter column ${copyBytes} set storage external`}`,
    );
    const batches = all ?? sampleRows(pool, source, codec.inputDimensions, wanted);
    const copy = copies(pool);
    const stored = await store(client, batches, { codec, idType: source.idType, copy, warmUp: wanted / 4 });
    const { rows, seconds: backfillSeconds, idBytes } = stored;
    const indexed = index === 'none' ? 0 : Math.min(rows, INDEXED);
    let indexSeconds = 0;
    if (index !== 'none' && indexed > 0) {
      // A table of its own: rows that this transaction deletes are indexed all the same.
      await client.query(
        `create temporary table nestbit_trial_part on commit drop as select bits from ${TABLE} limit ${INDEXED}`,
      );
      const building = performance.now();
      await client.query(createIndexOn(PART, index, await serverOf(client)));
      indexSeconds = (performance.now() - building) / 1000;
    }
    return { rows, backfillSeconds, indexed, indexSeconds, idBytes };
  } catch (error) {
    throw translated(error);
  } finally {
    await client.query('rollback').catch((failure: Error) => {
      broken = failure;
    });
    release(broken);
  }
}

interface Storing {
  readonly codec: Codec;
  readonly idType: IdType;
  readonly copy: boolean;
  /** Rows after which connections, caches and compiled code are warm: the seconds are those of the others, for all. */
  readonly warmUp: number;
}

async function store(
  client: PoolClient,
  batches: AsyncIterable<SourceRows> | readonly SourceRows[],
  { codec, idType, copy, warmUp }: Storing,
): Promise<{ rows: number; seconds: number; idBytes: number }> {
  const [target] = targetsOf(TRIAL, 'inline', codeColumns(codec));
  let rows = 0;
  let bytes = 0;
  const begun = performance.now();
  let warm = { rows: 0, at: begun };
  let writing: Promise<void> = Promise.resolve();
  for await (const batch of batches) {
    const { ids, codes } = await encodeRows(codec, batch);
    if (ids.length === 0) continue;
    await writing;
    const batchRows = sorted(rowsAt({ ids, codes, payloads: undefined, firstSeq: BigInt(rows) }, idType));
    writing = copy
      ? copyInto(client, TABLE, target.columns, batchRows, idType)
      : insertRows(client, [target], batchRows, () => '');
    writing.catch(() => {});
    rows += ids.length;
    for (const id of ids) bytes += Buffer.byteLength(id);
    if (warm.rows === 0 && rows >= warmUp) warm = { rows, at: performance.now() };
  }
  await writing;
  if (rows === warm.rows) warm = { rows: 0, at: begun };
  const seconds = (performance.now() - warm.at) / 1000;
  return {
    rows,
    seconds: rows === 0 ? seconds : (seconds * rows) / (rows - warm.rows),
    idBytes: rows === 0 ? 0 : bytes / rows,
  };
}

async function collected<T>(batches: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const batch of batches) all.push(batch);
  return all;
}
