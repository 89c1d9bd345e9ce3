import { type Codec, throwIfAborted } from '@nestbit/core';
import type { PoolClient } from 'pg';
import { copies } from '../../connection/copies.ts';
import { encodeRows } from '../../source/encode-rows.ts';
import { idText, sourceSql } from '../../source/read-by-ids.ts';
import { boundsSql, type KeyRange, readRange } from '../../source/read-range.ts';
import { readAllRows } from '../../source/row-security.ts';
import type { SourceTable } from '../../source/source-table.ts';
import { quoted } from '../../sql/identifiers.ts';
import { parametersOf } from '../../sql/parameters.ts';
import type { Following } from '../following.ts';
import { type CodeFault, faultKind, hashOf, leftOver, pendingOf, storedHashes } from './stored.ts';

/** What comparing every row with its code found. */
export interface Parity {
  /** Rows of the table. */
  readonly rows: number;
  /** Rows with the right code. */
  readonly right: number;
  /** Rows that need none: NULL, or not to be encoded. */
  readonly nulls: number;
  readonly bad: number;
  /** Rows changed a moment ago, whose codes a worker has yet to settle: not wrong. */
  readonly pending: number;
  /** Wrong ones by id, and codes that belong to no row. */
  readonly faults: readonly CodeFault[];
}

const ROWS_A_RANGE = 10_000;

/** Sees the rows of a range that have codes, in the order of the ids. */
export type OnRows = (ids: readonly string[], embeddings: Float32Array) => void;

/**
 * Encodes every row anew and compares with what is stored: a hash of each code comes from the server, a key range at a
 * time, the embeddings and the hashes in one snapshot, so that changes under way are not taken for errors.
 */
export async function checkParity(
  context: Following,
  onRows: OnRows,
  signal: AbortSignal | undefined,
  onProgress: (rows: number) => void,
): Promise<Parity> {
  const total = { rows: 0, right: 0, nulls: 0, bad: 0, pending: 0 };
  const faults: CodeFault[] = [];
  for (let after: string | undefined; ; ) {
    throwIfAborted(signal);
    const from = after;
    const part = await readAllRows(
      context.pool,
      context.source,
      (client) => checkRange(client, context, from, signal),
      { readOnly: true, signal },
    );
    for (const key of ['rows', 'right', 'nulls', 'bad', 'pending'] as const) total[key] += part[key];
    faults.push(...part.faults);
    for (const { ids, embeddings } of part.encoded) onRows(ids, embeddings);
    onProgress(total.rows);
    if (part.upTo === undefined) break;
    after = part.upTo;
  }
  const rest = await readAllRows(context.pool, context.source, (client) => leftOver(client, context), {
    readOnly: true,
    signal,
  });
  total.pending += rest.pending;
  return { ...total, faults: [...faults, ...rest.faults] };
}

interface Part extends Parity {
  readonly upTo: string | undefined;
  readonly encoded: readonly { ids: readonly string[]; embeddings: Float32Array }[];
}

async function checkRange(
  client: PoolClient,
  context: Following,
  after: string | undefined,
  signal: AbortSignal | undefined,
): Promise<Part> {
  const { pool, source, record } = context;
  const copy = copies(pool);
  const { codec } = record;
  const upTo = await endOf(client, source, after);
  const range: KeyRange = { after, upTo };
  const stored = await storedHashes(client, context, range);
  const part = { rows: 0, right: 0, nulls: 0, bad: 0, pending: 0 };
  const encoded: { ids: readonly string[]; embeddings: Float32Array }[] = [];
  const wrong: CodeFault[] = [];
  for await (const batch of readRange(client, source, codec.inputDimensions, range, { copy, signal })) {
    const { ids, codes, bad } = await encodeRows(codec, batch);
    part.rows += ids.length + batch.nulls.length + bad.length;
    part.nulls += batch.nulls.length;
    part.bad += bad.length;
    encoded.push({ ids, embeddings: goodOf(codec, batch.ids, ids, batch.embeddings) });
    for (const [row, id] of ids.entries()) {
      const kind = faultKind(codec, hashOf(codec, codes, row), stored.get(id));
      if (kind === undefined) part.right++;
      else wrong.push({ id, kind });
    }
  }
  const pending = await pendingOf(
    client,
    context,
    wrong.map(({ id }) => id),
  );
  const faults = wrong.filter(({ id }) => !pending.has(id));
  return { ...part, pending: pending.size, faults, upTo, encoded };
}

// The embeddings of the rows that were encoded, in the same order.
function goodOf(
  codec: Codec,
  all: readonly string[],
  good: readonly string[],
  embeddings: Float32Array,
): Float32Array {
  if (all.length === good.length) return embeddings;
  const width = codec.inputDimensions;
  const kept = new Set(good);
  const out = new Float32Array(good.length * width);
  let to = 0;
  for (const [row, id] of all.entries()) {
    if (kept.has(id)) out.set(embeddings.subarray(row * width, (row + 1) * width), width * to++);
  }
  return out;
}

async function endOf(
  client: PoolClient,
  source: SourceTable,
  after: string | undefined,
): Promise<string | undefined> {
  const { values, place } = parametersOf(source.idSqlType);
  const bounds = boundsSql(source, { after, upTo: undefined }, place);
  const { rows } = await client.query<{ id: string }>(
    `select ${idText(source)} as id from ${sourceSql(source)} s${bounds} order by s.${quoted(source.id)} offset ${ROWS_A_RANGE - 1} limit 1`,
    values,
  );
  return rows[0]?.id;
}
