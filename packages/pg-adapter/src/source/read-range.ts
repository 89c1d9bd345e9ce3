import { throwIfAborted } from '@nestbit/core';
import type { PoolClient } from 'pg';
import { CopyOut } from '../connection/copy-out.ts';
import type { IdType } from '../schema/tables.ts';
import { quoted } from '../sql/identifiers.ts';
import { literal } from '../sql/literals.ts';
import { CopyFields } from './copy-fields.ts';
import { idText, sourceSql, valueSql } from './read-by-ids.ts';
import { RowCollector, type SourceRows } from './source-rows.ts';
import type { SourceTable } from './source-table.ts';

/** A part of a table in the order of its ids: `after` < id <= `upTo`, as text; absent: from the start, to the end. */
export interface KeyRange {
  readonly after: string | undefined;
  readonly upTo: string | undefined;
}

export interface ReadOptions {
  /** Rows of one batch. Default 256. */
  readonly rowsAtOnce?: number;
  /** Whether COPY can be used; PGlite has no stream for it. */
  readonly copy: boolean;
  readonly signal?: AbortSignal | undefined;
}

const ROWS_AT_ONCE = 256;

/** Embeddings of a range in batches, in the order of the ids; one statement, one snapshot. */
export async function* readRange(
  client: PoolClient,
  source: SourceTable,
  dimensions: number,
  range: KeyRange,
  options: ReadOptions,
): AsyncGenerator<SourceRows> {
  const { rowsAtOnce = ROWS_AT_ONCE, copy, signal } = options;
  if (copy) {
    yield* copied(client, copyRangeSql(source, range), source, dimensions, rowsAtOnce, signal);
    return;
  }
  // Ordinary queries hold a whole answer in memory: pages of the range, then.
  for (let after = range.after; ; ) {
    throwIfAborted(signal);
    const { text, values } = rangeSql(source, { after, upTo: range.upTo }, rowsAtOnce);
    const { rows } = await client.query<{ id: string; value: Buffer | string | null }>(text, values);
    if (rows.length === 0) return;
    const collector = new RowCollector(source, dimensions, rows.length);
    for (const { id, value } of rows)
      collector.add(id, typeof value === 'string' ? Buffer.from(value) : value);
    yield collector.rows();
    if (rows.length < rowsAtOnce) return;
    after = rows[rows.length - 1].id;
  }
}

/** The rows of a COPY statement of id and embedding, in batches. A client that is left early must not be used again. */
export async function* copied(
  client: PoolClient,
  statement: string,
  source: SourceTable,
  dimensions: number,
  rowsAtOnce: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<SourceRows> {
  const readId = idReader(source.idType);
  let collector = new RowCollector(source, dimensions, rowsAtOnce);
  const full: SourceRows[] = [];
  const fields = new CopyFields((bytes, { idFrom, idEnd, valueFrom, valueEnd }) => {
    const id = readId(bytes, idFrom, idEnd);
    if (valueFrom < 0) collector.add(id, null);
    else collector.add(id, bytes, valueFrom, valueEnd);
    if (collector.length < rowsAtOnce) return;
    full.push(collector.rows());
    collector = new RowCollector(source, dimensions, rowsAtOnce);
  });
  const out = new CopyOut<SourceRows>(statement, (piece, from, end, ready) => {
    fields.add(piece, from, end);
    if (full.length > 0) for (const batch of full.splice(0)) ready(batch);
  });
  for await (const batch of out.batches(client)) {
    throwIfAborted(signal);
    yield batch;
  }
  if (collector.length > 0) yield collector.rows();
}

/** The COPY statement of a range; COPY takes no parameters, so its bounds are quoted literals. */
export function copyRangeSql(source: SourceTable, range: KeyRange): string {
  const id = `s.${quoted(source.id)}`;
  const bounds = boundsSql(source, range, (text) => `${literal(text)}::${source.idSqlType}`);
  return `copy (select ${copyColumns(source)} from ${sourceSql(source)} s${bounds} order by ${id}) to stdout (format binary)`;
}

/** Id and embedding of the row `s` as COPY BINARY gives them to `copied`: int8, uuid or text, and the column itself. */
export function copyColumns(source: SourceTable): string {
  const value = source.kind === 'jsonb' ? valueSql(source) : `s.${quoted(source.column)}`;
  return `s.${quoted(source.id)}::${source.idType}, ${value}`;
}

function rangeSql(
  source: SourceTable,
  range: KeyRange,
  limit: number,
): { readonly text: string; readonly values: string[] } {
  const values: string[] = [];
  const bounds = boundsSql(source, range, (text) => `$${values.push(text)}::${source.idSqlType}`);
  const text = `select ${idText(source)} as id, ${valueSql(source)} as value from ${sourceSql(source)} s${bounds} order by s.${quoted(source.id)} limit ${limit}`;
  return { text, values };
}

/** The condition of a range on the row `s`, with ` where `; empty for all. */
export function boundsSql(
  source: SourceTable,
  { after, upTo }: KeyRange,
  place: (text: string) => string,
): string {
  const id = `s.${quoted(source.id)}`;
  const parts = [
    ...(after === undefined ? [] : [`${id} > ${place(after)}`]),
    ...(upTo === undefined ? [] : [`${id} <= ${place(upTo)}`]),
  ];
  return parts.length === 0 ? '' : ` where ${parts.join(' and ')}`;
}

function idReader(idType: IdType): (bytes: Buffer, from: number, end: number) => string {
  switch (idType) {
    case 'bigint':
      return (bytes, from) => {
        const high = bytes.readInt32BE(from);
        // Far cheaper than a bigint for the numbers that ids are.
        return high >= 0 && high < 0x200000
          ? String(high * 2 ** 32 + bytes.readUInt32BE(from + 4))
          : bytes.readBigInt64BE(from).toString();
      };
    case 'uuid':
      return (bytes, from) => {
        const hex = bytes.toString('hex', from, from + 16);
        return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
      };
    case 'text':
      return (bytes, from, end) => bytes.toString('utf8', from, end);
  }
}
