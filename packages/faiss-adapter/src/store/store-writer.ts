import { type Codes, type Id, NestbitError, type Payload, Turns } from '@nestbit/core';
import { callNow } from '../addon/call.ts';
import { addon } from '../addon/native.ts';
import type { CodeFile } from './code-layout.ts';
import { CodeWriter } from './code-writer.ts';
import { type Packed, Packer } from './packer.ts';
import { packKey, packRow } from './record-format.ts';
import type { Committed } from './records-db.ts';
import { breakSeal, sealRecords } from './records-seal.ts';
import { RecordsWriter } from './records-writer.ts';

/** Rows whose records are made between two looks at the event loop. */
const ROWS_AT_ONCE = 256;

/** The lock of a store's one writer; the system frees it when the process ends, however it ends. */
export class WriterLock {
  #lock: number | undefined;

  private constructor(lock: number) {
    this.#lock = lock;
  }

  /** @throws NestbitError `STORE_LOCKED` */
  static take(path: string): WriterLock {
    const lock = callNow(() => addon().lockFile(path));
    if (lock !== undefined) return new WriterLock(lock);
    throw new NestbitError(
      'STORE_LOCKED',
      `Another writer holds ${path}. Close it first, or open the store with readOnly: true.`,
    );
  }

  /** Whether some writer holds it. */
  static held(path: string): boolean {
    const lock = callNow(() => addon().lockFile(path));
    if (lock !== undefined) addon().unlockFile(lock);
    return lock === undefined;
  }

  free(): void {
    if (this.#lock !== undefined) addon().unlockFile(this.#lock);
    this.#lock = undefined;
  }
}

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

  static async open(folder: string, files: readonly CodeFile[]): Promise<GenerationWriter> {
    await breakSeal(folder);
    const { writer, state } = await RecordsWriter.open(`${folder}/records`);
    try {
      return new GenerationWriter(folder, await CodeWriter.open(folder, files, state.rows), writer, state);
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
    const first = this.#state.rows;
    // The codes must be on disk before the commit says that they are; the records are made meanwhile.
    const [made] = await settle(recordsOf(ids, payloads, first), this.#codes.append(codes, first));
    const fields = newFields(this.#state.fields, payloads);
    const { state } = await this.#records.write(made.keys, made.records, fields);
    this.#state = state;
  }

  /** Removes rows; gives how many there were. */
  async remove(ids: readonly Id[]): Promise<number> {
    const { state, gone } = await this.#records.remove(await keysOf(ids));
    this.#state = state;
    return gone.length;
  }

  async close(): Promise<void> {
    await this.#codes.close();
    await this.#records.close();
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
