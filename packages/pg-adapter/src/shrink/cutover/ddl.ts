import { codeColumns } from '../../codes/columns.ts';
import type { Following } from '../../follow/following.ts';
import type { Server } from '../../index-build/server.ts';
import { indexesBits, scansIteratively } from '../../index-build/server.ts';
import { derivedName } from '../../schema/names.ts';
import { beamSql } from '../../search/beam.ts';
import { qualified, type Relation } from '../../sql/identifiers.ts';

/** What the application reads after a cutover. */
export interface CutoverNames {
  readonly relations: { readonly view: Relation; readonly search: Relation };
  /** View: id, bits, scalars and copy of every row that has codes. */
  readonly view: string;
  /** Function: the nearest rows by Hamming distance. */
  readonly search: string;
}

export function cutoverNames({ schema, name }: Pick<Following, 'schema' | 'name'>): CutoverNames {
  const relations = {
    view: { schema, name: derivedName(name, '_codes') },
    search: { schema, name: derivedName(name, '_find') },
  };
  return { relations, view: qualified(relations.view), search: qualified(relations.search) };
}

/** The statements of a cutover, which may run again. */
export function cutoverDdl(context: Following, server: Server): string[] {
  const { tables, record } = context;
  const { view, search } = cutoverNames(context);
  const n = record.codec.dimensions;
  const id = record.idType;
  const split = record.layout === 'split' ? ` join ${qualified(tables.bits)} b on b.id = c.id` : '';
  const bits = split === '' ? 'c' : 'b';
  const indexed = indexesBits(server);
  const distance = indexed ? `(b.bits operator(${server.extension}.<~>) $1)` : 'bit_count(b.bits # $1)';
  // In the body, and put back: as attributes of the function, a role that is no superuser could not restore them.
  const settings = [
    ...(indexed ? [{ name: 'hnsw.ef_search', value: `${beamSql('candidates')}::text`, usual: '40' }] : []),
    ...(indexed && scansIteratively(server)
      ? [
          {
            name: 'hnsw.iterative_scan',
            value: `case when candidates > 1000 then 'relaxed_order' else 'off' end`,
            usual: 'off',
          },
        ]
      : []),
  ];
  const kept = settings.map(
    ({ name, usual }, i) => `
  before_${i} text := coalesce(current_setting('${name}', true), '${usual}');`,
  );
  const set = settings.map(
    ({ name, value }) => `
  perform set_config('${name}', ${value}, true);`,
  );
  const reset = settings.map(
    ({ name }, i) => `
  perform set_config('${name}', before_${i}, true);`,
  );
  // What comes beside the distance: from the candidates themselves, or by their ids.
  const { scalars, copy } = codeColumns(record.codec);
  const own = [...(scalars ? ['scalars'] : []), ...(copy !== undefined && split === '' ? [copy] : [])];
  const inner = own.map((column) => `, b.${column}`).join('');
  const outer = own.map((column) => `, n.${column}`).join('');
  const copyById = `, (select c.${copy} from ${qualified(tables.codes)} c where c.id = n.id)`;
  const found = `${scalars ? ', scalars smallint' : ''}${copy === undefined ? '' : `, ${copy} bytea`}`;
  const body = `${
    kept.length === 0
      ? ''
      : `
declare${kept.join('')}`
  }
begin${set.join('')}
  return query execute ${dollar(
    `select n.id, n.distance${outer}${split !== '' && copy !== undefined ? copyById : ''} ` +
      `from (select b.id, ${distance}::int as distance${inner} ` +
      `from ${qualified(tables.bits)} b order by ${distance} limit $2) n order by n.distance, n.id`,
    'q',
  )} using query, candidates;${reset.join('')}
end`;
  const statements = [
    `create or replace view ${view} as select c.id, ${bits}.bits${scalars ? `, ${bits}.scalars` : ''}${copy === undefined ? '' : `, c.${copy}`} from ${qualified(tables.codes)} c${split}`,
    `create or replace function ${search}(query bit(${n}), candidates integer default 100)
returns table (id ${id}, distance integer${found})
language plpgsql stable parallel safe as ${dollar(body, 'nestbit')}`,
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
      `create or replace function ${search}(query ${server.extension}.${kind}, candidates integer default 100)
returns table (id ${id}, distance integer${found})
language sql stable parallel safe as ${dollar(
        `select * from ${search}(${server.extension}.binary_quantize(${server.extension}.subvector(query, 1, ${n}))::bit(${n}), candidates)`,
        'nestbit',
      )}`,
    );
  }
  return statements;
}

function dollar(body: string, tag: string): string {
  let own = tag;
  while (body.includes(`$${own}$`)) own += 'x';
  return `$${own}$${body}$${own}$`;
}
