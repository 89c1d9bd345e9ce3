import {
  type Codes,
  type Condition,
  FieldRegistry,
  type Hit,
  type Id,
  NestbitError,
  type Payload,
  type PreparedQuery,
  type StoredRow,
  throwIfAborted,
} from '@nestbit/core';
import type { Pool } from 'pg';
import { idsAsText } from '../codes/ids.ts';
import { transaction } from '../connection/transaction.ts';
import { payloadField } from '../filter/filter-sql.ts';
import {
  buildIndex,
  type IndexProgress,
  type IndexState,
  indexState,
  type PgIndex,
} from '../index-build/index-builder.ts';
import { needIndexes, type Server, serverOf } from '../index-build/server.ts';
import { dropStore, readStore, type StoreRecord } from '../schema/registry.ts';
import { type Tables, tablesOf } from '../schema/tables.ts';
import { type Explanation, explain } from '../search/explain.ts';
import { type PgSearchOptions, type Plan, planSearch } from '../search/plan.ts';
import { type Found, payloadsOf, searchOne } from '../search/search-queries.ts';
import { columnField, joinSource, type SearchSql } from '../search/statements.ts';
import { translated } from '../sql/failures.ts';
import { qualified } from '../sql/identifiers.ts';
import { removeRows, writeRows } from '../write/write-rows.ts';
import { readRows } from './read-rows.ts';
import { type StoreStats, statsOf } from './stats.ts';

export type { StoreStats } from './stats.ts';

/** How long what is known of the index is believed, in ms: another process may build or drop it. */
const INDEX_KNOWN_FOR = 10_000;

export interface Parts {
  readonly pool: Pool;
  readonly readPool: Pool;
  readonly schema: string;
  readonly record: StoreRecord;
  readonly server: Server;
}

