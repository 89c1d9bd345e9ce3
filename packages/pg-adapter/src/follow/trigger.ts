import { sourceSql } from '../source/read-by-ids.ts';
import type { SourceTable } from '../source/source-table.ts';
import { qualified, quoted } from '../sql/identifiers.ts';
import { literal } from '../sql/literals.ts';
import { channelOf, EVENTS, type SyncSpec, syncRelations, triggerName } from './spec.ts';

/** A session tells the workers at most so often; they also poll. NOTIFY takes a lock that all sessions share. */
const NOTIFY_EVERY_SECONDS = 0.05;

/** What a further change of an id that waits already does. A claim stays: its worker finds the version moved on. */
export const ON_CHANGE = `on conflict (id) do update set version = excluded.version, attempts = 0, not_before = null, aside = false,
       error = null, changed_at = case when q.aside then excluded.changed_at else q.changed_at end`;

/**
 * The functions of the triggers. They run with the rights of their owner and name everything in full, so roles that write
 * the table need no right on nestbit's schema, and no search path leads them astray.
 *
 * `note` records an id and is called by the conditions of the triggers: Postgres keeps these as columns, not as names, so
 * they outlive a column that is renamed, which the body of a trigger's function does not. It is always false, so no
 * event is queued either. Changes are appended: no row that a worker holds is in a writer's way.
 */
export function functionsDdl(spec: SyncSpec): string[] {
  const { queue, version, changed, changes, note, codes } = syncRelations(spec);
  const { source, bitsInTrigger } = spec;
  const append = `insert into ${qualified(changes)} (id) values`;
  // A worker passes over a locked row of the queue, and so never writes bits older than the trigger's.
  const withBits = `insert into ${qualified(queue)} as q (id, version) values ($1, nextval(${literal(qualified(version))}::regclass))
       ${ON_CHANGE};
  if $2 is not null then update ${qualified(codes.bits)} set bits = $2 where id = $1; end if;`;
  const head = (name: string): string =>
    `create or replace function ${name} language plpgsql security definer set search_path = pg_catalog, pg_temp as `;
  return [
    head(
      `${qualified(note)}(changed ${source.idType}${bitsInTrigger ? ', its_bits bit' : ''}) returns boolean`,
    ) +
      dollarQuoted(`
begin
  ${bitsInTrigger ? withBits : `${append} ($1);`}${notifySql(spec)}
  return false;
end `),
    // The conditions are evaluated with the rights of who writes the table.
    `grant execute on function ${qualified(note)} to public`,
    head(`${qualified(changed)}() returns trigger`) +
      dollarQuoted(`
begin
  if tg_op = 'TRUNCATE' then
    ${append} (null);${notifySql(spec)}
  end if;
  return null;
end `),
    `revoke all on function ${qualified(changed)}() from public`,
  ];
}

function notifySql(spec: SyncSpec): string {
  if (spec.notify === false) return '';
  const throttle = `nestbit.${channelOf(spec)}`;
  // A transaction that has notified cannot be prepared.
  const allowed = spec.notify === true ? '' : `current_setting('max_prepared_transactions') = '0' and `;
  return `
  if ${allowed}coalesce(nullif(current_setting('${throttle}', true), '')::float8, 0) < extract(epoch from now())::float8 - ${NOTIFY_EVERY_SECONDS} then
    perform set_config('${throttle}', extract(epoch from now())::text, false), pg_notify('${channelOf(spec)}', '');
  end if;`;
}

/**
 * Triggers by row, which Postgres gives to every partition, and TRUNCATE's, which each partition needs itself.
 *
 * @param partitions of the table, itself among them, as SQL writes them; one that is attached later needs the trigger too
 */
export function triggersDdl(spec: SyncSpec, partitions: readonly string[]): string[] {
  const { source, always = false } = spec;
  const on = sourceSql(source);
  const { note, changed } = syncRelations(spec);
  const id = quoted(source.id);
  const noted = (row: 'old' | 'new'): string => {
    if (!spec.bitsInTrigger) return `${qualified(note)}(${row}.${id})`;
    return `${qualified(note)}(${row}.${id}, ${row === 'old' ? 'null' : bitsSql(spec)})`;
  };
  const run = `execute function ${qualified(changed)}()`;
  const trigger = (event: 'insert' | 'update' | 'delete', when: string): string =>
    `create or replace trigger ${quoted(triggerName(spec, event))} after ${event} on ${on} for each row when (${when}) ${run}`;
  return [
    trigger(
      'insert',
      `case when new.${quoted(source.column)} is not null then ${noted('new')} else false end`,
    ),
    trigger(
      'update',
      `case when old.${id} is distinct from new.${id} then ${noted('old')} or ${noted('new')} ` +
        `when ${differs(source)} then ${noted('new')} else false end`,
    ),
    trigger('delete', noted('old')),
    ...partitions.map(
      (part) =>
        `create or replace trigger ${quoted(triggerName(spec, 'truncate'))} after truncate on ${part} for each statement ${run}`,
    ),
    ...(always
      ? EVENTS.map((event) => `alter table ${on} enable always trigger ${quoted(triggerName(spec, event))}`)
      : []),
  ];
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

// NULL where there is no vector, or one that is too short: the row is then listed by a worker.
function bitsSql({ source: { column, send }, dimensions }: SyncSpec): string {
  const extension = extensionOf(send);
  const own = `new.${quoted(column)}`;
  return (
    `case when ${extension}.vector_dims(${own}) >= ${dimensions} ` +
    `then ${extension}.binary_quantize(${extension}.subvector(${own}, 1, ${dimensions}))::bit(${dimensions}) end`
  );
}

// `send` is the quoted schema, a dot, and vector_send or halfvec_send, which `quote_all_identifiers` quotes too.
function extensionOf(send: string | undefined): string {
  return (send as string).replace(/\."?(half)?vec(tor)?_send"?$/, '');
}
