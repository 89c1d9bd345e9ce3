import { codeColumns } from '../../codes/columns.ts';
import type { Server } from '../../index-build/server.ts';
import { indexesBits, scansIteratively } from '../../index-build/server.ts';
import { beamSql } from '../../search/beam.ts';
import { qualified } from '../../sql/identifiers.ts';
import type { ShrinkContext } from '../context.ts';

/** What the application reads after a cutover. */
export interface CutoverNames {
  /** View: id, bits, scalars and copy of every row that has codes. */
  readonly view: string;
  /** Function: the nearest rows by Hamming distance. */
  readonly search: string;
}

export function cutoverNames({ schema, name }: Pick<ShrinkContext, 'schema' | 'name'>): CutoverNames {
  return {
    view: qualified({ schema, name: `${name}_codes` }),
    search: qualified({ schema, name: `${name}_find` }),
  };
}

/** The statements of a cutover, which may run again. */
export function cutoverDdl(context: ShrinkContext, server: Server): string[] {
  const { tables, record } = context;
  const { view, search } = cutoverNames(context);
  const n = record.codec.dimensions;
  const id = record.idType;
  const split = record.layout === 'split' ? ` join ${qualified(tables.bits)} b on b.id = c.id` : '';
  const bits = split === '' ? 'c' : 'b';
  const indexed = indexesBits(server);
  const distance = indexed ? '(b.bits <~> $1)' : 'bit_count(b.bits # $1)';
  const settings = indexed
    ? `
  perform set_config('hnsw.ef_search', ${beamSql('candidates')}::text, true);${
    scansIteratively(server)
      ? `
  if candidates > 1000 then perform set_config('hnsw.iterative_scan', 'relaxed_order', true); end if;`
      : ''
  }`
    : '';
  const attributes = indexed
    ? ` set hnsw.ef_search = 100${scansIteratively(server) ? ' set hnsw.iterative_scan = off' : ''}`
    : '';
  // What comes beside the distance: from the candidates themselves, or by their ids.
  const { scalars, copy } = codeColumns(record.codec);
  const own = [...(scalars ? ['scalars'] : []), ...(copy !== undefined && split === '' ? [copy] : [])];
  const inner = own.map((column) => `, b.${column}`).join('');
  const outer = own.map((column) => `, n.${column}`).join('');
  const copyById = `, (select c.${copy} from ${qualified(tables.codes)} c where c.id = n.id)`;
  const found = `${scalars ? ', scalars smallint' : ''}${copy === undefined ? '' : `, ${copy} bytea`}`;
  const body = `
begin${settings}
  return query execute ${dollar(
    `select n.id, n.distance${outer}${split !== '' && copy !== undefined ? copyById : ''} ` +
      `from (select b.id, ${distance}::int as distance${inner} ` +
      `from ${qualified(tables.bits)} b order by ${distance} limit $2) n order by n.distance, n.id`,
    'q',
  )} using query, candidates;
end`;
  const statements = [
    `create or replace view ${view} as select c.id, ${bits}.bits${scalars ? `, ${bits}.scalars` : ''}${copy === undefined ? '' : `, c.${copy}`} from ${qualified(tables.codes)} c${split}`,
    `create or replace function ${search}(query bit(${n}), candidates integer default 100)
returns table (id ${id}, distance integer${found})
language plpgsql stable parallel safe${attributes} as ${dollar(body, 'nestbit')}`,
  ];
  const { settings: codec } = record.codec;
  const kind = context.source.kind;
  // Bits that SQL can compute: the application hands over its float vector.
  if (
    indexed &&
    codec.rotation === 'none' &&
    codec.mean === undefined &&
    (kind === 'vector' || kind === 'halfvec')
  ) {
    statements.push(
      `create or replace function ${search}(query ${kind}, candidates integer default 100)
returns table (id ${id}, distance integer${found})
language sql stable parallel safe as ${dollar(
        `select * from ${search}(binary_quantize(subvector(query, 1, ${n}))::bit(${n}), candidates)`,
        'nestbit',
      )}`,
    );
  }
  return statements;
}

/** Removes them; nothing where there is none. */
export function dropCutover(context: ShrinkContext): string {
  const { view, search } = cutoverNames(context);
  const functions = [
    'bit, integer',
    ...(['vector', 'halfvec'].includes(context.source.kind) ? [`${context.source.kind}, integer`] : []),
  ];
  return [
    `drop view if exists ${view}`,
    ...functions.map((types) => `drop function if exists ${search}(${types})`),
  ].join(';\n');
}

function dollar(body: string, tag: string): string {
  let own = tag;
  while (body.includes(`$${own}$`)) own += 'x';
  return `$${own}$${body}$${own}$`;
}
