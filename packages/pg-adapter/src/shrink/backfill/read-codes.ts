import type { Codec, CodeMemory, Codes } from '@nestbit/core';
import type { Pool } from 'pg';
import { sliceCodes } from '../../codes/slice-codes.ts';
import { type Checkout, checkout } from '../../connection/checkout.ts';
import { copyReader } from '../../connection/own-client.ts';
import { encodeRows } from '../../source/encode-rows.ts';
import type { BadRow } from '../../source/kinds.ts';
import { type KeyRange, readRange } from '../../source/read-range.ts';
import { ALL_ROWS, explainHidden } from '../../source/row-security.ts';
import { recycle, type SourceRows } from '../../source/source-rows.ts';
import type { SourceTable } from '../../source/source-table.ts';
import { translated } from '../../sql/failures.ts';

/** The codes of a range, and what has none. */
export interface RangeCodes {
  readonly ids: readonly string[];
  readonly codes: Codes;
  readonly nulls: readonly string[];
  readonly bad: readonly BadRow[];
}

export interface ReadCodes {
  readonly pool: Pool;
  readonly source: SourceTable;
  readonly codec: Codec;
  readonly copy: boolean;
  readonly signal: AbortSignal | undefined;
}

/** A connection that stood still for so long, in ms, such as while a migration is paused, may be gone unseen. */
const MOST_IDLE = 10_000;

/** Reads ranges, one after the other, and encodes them as they come: of the embeddings only one batch is in memory. */
export class CodeReader {
  readonly #read: ReadCodes;
  #connection: Checkout | undefined;
  #used = 0;

  constructor(read: ReadCodes) {
    this.#read = read;
  }

  /** @param memory used for the codes */
  async range(range: KeyRange, memory?: GrowingCodes): Promise<RangeCodes> {
    const { source, codec, copy, signal } = this.#read;
    try {
      const { client } = await this.#connected();
      await client.query(`begin; ${ALL_ROWS}`);
      const batches = readRange(client, source, codec.inputDimensions, range, { copy, signal });
      const found = await gather(codec, batches, memory);
      await client.query('commit');
      if (!copy) this.end();
      this.#used = performance.now();
      return found;
    } catch (error) {
      // A COPY that was left has more to say: its connection is of no use. PGlite has one connection only.
      if (!copy) await this.#connection?.client.query('rollback').catch(() => {});
      this.end(copy);
      const { pool } = this.#read;
      return await explainHidden(pool, source, () => Promise.reject(translated(error)));
    }
  }

  async #connected(): Promise<Checkout> {
    const { pool, copy } = this.#read;
    if (performance.now() - this.#used > MOST_IDLE) this.end();
    if (this.#connection !== undefined) return this.#connection;
    if (!copy) {
      // PGlite has no connection but the pool's: it has it for one range.
      this.#connection = await checkout(pool);
      return this.#connection;
    }
    const connection = await copyReader(pool);
    this.#connection = connection;
    connection.client.once('end', () => {
      if (this.#connection === connection) this.#connection = undefined;
    });
    return connection;
  }

  /** Gives its connection up. */
  end(broken = false): void {
    this.#connection?.release(broken);
    this.#connection = undefined;
  }
}

/** Encodes batches, one after the other. */
export async function gather(
  codec: Codec,
  batches: AsyncIterable<SourceRows>,
  memory: GrowingCodes = new GrowingCodes(codec),
): Promise<RangeCodes> {
  const { layout } = codec;
  const ids: string[] = [];
  const nulls: string[] = [];
  const bad: BadRow[] = [];
  let saturated = 0;
  for await (const batch of batches) {
    const rows = ids.length;
    memory.reserve(rows, rows + batch.ids.length);
    const into = sliceCodes(memory.codes, layout, rows);
    const encoded = await encodeRows(codec, batch, into);
    saturated += encoded.codes.saturated;
    for (const id of encoded.ids) ids.push(id);
    nulls.push(...batch.nulls);
    bad.push(...encoded.bad);
    recycle(batch);
  }
  const codes: Codes = {
    fingerprint: codec.fingerprint,
    rows: ids.length,
    ...sliceCodes(memory.codes, layout, 0, ids.length),
    saturated,
  };
  return { ids, codes, nulls, bad };
}

/** Memory for codes that grows by half, and serves one range after the other: taking it anew is dear. */
export class GrowingCodes {
  readonly #codec: Codec;
  readonly #atFirst: number;
  #room = 0;
  #codes: CodeMemory;

  /** @param rows for which there is room at first; what is not used takes no memory */
  constructor(codec: Codec, rows = 1024) {
    this.#codec = codec;
    this.#atFirst = rows;
    this.#codes = codec.allocate(0);
  }

  get codes(): CodeMemory {
    return this.#codes;
  }

  /** Makes room for `rows`; the first `used` stay. */
  reserve(used: number, rows: number): void {
    if (rows <= this.#room) return;
    this.#room = Math.max(rows, Math.ceil(1.5 * used), this.#atFirst);
    const before = sliceCodes(this.#codes, this.#codec.layout, 0, used);
    this.#codes = this.#codec.allocate(this.#room);
    for (const part of ['bits', 'scalars', 'copies'] as const) this.#codes[part].set(before[part]);
  }
}
