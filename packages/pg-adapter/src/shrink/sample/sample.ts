import { NestbitError } from '@nestbit/core';
import type { Pool } from 'pg';
import { checkout } from '../../connection/checkout.ts';
import { copies } from '../../connection/copies.ts';
import { idText, sourceSql, valueSql } from '../../source/read-by-ids.ts';
import { copied, copyColumns } from '../../source/read-range.ts';
import { RowCollector, type SourceRows } from '../../source/source-rows.ts';
import type { SourceTable } from '../../source/source-table.ts';
import { translated } from '../../sql/failures.ts';
import { quoted } from '../../sql/identifiers.ts';
import { estimatedRows } from './estimate.ts';

/** Rows whose widths are looked at. */
const WIDTHS_OF = 2000;
const ROWS_AT_ONCE = 256;

/** How many rows of a sample have which width. */
export interface Widths {
  /** Of most rows, or as declared. */
  readonly dimensions: number;
  readonly sampled: number;
  /** Rows of the sample of other widths. */
  readonly others: readonly { readonly dimensions: number; readonly rows: number }[];
  /** Rows of the sample that are NULL. */
  readonly nulls: number;
}

/** Widths found in a sample of the table. @throws NestbitError `BATCH_EMPTY` for a table without an embedding */
export async function widthsOf(pool: Pool, source: SourceTable): Promise<Widths> {
  const from = `${sourceSql(source)} s ${await sampling(pool, source, WIDTHS_OF)}`;
  const look = async (part: string): Promise<{ width: number | null; rows: number }[]> => {
    const { rows } = await pool.query<{ width: number | null; rows: number }>(
      `select width, count(*)::int as rows from (select ${widthSql(source)} as width from ${part} limit ${WIDTHS_OF}) x
       group by width order by rows desc, width`,
    );
    return rows;
  };
  let rows = await look(from);
  if (rows.every(({ width }) => width === null)) {
    rows = await look(`${sourceSql(source)} s where s.${quoted(source.column)} is not null`);
  }
  const widths = rows.flatMap(({ width, rows: count }) =>
    width === null ? [] : [{ dimensions: Number(width), rows: count }],
  );
  const dimensions = source.dimensions ?? widths.find((one) => one.dimensions > 0)?.dimensions;
  if (dimensions === undefined) {
    const nested =
      widths.length === 0
        ? ''
        : ': its arrays are empty or of several dimensions, and an embedding is a plain list of numbers';
    throw new NestbitError(
      'BATCH_EMPTY',
      `No row of ${source.schema}.${source.table} has an embedding in ${source.column}${nested}; there is nothing to calibrate a codec on.`,
    );
  }
  return {
    dimensions,
    sampled: rows.reduce((sum, { rows: count }) => sum + count, 0),
    others: widths.filter((one) => one.dimensions !== dimensions),
    nulls: rows.find(({ width }) => width === null)?.rows ?? 0,
  };
}

/** About so many rows with embeddings in batches: from pages all over the table, or the first ones of all. */
export async function* sampleRows(
  pool: Pool,
  source: SourceTable,
  dimensions: number,
  wanted: number,
  where: 'pages' | 'all' = 'pages',
): AsyncGenerator<SourceRows> {
  const pages = where === 'pages' ? await sampling(pool, source, wanted) : '';
  const from = `from ${sourceSql(source)} s ${pages} where s.${quoted(source.column)} is not null limit ${wanted}`;
  if (!copies(pool)) {
    const { rows } = await pool.query<{ id: string; value: Buffer | string }>(
      `select ${idText(source)} as id, ${valueSql(source)} as value ${from}`,
    );
    const collector = new RowCollector(source, dimensions, rows.length);
    for (const { id, value } of rows)
      collector.add(id, typeof value === 'string' ? Buffer.from(value) : value);
    yield collector.rows();
    return;
  }
  const { client, release } = await checkout(pool);
  let broken = true;
  try {
    const statement = `copy (select ${copyColumns(source)} ${from}) to stdout (format binary)`;
    yield* copied(client, statement, source, dimensions, ROWS_AT_ONCE, undefined);
    broken = false;
  } catch (error) {
    throw translated(error);
  } finally {
    release(broken);
  }
}

// Pages at random, half as many again as it should take; all of a small table. The same pages each time.
async function sampling(pool: Pool, source: SourceTable, wanted: number): Promise<string> {
  const rows = await estimatedRows(pool, source);
  const percent = (150 * wanted) / Math.max(1, rows);
  return percent >= 50 || rows < 10_000 ? '' : `tablesample system (${percent.toFixed(6)}) repeatable (0)`;
}

// The width of the row `s`, without reading its values in SQL; null for NULL, 0 for arrays of no or several dimensions.
function widthSql(source: SourceTable): string {
  const own = `s.${quoted(source.column)}`;
  switch (source.kind) {
    case 'vector':
      return `(octet_length(${source.send}(${own})) - 4) / 4`;
    case 'halfvec':
      return `(octet_length(${source.send}(${own})) - 4) / 2`;
    case 'bytea':
      return `octet_length(${own}) / 4`;
    case 'jsonb':
      return (
        `case json_typeof(${own}::text::json) when 'array' then ` +
        `case json_typeof(${own}::text::json -> 0) when 'number' then json_array_length(${own}::text::json) else 0 end end`
      );
    default:
      return `case when array_ndims(${own}) = 1 then array_length(${own}, 1) when ${own} is not null then 0 end`;
  }
}