/** The state of an open store: where its tables are, and what is known of server and index. */
export class OpenedStore {
  readonly record: StoreRecord;
  readonly #parts: Parts;
  readonly #tables: Tables;
  #server: Server;
  #fields: FieldRegistry;
  #index: { readonly state: IndexState | undefined; readonly at: number } | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.record = parts.record;
    this.#tables = tablesOf(parts.schema, parts.record.name, parts.record.layout);
    this.#server = parts.server;
    this.#fields = new FieldRegistry(parts.record.fields);
  }

  /** The same store, whose hits bring along these columns of the user's table. */
  withColumns(columns: readonly string[]): OpenedStore {
    const { source } = this.record;
    if (source === undefined) return this;
    return new OpenedStore({ ...this.#parts, record: { ...this.record, source: { ...source, columns } } });
  }

  async write(
    ids: readonly Id[],
    codes: Codes,
    payloads: readonly (Payload | undefined)[] | undefined,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { pool, schema, record } = this.#parts;
    if (record.source !== undefined && payloads?.some((payload) => payload !== undefined)) {
      throw new NestbitError(
        'UNSUPPORTED',
        `The payloads of ${record.name} are the columns of ${record.source.table}; store them there.`,
      );
    }
    const fresh = new FieldRegistry();
    for (const payload of payloads ?? []) fresh.add(payload);
    const known = new Set(this.#fields.fields);
    const fields = fresh.fields.filter((field) => !known.has(field));
    const texts = idsAsText(ids, record.idType);
    await writeRows(pool, {
      schema,
      record,
      tables: this.#tables,
      ids: texts,
      codes,
      payloads,
      fields,
      signal,
    });
    for (const payload of payloads ?? []) this.#fields.add(payload);
  }

  async remove(ids: readonly Id[], signal: AbortSignal | undefined): Promise<number> {
    const { pool, record } = this.#parts;
    return await removeRows(pool, this.#tables, record, idsAsText(ids, record.idType), signal);
  }

  async get(ids: readonly Id[], signal: AbortSignal | undefined): Promise<(StoredRow | undefined)[]> {
    const { readPool, record } = this.#parts;
    const rows = await this.#translated(
      readRows(readPool, this.#tables, record, idsAsText(ids, record.idType)),
    );
    throwIfAborted(signal);
    return rows;
  }

  /** @throws NestbitError `FILTER_FIELD` and those of the options */
  async plan(options: PgSearchOptions): Promise<Plan> {
    // The options first: a mistake in them needs no server.
    planSearch(options, this.#server, undefined);
    const plan = planSearch(options, this.#server, await this.#indexNow());
    await this.#checkFields(plan.conditions);
    return plan;
  }

  async search<T>(
    queries: readonly PreparedQuery[],
    plan: Plan,
    give: (found: Found, payloads: Map<string, Hit['payload']> | undefined) => T,
  ): Promise<T[]> {
    const { readPool, record } = this.#parts;
    const sql = this.#sql;
    const work = async (client: Parameters<typeof searchOne>[0]): Promise<T[]> => {
      const all: T[] = [];
      for (const query of queries) {
        const found = await searchOne(client, sql, record.idType, plan, query);
        const ids = found.hits.map(({ id }) => id);
        const payloads = plan.payloads ? await payloadsOf(client, sql, record.idType, ids) : undefined;
        all.push(give(found, payloads));
      }
      return all;
    };
    return await transaction(readPool, work, {
      readOnly: true,
      settings: plan.settings,
      signal: plan.signal,
    });
  }

  async explain(query: PreparedQuery, options: PgSearchOptions): Promise<Explanation> {
    const plan = await this.plan(options);
    return await transaction(this.#parts.readPool, (client) => explain(client, this.#sql, plan, query), {
      readOnly: true,
      settings: plan.settings,
      signal: plan.signal,
    });
  }

  async size(): Promise<number> {
    const { readPool, record } = this.#parts;
    const text = `select count(*) as count from ${qualified(this.#tables.codes)} c${joinSource(record.source, 'c')}`;
    const { rows } = await this.#translated(readPool.query<{ count: string }>(text));
    return Number(rows[0].count);
  }

  async stats(): Promise<StoreStats> {
    const { readPool, record } = this.#parts;
    const index = await this.#indexNow(true);
    return await this.#translated(statsOf(readPool, this.#tables, record, index, await this.size()));
  }

  async buildIndex(index: PgIndex, options: IndexProgress): Promise<IndexState> {
    const { pool } = this.#parts;
    this.#server = await this.#translated(serverOf(pool));
    needIndexes(this.#server);
    await buildIndex(pool, this.#tables, index, options);
    return (await this.#indexNow(true)) as IndexState;
  }

  async drop(): Promise<void> {
    const { pool, schema, record } = this.#parts;
    await transaction(pool, (client) => dropStore(client, schema, record));
  }

  get #sql(): SearchSql {
    const { source, codec } = this.record;
    const pgvector = this.#server.pgvector !== undefined;
    const field =
      source === undefined ? payloadField(this.record.layout === 'split' ? 'c' : 'b') : columnField;
    return { tables: this.#tables, dimensions: codec.dimensions, source, pgvector, field };
  }

  async #indexNow(anew = false): Promise<IndexState | undefined> {
    if (this.#index === undefined || anew || Date.now() - this.#index.at > INDEX_KNOWN_FOR) {
      const state = await this.#translated(indexState(this.#parts.readPool, this.#tables));
      this.#index = { state, at: Date.now() };
    }
    return this.#index.state;
  }

  // Fields that another process stored count too; in an empty store every filter is fine.
  async #checkFields(conditions: readonly Condition[]): Promise<void> {
    if (conditions.length === 0) return;
    const { readPool, schema, record } = this.#parts;
    const unknown = (): boolean => {
      const known = new Set(this.#fields.fields);
      return conditions.some(({ field }) => !known.has(field));
    };
    if (record.source !== undefined) this.#fields = new FieldRegistry(await this.#columns());
    else if (unknown())
      this.#fields = new FieldRegistry((await readStore(readPool, schema, record.name))?.fields ?? []);
    if (!unknown()) return;
    const { rowCount } = await this.#translated(
      readPool.query(`select from ${qualified(this.#tables.codes)} limit 1`),
    );
    if (rowCount !== 0) this.#fields.check(conditions);
  }

  async #columns(): Promise<string[]> {
    const { rows } = await this.#translated(
      this.#parts.readPool.query<{ name: string }>(
        `select attname as name from pg_attribute
         where attrelid = $1::regclass and attnum > 0 and not attisdropped`,
        [qualified({ schema: this.record.source?.schema ?? '', name: this.record.source?.table ?? '' })],
      ),
    );
    return rows.map(({ name }) => name);
  }

  async #translated<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      throw translated(error);
    }
  }
}
