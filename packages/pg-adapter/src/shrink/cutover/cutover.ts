import { NestbitError } from '@nestbit/core';
import type { PoolClient } from 'pg';
import { transaction } from '../../connection/transaction.ts';
import type { Following } from '../../follow/following.ts';
import { queueState } from '../../follow/queue-state.ts';
import { setPhase } from '../../follow/state.ts';
import { indexState } from '../../index-build/index-builder.ts';
import { serverOf } from '../../index-build/server.ts';
import { registryOf } from '../../schema/registry-names.ts';
import { sourceSql } from '../../source/read-by-ids.ts';
import { qualified, quoted } from '../../sql/identifiers.ts';
import { cutoverDdl, cutoverNames } from './ddl.ts';

export interface Cutover {
  /** View of the codes, and function that gives the nearest rows: names as SQL writes them. */
  readonly view: string;
  readonly search: string;
  /** What was run. */
  readonly statements: readonly string[];
  /** Rights that a role of the application needs, `app` being its name. */
  readonly grants: readonly string[];
  /** What may be dropped when nothing reads the floats any more: never done here. */
  readonly advice: readonly { readonly statement: string; readonly frees: number; readonly note: string }[];
}

/**
 * Makes the view and the function that the application reads. The sync goes on.
 *
 * @throws NestbitError `UNSUPPORTED` while rows still lack their codes, or the index is missing
 */
export async function cutOver(context: Following): Promise<Cutover> {
  const { pool, schema, name, state, tables } = context;
  if (state.phase !== 'ready' && state.phase !== 'cutover') {
    throw new NestbitError(
      'UNSUPPORTED',
      `The migration of ${name} is at the step ${state.phase}; finish it with shrink start before the cutover.`,
    );
  }
  if (state.settings.index !== 'none' && (await indexState(pool, tables))?.valid !== true) {
    throw new NestbitError(
      'INDEX_INVALID',
      `The index ${tables.index.name} is missing or invalid; run shrink start, which builds it.`,
    );
  }
  const { setAside } = await queueState(pool, context.sync);
  if (setAside.length > 0) {
    process.emitWarning(
      `${setAside.length} changed rows of ${name} are set aside after failing; shrink status shows them.`,
      {
        type: 'NestbitWarning',
        code: 'NESTBIT_SET_ASIDE',
      },
    );
  }
  const statements = cutoverDdl(context, await serverOf(pool));
  await transaction(pool, async (client) => {
    if (state.phase === 'ready') await refuseTakenNames(client, context);
    for (const statement of statements) await client.query(statement);
    await setPhase(client, schema, name, 'cutover');
  });
  const { view, search } = cutoverNames(context);
  const relations = [...new Set([qualified(tables.codes), qualified(tables.bits)])];
  return {
    view,
    search,
    statements,
    grants: [
      `grant usage on schema ${quoted(schema)} to app`,
      `grant select on ${registryOf(schema).stores}, ${relations.join(', ')}, ${view} to app`,
    ],
    advice: await advice(context),
  };
}

// They were free when the migration began; since then somebody may have made something of these names.
async function refuseTakenNames(client: PoolClient, { schema, name }: Following): Promise<void> {
  const { view, search } = cutoverNames({ schema, name }).relations;
  const { rows } = await client.query<{ name: string }>(
    `select relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and relname = $2
     union all select proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname = $1 and proname = $3`,
    [schema, view.name, search.name],
  );
  if (rows.length === 0) return;
  throw new NestbitError(
    'STORE_EXISTS',
    `The cutover of ${name} needs the name ${rows[0].name} in the schema ${schema}, which something else has. Rename that.`,
  );
}

async function advice({ pool, source }: Following): Promise<Cutover['advice']> {
  const { rows } = await pool.query<{ name: string; bytes: string }>(
    `select i.indexrelid::regclass::text as name, pg_relation_size(i.indexrelid) as bytes
     from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey)
     where i.indrelid = $1 and a.attname = $2 and not i.indisunique`,
    [source.oid, source.column],
  );
  const column = await pool.query<{ bytes: number }>(
    `select coalesce(s.avg_width * c.reltuples, 0)::float8 as bytes from pg_class c
     left join pg_stats s on s.schemaname = $2 and s.tablename = $3 and s.attname = $4 where c.oid = $1`,
    [source.oid, source.schema, source.table, source.column],
  );
  return [
    ...rows.map(({ name, bytes }) => ({
      statement: `drop index concurrently ${name}`,
      frees: Number(bytes),
      note: 'when no query orders by the float column any more; can be built again',
    })),
    {
      statement: `alter table ${sourceSql(source)} drop column ${quoted(source.column)}`,
      frees: Math.max(0, column.rows[0]?.bytes ?? 0),
      note:
        'only after rolling the sync over to a column that stays: new embeddings must have a place to come from, and without floats ' +
        'codes can neither be verified nor made anew. Takes ACCESS EXCLUSIVE for a moment; the room comes back with a rewrite',
    },
  ];
}
