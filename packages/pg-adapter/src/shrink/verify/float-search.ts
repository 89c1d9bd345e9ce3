import type { Following } from '../../follow/following.ts';
import { idText, sourceSql } from '../../source/read-by-ids.ts';
import { quoted } from '../../sql/identifiers.ts';

/** How the application searches its float column until now. */
export interface FloatSearch {
  /** The index that serves it; absent: all rows are read. */
  readonly index: string | undefined;
  /** Ids of the k nearest. */
  search(query: Float32Array, k: number): Promise<string[]>;
}

/** Of a vector or halfvec column; nothing for other kinds, which SQL does not search. */
export async function floatSearch(context: Following): Promise<FloatSearch | undefined> {
  const { pool, source, record } = context;
  if (source.kind !== 'vector' && source.kind !== 'halfvec') return undefined;
  const { rows } = await pool.query<{ index: string; operator: string }>(
    `select i.indexrelid::regclass::text as index, format('operator(%I.%s)', n.nspname, o.oprname) as operator
     from pg_index i
     join pg_class c on c.oid = i.indexrelid
     join pg_am am on am.oid = c.relam and am.amname in ('hnsw', 'ivfflat')
     join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
     join pg_opclass oc on oc.oid = i.indclass[0]
     join pg_amop ao on ao.amopfamily = oc.opcfamily and ao.amoppurpose = 'o' and ao.amoplefttype = a.atttypid
     join pg_operator o on o.oid = ao.amopopr
     join pg_namespace n on n.oid = o.oprnamespace
     where i.indrelid = $1 and a.attname = $2 and i.indisvalid limit 1`,
    [source.oid, source.column],
  );
  // pgvector compares no two vectors of different widths; rows of another width are listed as errors.
  const extension = (source.send as string).replace(/\.[^.]*$/, '');
  const operator = rows[0]?.operator ?? `operator(${extension}.<=>)`;
  const widths =
    source.dimensions === undefined
      ? ` and ${extension}.vector_dims(s.${quoted(source.column)}) = ${record.codec.inputDimensions}`
      : '';
  const text =
    `select ${idText(source)} as id from ${sourceSql(source)} s where s.${quoted(source.column)} is not null${widths} ` +
    `order by s.${quoted(source.column)} ${operator} $1 limit $2`;
  return {
    index: rows[0]?.index,
    search: async (query, k) => {
      const found = await pool.query<{ id: string }>(text, [`[${query.join(',')}]`, k]);
      return found.rows.map(({ id }) => id);
    },
  };
}
