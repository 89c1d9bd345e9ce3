import { type Codes, type Id, NestbitError, type Payload, Turns } from '@nestbit/core';
import { CodeWriter } from './code-writer.ts';
import { runAll } from './failures.ts';
import type { Generation } from './generation.ts';
import { type Packed, Packer } from './packer.ts';
import { packKey, packRow } from './record-format.ts';
import { type Committed, NO_SUMS } from './records-db.ts';
import { breakSeal, sealRecords } from './records-seal.ts';
import { RecordsWriter } from './records-writer.ts';

/** Rows whose records are made between two looks at the event loop. */
const ROWS_AT_ONCE = 256;

/** Writes one generation: codes to its files, then records and the commit. One call at a time. */
export class GenerationWriter {
  readonly folder: string;
  readonly #codes: CodeWriter;
  readonly #records: RecordsWriter;
  #state: Committed;

  private constructor(folder: string, codes: CodeWriter, records: RecordsWriter, state: Committed) {
    this.folder = folder;
    this.#codes = codes;
    this.#records = records;
    this.#state = state;
  }

  /** Opens a generation for writing, and brings one from before commits were checked up to date. */
  static async open(generation: Generation): Promise<GenerationWriter> {
    const { folder, codeFiles, codec } = generation;
    await breakSeal(folder);
    const { id, sums } = await generation.checkedCommits();
    const setup = { folder, fingerprint: codec.fingerprint, id, sums };
    const { writer, state } = await RecordsWriter.open(setup);
    try {
      return new GenerationWriter(
        folder,
        await CodeWriter.open(folder, codeFiles, state.rows),
        writer,
        state,
      );
    } catch (error) {
      await writer.close();
      throw error;
    }
  }

  /** Appends rows, which replace those of the same ids; durable when it resolves. */
  async write(
    ids: readonly Id[],
    codes: Codes,
    payloads: readonly (Payload | undefined)[] | undefined,
  ): Promise<void> {
    if (ids.length !== codes.rows) {
      throw new NestbitError(
        'BATCH_SHAPE',
        `The batch has ${ids.length} ids and ${codes.rows} rows; its arrays must not change while it is stored.`,
      );
    }
    const { rows: first, sums = NO_SUMS } = this.#state;
    // The codes must be on disk before the commit says that they are; the records are made meanwhile.
    const [made, checks] = await settle(
      recordsOf(ids, payloads, first),
      this.#codes.append(codes, first, sums.checks),
    );
    const fields = newFields(this.#state.fields, payloads);
    const { state } = await this.#records.write({ first, ...made, fields, checks });
    this.#state = state;
  }

  /** Removes rows; gives how many there were. */
  async remove(ids: readonly Id[]): Promise<number> {
    const { state, gone } = await this.#records.remove(await keysOf(ids));
    this.#state = state;
    return gone.length;
  }

  async close(): Promise<void> {
    await runAll([() => this.#codes.close(), () => this.#records.close()]);
  }

  /** Notes the checksum of the records; after `close`, when no other handle can write. */
  async seal(): Promise<void> {
    await sealRecords(this.folder);
  }
}

// Waits for both, so that nothing is still being written when the first fails.
async function settle<A, B>(a: Promise<A>, b: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([a, b]);
  return [await a, await b];
}

async function recordsOf(
  ids: readonly Id[],
  payloads: readonly (Payload | undefined)[] | undefined,
  first: number,
): Promise<{ keys: Packed; records: Packed }> {
  const turns = new Turns();
  const keys = new Packer(ids.length);
  const records = new Packer(ids.length);
  for (let i = 0; i < ids.length; i++) {
    if (i % ROWS_AT_ONCE === 0 && turns.due) await turns.give();
    packKey(keys, ids[i]);
    packRow(records, first + i, ids[i], payloads?.[i]);
  }
  return { keys: keys.finish(), records: records.finish() };
}

async function keysOf(ids: readonly Id[]): Promise<Packed> {
  const turns = new Turns();
  const keys = new Packer(ids.length);
  for (let i = 0; i < ids.length; i++) {
    if (i % ROWS_AT_ONCE === 0 && turns.due) await turns.give();
    packKey(keys, ids[i]);
  }
  return keys.finish();
}

// All fields, when the payloads have one that was not there before.
function newFields(
  known: readonly string[],
  payloads: readonly (Payload | undefined)[] | undefined,
): string[] | undefined {
  const fields = new Set(known);
  for (const payload of payloads ?? [])
    if (payload !== undefined) for (const field of Object.keys(payload)) fields.add(field);
  return fields.size === known.length ? undefined : [...fields];
}
