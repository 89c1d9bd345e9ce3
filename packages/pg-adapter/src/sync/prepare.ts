import { createHash } from 'node:crypto';
import type { Codes } from '@nestbit/core';
import { wrongType } from '@nestbit/core';
import { syncRelations } from '../follow/spec.ts';
import { encodeRows } from '../source/encode-rows.ts';
import type { BadRow } from '../source/kinds.ts';
import { idText, readByIds, sourceSql } from '../source/read-by-ids.ts';
import { readAllRows } from '../source/row-security.ts';
import type { SourceRows } from '../source/source-rows.ts';
import { qualified, quoted } from '../sql/identifiers.ts';
import { EncoderFailure } from './failures.ts';
import type { Follow } from './follow.ts';

/** What some rows are now. Every id is in one of the lists. */
export interface Prepared {
  /** To be written, in the order of the codes. */
  readonly ids: readonly string[];
  readonly codes: Codes;
  /** Of the texts, by id. */
  readonly hashes: ReadonlyMap<string, Buffer> | undefined;
  /** Cannot be encoded; they have no code. */
  readonly bad: readonly BadRow[];
  /** Texts whose code is there already. */
  readonly unchanged: readonly string[];
  /** Milliseconds for the embeddings (texts) and the codes. */
  readonly encoding: number;
}

/** Reads and encodes the rows of some ids as they are now; no lock is held. */
export async function prepareRows(
  follow: Follow,
  ids: readonly string[],
  signal?: AbortSignal,
): Promise<Prepared> {
  const { pool, sync, record } = follow;
  if (sync.source.kind === 'text') return await prepareTexts(follow, ids, signal);
  const read = await readAllRows(pool, sync.source, (client) =>
    readByIds(client, sync.source, record.codec.inputDimensions, ids),
  );
  const begun = performance.now();
  const encoded = await encodeRows(record.codec, read);
  return { ...encoded, hashes: undefined, unchanged: [], encoding: performance.now() - begun };
}

async function prepareTexts(
  follow: Follow,
  ids: readonly string[],
  signal: AbortSignal | undefined,
): Promise<Prepared> {
  const { record, encoder, prompt } = follow;
  if (encoder === undefined) throw wrongType('encoder is missing: the column holds text');
  const texts = await readTexts(follow, ids);
  const wanted: { id: string; text: string; hash: Buffer }[] = [];
  const unchanged: string[] = [];
  for (const { id, text, known } of texts) {
    // An empty text has no meaning to find.
    if (text === null || text.trim() === '') continue;
    const hash = hashOf(encoder.identity, prompt, text);
    if (known?.equals(hash) === true) unchanged.push(id);
    else wanted.push({ id, text, hash });
  }
  const begun = performance.now();
  const embeddings = wanted.length === 0 ? new Float32Array(0) : await embed(follow, wanted, signal);
  const rows: SourceRows = { ids: wanted.map(({ id }) => id), embeddings, nulls: [], bad: [] };
  const encoded = await encodeRows(record.codec, rows);
  return {
    ...encoded,
    hashes: new Map(wanted.map(({ id, hash }) => [id, hash])),
    unchanged,
    encoding: performance.now() - begun,
  };
}

async function embed(
  { encoder, prompt, record }: Follow,
  wanted: readonly { readonly text: string }[],
  signal: AbortSignal | undefined,
): Promise<Float32Array> {
  const embeddings = await (encoder as NonNullable<typeof encoder>)
    .encode(
      wanted.map(({ text }) => text),
      { ...(signal && { signal }), ...(prompt !== undefined && { prompt }) },
    )
    .catch((cause) => {
      throw new EncoderFailure(cause);
    });
  const expected = wanted.length * record.codec.inputDimensions;
  if (embeddings.length === expected) return embeddings;
  throw new EncoderFailure(
    `The encoder gave ${embeddings.length} values for ${wanted.length} texts; the codec reads ${record.codec.inputDimensions} dimensions, ` +
      `so there should be ${expected}. Give the encoder of the store's model.`,
  );
}

/** The text of a row, with the model and the prompt that it is encoded with. */
export function hashOf(identity: string, prompt: string | undefined, text: string): Buffer {
  return createHash('sha256')
    .update(JSON.stringify([identity, prompt ?? null, text]))
    .digest()
    .subarray(0, 16);
}

/** Rows that are there, with the hash of the text that their code is of, where they have a code. */
async function readTexts(
  { pool, sync }: Follow,
  ids: readonly string[],
): Promise<{ id: string; text: string | null; known: Buffer | null }[]> {
  const { source } = sync;
  const { texts, codes } = syncRelations(sync);
  const collate = source.idCollation === undefined ? '' : ` collate "C"`;
  const { rows } = await readAllRows(pool, source, (client) =>
    client.query<{ id: string; text: string | null; known: Buffer | null }>(
      `select ${idText(source)} as id, s.${quoted(source.column)}::text as text,
              (select h.hash from ${qualified(texts)} h join ${qualified(codes.codes)} c on c.id = h.id
               where h.id = s.${quoted(source.id)}${collate}) as known
       from ${sourceSql(source)} s where s.${quoted(source.id)} = any($1::${source.idSqlType}[])`,
      [ids],
    ),
  );
  return rows;
}
