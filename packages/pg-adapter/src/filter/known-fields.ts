import { type Condition, FieldRegistry, fieldConditions, type Payload } from '@nestbit/core';
import type { Pool } from 'pg';
import { readStore, type Source, type StoreRecord } from '../schema/registry.ts';
import type { Tables } from '../schema/tables.ts';
import { translated } from '../sql/failures.ts';
import { qualified } from '../sql/identifiers.ts';
import { COLUMN_KIND, type ColumnKind, columnFields } from './column-filter.ts';
import { type FieldsSql, payloadFields } from './filter-sql.ts';

/** The fields that filters on a store can name: those of its payloads, or the columns of the user's table. */
export class KnownFields {
  readonly #record: StoreRecord;
  #payloads: FieldRegistry;
  #columns: ReadonlyMap<string, ColumnKind> = new Map();

  constructor(record: StoreRecord) {
    this.#record = record;
    this.#payloads = new FieldRegistry(record.fields);
  }

  /** How SQL reaches them; columns are known once `check` asked. */
  get sql(): FieldsSql {
    const { source, layout } = this.#record;
    return source === undefined ? payloadFields(layout === 'split' ? 'c' : 'b') : columnFields(this.#columns);
  }

  /** The fields that these payloads are the first to have. */
  newIn(payloads: readonly (Payload | undefined)[]): string[] {
    const fresh = new FieldRegistry();
    for (const payload of payloads) fresh.add(payload);
    const known = new Set(this.#payloads.fields);
    return fresh.fields.filter((field) => !known.has(field));
  }

  add(payloads: readonly (Payload | undefined)[]): void {
    for (const payload of payloads) this.#payloads.add(payload);
  }

  /**
   * Fields that another process stored count too; in an empty store every filter is fine.
   *
   * @throws NestbitError `FILTER_FIELD`
   */
  async check(pool: Pool, schema: string, tables: Tables, conditions: readonly Condition[]): Promise<void> {
    if (conditions.length === 0) return;
    const { source, name } = this.#record;
    if (source !== undefined) {
      this.#columns = await columnsOf(pool, source);
      // A column that is not there is refused whether there are rows or not.
      new FieldRegistry(this.#columns.keys()).check(conditions);
      return;
    }
    const isNew = (): boolean => {
      return fieldConditions(conditions).some(({ field }) => !this.#payloads.knows(field));
    };
    if (isNew()) this.#payloads = new FieldRegistry((await readStore(pool, schema, name))?.fields);
    if (!isNew()) return;
    const text = `select from ${qualified(tables.codes)} limit 1`;
    const { rowCount } = await pool.query(text).catch((error) => {
      throw translated(error);
    });
    if (rowCount !== 0) this.#payloads.check(conditions);
  }
}

async function columnsOf(pool: Pool, source: Source): Promise<Map<string, ColumnKind>> {
  const { rows } = await pool
    .query<{ name: string; kind: ColumnKind }>(
      `select a.attname as name, ${COLUMN_KIND} as kind
       from pg_attribute a join pg_type t on t.oid = a.atttypid
       where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped`,
      [qualified({ schema: source.schema, name: source.table })],
    )
    .catch((error) => {
      throw translated(error);
    });
  return new Map(rows.map(({ name, kind }) => [name, kind]));
}
