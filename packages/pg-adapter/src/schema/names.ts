import { createHash } from 'node:crypto';
import { NestbitError } from '@nestbit/core';
import type { PoolClient } from 'pg';
import { LOCK } from '../migrations/migrate.ts';
import { MAX_NAME_BYTES } from '../sql/identifiers.ts';
import { registryOf } from './registry-names.ts';

/** What a store that follows a table adds to its name for relations beside those that every store has. */
export const FOLLOW_SUFFIXES = ['_queue', '_due', '_version', '_changes', '_texts', '_codes'] as const;
/** The same for functions. */
export const FUNCTION_SUFFIXES = ['_changed', '_note', '_find'] as const;
/** What every store may add. */
const STORE_SUFFIXES = ['', '_bits', '_seq', '_ann'] as const;

/** Bytes of the hash in a name that is too long, as hex. */
const HASH_DIGITS = 16;

/**
 * The name of something that belongs to a store: the store's name and a suffix. Where Postgres would cut it off, a hash
 * of the whole name takes the place of its end, so that two long names never become one.
 */
export function derivedName(store: string, suffix: string): string {
  const name = `${store}${suffix}`;
  if (Buffer.byteLength(name) <= MAX_NAME_BYTES) return name;
  const hash = createHash('sha256').update(store).digest('hex').slice(0, HASH_DIGITS);
  let kept = '';
  const room = MAX_NAME_BYTES - Buffer.byteLength(suffix) - HASH_DIGITS - 1;
  for (const character of store) {
    if (Buffer.byteLength(kept + character) > room) break;
    kept += character;
  }
  return `${kept}_${hash}${suffix}`;
}

/** Every relation that a store may have: as soon as it follows a table, more. */
export function relationNames(store: string, follows: boolean): string[] {
  const suffixes = [...STORE_SUFFIXES, ...(follows ? FOLLOW_SUFFIXES : [])];
  return suffixes.map((suffix) => derivedName(store, suffix));
}

export interface NewNames {
  readonly schema: string;
  readonly store: string;
  /** Whether it is going to follow a table. */
  readonly follows: boolean;
  /** The store is there already, and has its own relations. */
  readonly adopted?: boolean;
}

/**
 * Refuses a store whose relations or functions would have names that are taken: by other stores, now or as soon as they
 * need them, or by anything else in the schema. Within the transaction that makes the store.
 *
 * @throws NestbitError `STORE_EXISTS`
 */
export async function checkNames(
  client: PoolClient,
  { schema, store, follows, adopted = false }: NewNames,
): Promise<void> {
  const names = registryOf(schema);
  // One at a time: two stores that are made at once see each other's names.
  await client.query(`select pg_advisory_xact_lock(${LOCK})`);
  const own = new Set(relationNames(store, follows));
  if (adopted) for (const name of relationNames(store, false)) own.delete(name);
  const others = await client.query<{ name: string; follows: boolean }>(
    `select s.name, k.name is not null as follows from ${names.stores} s left join ${names.shrinks} k on k.name = s.name
     where s.name <> $1`,
    [store],
  );
  const reserved = new Map<string, string>();
  for (const other of others.rows)
    for (const name of relationNames(other.name, other.follows))
      reserved.set(name, `the store ${other.name}`);
  const taken = await client.query<{ name: string; kind: string }>(
    `select c.relname as name, case c.relkind when 'S' then 'a sequence' when 'i' then 'an index' when 'v' then 'a view' else 'a table' end as kind
     from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relname = any($2::text[])
     union all
     select p.proname, 'a function' from pg_proc p join pg_namespace n on n.oid = p.pronamespace
     where n.nspname = $1 and p.proname = any($3::text[])`,
    [schema, [...own], follows ? FUNCTION_SUFFIXES.map((suffix) => derivedName(store, suffix)) : []],
  );
  const [first] = [
    ...taken.rows.map(({ name, kind }) => ({ name, what: kind })),
    ...[...own].flatMap((name) => {
      const what = reserved.get(name);
      return what === undefined ? [] : [{ name, what }];
    }),
  ];
  if (first === undefined) return;
  throw new NestbitError(
    'STORE_EXISTS',
    `The store ${store} needs the name ${first.name} in the schema ${schema}, which belongs to ${reserved.get(first.name) ?? first.what}. ` +
      'Give the store another name.',
  );
}
