import type { Pool } from 'pg';
import { transaction } from '../../connection/transaction.ts';
import { registryOf } from '../../schema/registry-names.ts';
import { sourceSql } from '../../source/read-by-ids.ts';
import { boundsSql, type KeyRange } from '../../source/read-range.ts';
import type { SourceTable } from '../../source/source-table.ts';
import { quoted } from '../../sql/identifiers.ts';

/** A key range of a backfill, as the database has it. */
export interface Range extends KeyRange {
  readonly number: number;
}

/**
 * The key ranges of a backfill in the order of the ids: first those that were begun and not done, then new ones, each
 * of as many rows as are asked for. The last one has no end; what is inserted beyond it later the trigger sees.
 */
export class Ranges {
  readonly #pool: Pool;
  readonly #schema: string;
  readonly #name: string;
  readonly #source: SourceTable;
  #open: Range[] = [];
  #last: Range | undefined;
  #taking: Promise<unknown> = Promise.resolve();

  private constructor(pool: Pool, schema: string, name: string, source: SourceTable) {
    this.#pool = pool;
    this.#schema = schema;
    this.#name = name;
    this.#source = source;
  }

  static async load(pool: Pool, schema: string, name: string, source: SourceTable): Promise<Ranges> {
    const ranges = new Ranges(pool, schema, name, source);
    const { rows } = await pool.query<{
      number: string;
      after_id: string | null;
      to_id: string | null;
      done: boolean;
    }>(
      `select number, after_id, to_id, done from ${registryOf(schema).ranges}
       where name = $1 and (not done or number = (select max(number) from ${registryOf(schema).ranges} where name = $1))
       order by number`,
      [name],
    );
    const all = rows.map(({ number, after_id, to_id, done }) => ({
      done,
      range: { number: Number(number), after: after_id ?? undefined, upTo: to_id ?? undefined },
    }));
    ranges.#open = all.filter(({ done }) => !done).map(({ range }) => range);
    ranges.#last = all[all.length - 1]?.range;
    return ranges;
  }

  /** The next range of about so many rows; nothing when all have been given out. */
  async next(rows: number): Promise<Range | undefined> {
    const taken = this.#taking.then(() => this.#open.shift() ?? this.#make(rows));
    this.#taking = taken.catch(() => {});
    return await taken;
  }

  async #make(rows: number): Promise<Range | undefined> {
    const last = this.#last;
    if (last !== undefined && last.upTo === undefined) return undefined;
    const number = last === undefined ? 0 : last.number + 1;
    const after = last?.upTo;
    const id = `s.${quoted(this.#source.id)}`;
    const values: string[] = [];
    const bounds = boundsSql(
      this.#source,
      { after, upTo: undefined },
      (text) => `$${values.push(text)}::${this.#source.idSqlType}`,
    );
    const walk = `select ${id}::text as id from ${sourceSql(this.#source)} s${bounds} order by ${id} offset ${rows - 1} limit 1`;
    // On disk before anything of it is read: its rows and its mark are not, and must not be missed when a crash loses them.
    const upTo = await transaction(this.#pool, async (client) => {
      const found = await client.query<{ id: string }>(walk, values);
      const end = found.rows[0]?.id;
      await client.query(
        `insert into ${registryOf(this.#schema).ranges} (name, number, after_id, to_id) values ($1, $2, $3, $4) on conflict do nothing`,
        [this.#name, number, after ?? null, end ?? null],
      );
      return end;
    });
    this.#last = { number, after, upTo };
    return this.#last;
  }
}
