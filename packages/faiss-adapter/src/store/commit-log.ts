import { closeSync, fdatasyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { NestbitError } from '@nestbit/core';
import type { Committed, Sums } from './records-db.ts';

/** The last commits, each in a place of its own, so that a torn write leaves the one before. */
const PLACES = 8;
const PLACE_BYTES = 512;

/** What a commit left, as it stands outside of LMDB. */
export interface CommitRecord extends Pick<Committed, 'rows' | 'live' | 'deaths'> {
  readonly sums: Sums;
  /** Of the codec of the rows. */
  readonly fingerprint: string;
  /** Of the generation. */
  readonly id: string;
}

const logPath = (folder: string): string => join(folder, 'commits');

/**
 * The second place of what was acknowledged: after each commit of LMDB, before its promise resolves, the numbers of
 * rows and the running checksums go into the file `commits`. A file of records that is older than its last entry has
 * lost acknowledged rows and is refused. LMDB may be ahead, since its own syncs come first: the entries are synced at
 * `close`, because a sync with each commit made ingest a fifth slower. A kill loses none, a power cut those that the
 * system had not written yet.
 */
export class CommitLog {
  readonly #file: number;
  #open = true;

  constructor(folder: string) {
    this.#file = openSync(logPath(folder), 'r+');
  }

  /** Makes it, durably, with room for every place, so that a full disk fails no commit later. */
  static async create(folder: string, first: CommitRecord): Promise<void> {
    const bytes = Buffer.alloc(PLACES * PLACE_BYTES, ' ');
    placeOf(first).copy(bytes, (first.sums.commit % PLACES) * PLACE_BYTES);
    const file = await open(logPath(folder), 'w');
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
  }

  /** The newest entry that is whole. @throws NestbitError `STORE_DAMAGED` when there is none */
  static read(folder: string): CommitRecord {
    const path = logPath(folder);
    let bytes = Buffer.alloc(0);
    try {
      bytes = readFileSync(path);
    } catch {
      // The same as an empty one.
    }
    let last: CommitRecord | undefined;
    for (let at = 0; at + PLACE_BYTES <= bytes.length; at += PLACE_BYTES) {
      const record = recordAt(bytes.toString('latin1', at, at + PLACE_BYTES));
      if (record !== undefined && record.sums.commit >= (last?.sums.commit ?? 0)) last = record;
    }
    if (last !== undefined) return last;
    throw new NestbitError('STORE_DAMAGED', `${path} holds no commit. Restore the store from a copy.`);
  }

  /** Notes a commit: in the file when it returns, durable after `close`. */
  write(record: CommitRecord): void {
    const place = placeOf(record);
    const at = (record.sums.commit % PLACES) * PLACE_BYTES;
    if (writeSync(this.#file, place, 0, place.length, at) !== place.length)
      throw new Error('the file "commits" takes no more bytes');
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    try {
      fdatasyncSync(this.#file);
    } finally {
      closeSync(this.#file);
    }
  }
}

function placeOf({ rows, live, deaths, sums, fingerprint, id }: CommitRecord): Buffer {
  const text = JSON.stringify({ rows, live, deaths, sums, fingerprint, id });
  const line = `${JSON.stringify({ crc32: crc32(text), content: text })}\n`;
  return Buffer.from(line.padStart(PLACE_BYTES, ' '), 'latin1');
}

function recordAt(line: string): CommitRecord | undefined {
  try {
    const { crc32: sum, content } = JSON.parse(line) as { crc32: number; content: string };
    return crc32(content) === sum ? (JSON.parse(content) as CommitRecord) : undefined;
  } catch {
    return undefined;
  }
}
