import { registryOf } from '../schema/registry-names.ts';
import { sourceSql } from '../source/read-by-ids.ts';
import type { SourceTable } from '../source/source-table.ts';
import { MAX_NAME_BYTES, qualified, quoted } from '../sql/identifiers.ts';
import { literal } from '../sql/literals.ts';
import { channelOf, type SyncSpec, syncRelations } from './spec.ts';

/** A session tells the workers at most so often; they also poll. NOTIFY takes a lock that all sessions share. */
const NOTIFY_EVERY_SECONDS = 0.05;

/** What a further change of an id that waits already does. A claim stays: its worker finds the version moved on. */
export const ON_CHANGE = `on conflict (id) do update set version = excluded.version, attempts = 0, not_before = null, aside = false,
       error = null, changed_at = case when q.aside then excluded.changed_at else q.changed_at end`;

/** The name of a trigger of a store, within what Postgres keeps of a name. */
export function triggerName({ store }: SyncSpec, event: string): string {
  const name = `nestbit_${store}_${event}`;
  return Buffer.byteLength(name) <= MAX_NAME_BYTES
    ? name
    : `nestbit_${event}_${Buffer.from(store).toString('hex').slice(-40)}`;
}

/**
 * The function of the triggers. It runs with the rights of its owner and names everything in full, so roles that
 * write the table need no right on nestbit's schema, and no search path leads it astray.
 */
export function functionDdl(spec: SyncSpec): string {
  const { queue, version, changed, codes } = syncRelations(spec);
  const { source, bitsInTrigger, dimensions, schema, store } = spec;
  const id = quoted(source.id);
  const note = (row: 'old' | 'new'): string =>
    `insert into ${qualified(queue)} as q (id, version) values (${row}.${id}, nextval(${literal(qualified(version))}::regclass))
       ${ON_CHANGE};`;
  // After the queue's row is locked: a worker passes over that one, and so never waits for this.
  const bits = bitsInTrigger
    ? `if tg_op <> 'DELETE' and new.${quoted(source.column)} is not null then
      update ${qualified(codes.bits)} set bits = ${bitsSql(source, dimensions)} where id = new.${id};
    end if;`
    : '';
  const throttle = `nestbit.${channelOf(spec)}`;
  return `create or replace function ${qualified(changed)}() returns trigger language plpgsql security definer
  set search_path = pg_catalog, pg_temp as ${dollarQuoted(`
begin
  if tg_op = 'TRUNCATE' then
    update ${registryOf(schema).shrinks} set sweeps_wanted = sweeps_wanted + 1 where name = ${literal(store)};
  else
    if tg_op = 'DELETE' or tg_op = 'UPDATE' and old.${id} is distinct from new.${id} then
      ${note('old')}
    end if;
    if tg_op <> 'DELETE' then
      ${note('new')}
    end if;
    ${bits}
  end if;
  if coalesce(nullif(current_setting('${throttle}', true), '')::float8, 0) < extract(epoch from now())::float8 - ${NOTIFY_EVERY_SECONDS} then
    perform set_config('${throttle}', extract(epoch from now())::text, false), pg_notify('${channelOf(spec)}', '');
  end if;
  return null;
end `)}`;
}

/** Triggers by row, which Postgres gives to every partition, and TRUNCATE's, which each partition needs itself. */
export function triggersDdl(spec: SyncSpec): string[] {
  const { source, always = false } = spec;
  const on = sourceSql(source);
  const run = `execute function ${qualified(syncRelations(spec).changed)}()`;
  const column = quoted(source.column);
  const id = quoted(source.id);
  const trigger = (event: string, when: string): string =>
    `create or replace trigger ${quoted(triggerName(spec, event))} after ${event} on ${on} for each row ${when}${run}`;
  const events = ['insert', 'update', 'delete', 'truncate'];
  return [
    trigger('insert', `when (new.${column} is not null) `),
    trigger('update', `when (${differs(source)} or old.${id} is distinct from new.${id}) `),
    trigger('delete', ''),
    ...(source.partitioned ? [truncateOfPartitions(spec, run)] : [truncateDdl(spec, on, run)]),
    ...(always
      ? events.map((event) => `alter table ${on} enable always trigger ${quoted(triggerName(spec, event))}`)
      : []),
  ];
}

function truncateDdl(spec: SyncSpec, on: string, run: string): string {
  return `create or replace trigger ${quoted(triggerName(spec, 'truncate'))} after truncate on ${on} for each statement ${run}`;
}

// Each partition may be truncated by itself. One that is attached later needs the statement once more.
function truncateOfPartitions(spec: SyncSpec, run: string): string {
  return `do ${dollarQuoted(` declare part regclass; begin
  for part in select relid from pg_catalog.pg_partition_tree(${literal(sourceSql(spec.source))}::regclass) loop
    execute pg_catalog.format(${literal(truncateDdl(spec, '%s', run).replaceAll('%', '%%').replace('%%s', '%s'))}, part);
  end loop; end `)}`;
}

/** Text between dollar signs, under a tag that it does not hold. */
function dollarQuoted(text: string): string {
  let tag = '$nestbit$';
  for (let number = 1; text.includes(tag); number++) tag = `$nestbit_${number}$`;
  return `${tag}${text}${tag}`;
}

/** Whether an update changed the embedding; cheap, and right for every type and collation. */
function differs({ column, kind, send }: SourceTable): string {
  const name = quoted(column);
  switch (kind) {
    case 'vector':
    case 'halfvec':
      // The operator by its schema: pgvector's need not be in the search path.
      return (
        `((old.${name} operator(${extensionOf(send)}.=) new.${name}) is not true ` +
        `and not (old.${name} is null and new.${name} is null))`
      );
    case 'jsonb':
      // json has no equality.
      return `old.${name}::text is distinct from new.${name}::text`;
    case 'text':
      // Under a nondeterministic collation different texts are equal.
      return `old.${name} collate "C" is distinct from new.${name} collate "C"`;
    default:
      return `old.${name} is distinct from new.${name}`;
  }
}

function bitsSql({ column, send }: SourceTable, dimensions: number): string {
  const extension = extensionOf(send);
  return `${extension}.binary_quantize(${extension}.subvector(new.${quoted(column)}, 1, ${dimensions}))::bit(${dimensions})`;
}

// `send` is the quoted schema, a dot, and vector_send or halfvec_send.
function extensionOf(send: string | undefined): string {
  return (send as string).replace(/\.(half)?vec(tor)?_send$/, '');
}
