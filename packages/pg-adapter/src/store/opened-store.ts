import {
  type Hit,
  type Id,
  NestbitError,
  type Payload,
  type PreparedQuery,
  type StoredRow,
  throwIfAborted,
} from '@nestbit/core';
import type { Pool } from 'pg';
import { codeColumns } from '../codes/columns.ts';
import { idsAsText, idsOfType } from '../codes/ids.ts';
import { copies } from '../connection/copies.ts';
import { transaction } from '../connection/transaction.ts';
import { KnownFields } from '../filter/known-fields.ts';
import {
  buildIndex,
  type IndexProgress,
  type IndexState,
  indexState,
  type PgIndex,
} from '../index-build/index-builder.ts';
import { indexesBits, needIndexes, type Server, serverOf } from '../index-build/server.ts';
import { dropStore, type StoreRecord } from '../schema/registry.ts';
import { type Tables, tablesOf } from '../schema/tables.ts';
import { searchByFloats } from '../search/by-floats.ts';
import { type Explanation, explain } from '../search/explain.ts';
import { FloatColumn } from '../search/float-column.ts';
import { type PgSearchOptions, type Plan, planSearch } from '../search/plan.ts';
import { type Found, payloadsOf, searchAtOnce, searchQueries } from '../search/search-queries.ts';
import { joinSource, type SearchSql } from '../search/statements.ts';
import { translated } from '../sql/failures.ts';
import { qualified } from '../sql/identifiers.ts';
import type { CopyLook } from '../write/copy.ts';
import { type RowKeys, rowsAt, sorted, type UnnumberedRows } from '../write/rows.ts';
import { lookAhead, removeRows, writeRows } from '../write/write-rows.ts';
import { readPage } from './read-page.ts';
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
  /** Column of the table's embeddings, where PgStore.attach named it. */
  readonly embedding?: string | undefined;
}

/** The state of an open store: where its tables are, and what is known of server and index. */
export class OpenedStore {
  readonly record: StoreRecord;
  readonly #parts: Parts;
  readonly #tables: Tables;
  #server: Server;
  readonly #fields: KnownFields;
  readonly #floats: FloatColumn;
  #index: { readonly state: IndexState | undefined; readonly at: number } | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.record = parts.record;
    this.#tables = tablesOf(parts.schema, parts.record.name, parts.record.layout);
    this.#server = parts.server;
    this.#fields = new KnownFields(parts.record);
    this.#floats = new FloatColumn(parts);
  }

  /** The same store, whose hits bring along these columns of the user's table, and its column of embeddings. */
  withColumns(columns: readonly string[], embedding?: string): OpenedStore {
    const { source } = this.record;
    if (source === undefined) return this;
    return new OpenedStore({
      ...this.#parts,
      embedding,
      record: { ...this.record, source: { ...source, columns } },
    });
  }

  /**
   * What of a write needs neither server nor codes: it is done while the batch before is written.
   *
   * @throws NestbitError `ID_TYPE`, `UNSUPPORTED`
   */
  prepare(ids: readonly Id[], payloads: readonly (Payload | undefined)[] | undefined): RowKeys {
    const { source, name, idType } = this.record;
    if (source !== undefined && payloads?.some((payload) => payload !== undefined)) {
      throw new NestbitError(
        'UNSUPPORTED',
        `The payloads of ${name} are the columns of ${source.table}; store them there.`,
      );
    }
    return sorted(rowsAt({ ids: idsOfType(ids, idType), payloads }, idType));
  }

  /** What a write may ask before its turn. */
  async lookAhead(rows: RowKeys): Promise<CopyLook | undefined> {
    return await lookAhead(this.#parts.pool, this.#tables, rows, this.record.idType);
  }

  async write(
    rows: UnnumberedRows,
    look: CopyLook | undefined,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { pool, schema, record } = this.#parts;
    const payloads = rows.payloads ?? [];
    const fields = this.#fields.newIn(payloads);
    await writeRows(pool, { schema, record, tables: this.#tables, rows, look, fields, signal });
    this.#fields.add(payloads);
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

  /** Rows after an id, in the order of the ids; nothing when there are none. */
  async page(after: string | undefined, rows: number): ReturnType<typeof readPage> {
    const { readPool, record } = this.#parts;
    return await this.#translated(readPage(readPool, this.#tables, record, after, rows));
  }

  /** @throws NestbitError `FILTER_FIELD` and those of the options */
  async plan(options: PgSearchOptions): Promise<Plan> {
    // The options first: a mistake in them needs no server.
    planSearch(options, this.#server, undefined);
    const index = await this.#indexNow();
    const plan = planSearch(options, this.#server, index);
    const { readPool, schema } = this.#parts;
    await this.#fields.check(readPool, schema, this.#tables, plan.conditions);
    return plan;
  }

  /** @param embeddings the queries as they were given, queries × inputDimensions */
  async search<T>(
    queries: readonly PreparedQuery[],
    embeddings: Float32Array,
    plan: Plan,
    give: (found: Found, payloads: Map<string, Hit['payload']> | undefined) => T,
  ): Promise<T[]> {
    const { readPool, record } = this.#parts;
    const sql = this.#sql;
    const { idType } = record;
    if (plan.floats > 0) {
      const ordered = await searchByFloats(readPool, sql, idType, plan, this.#floats, queries, embeddings);
      return ordered.map(({ found, payloads }) => give(found, payloads));
    }
    const found = await searchAtOnce(readPool, sql, plan, queries);
    if (found !== undefined) return found.map((one) => give(one, undefined));
    return await searchQueries(readPool, sql, idType, plan, queries, async (client, one) => {
      const ids = one.hits.map(({ id }) => id);
      return give(one, plan.payloads ? await payloadsOf(client, sql, idType, ids) : undefined);
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
    // A replica may not have it yet: the next search looks there.
    this.#index = undefined;
    return (await this.#translated(indexState(pool, this.#tables))) as IndexState;
  }

  async drop(): Promise<void> {
    const { pool, schema, record } = this.#parts;
    await transaction(pool, (client) => dropStore(client, schema, record));
  }

  get #sql(): SearchSql {
    const { source, codec } = this.record;
    const extension = indexesBits(this.#server) ? this.#server.extension : undefined;
    return {
      tables: this.#tables,
      codec,
      codes: codeColumns(codec),
      source,
      extension,
      fields: this.#fields.sql,
      copies: copies(this.#parts.readPool),
    };
  }

  async #indexNow(anew = false): Promise<IndexState | undefined> {
    if (this.#index === undefined || anew || Date.now() - this.#index.at > INDEX_KNOWN_FOR) {
      // pgvector may have been installed, updated or moved to another schema.
      this.#server = await this.#translated(serverOf(this.#parts.readPool));
      const state = await this.#translated(indexState(this.#parts.readPool, this.#tables));
      this.#index = { state, at: Date.now() };
    }
    return this.#index.state;
  }

  async #translated<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      throw translated(error);
    }
  }
}
