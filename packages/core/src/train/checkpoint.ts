import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { NestbitError } from '../errors.ts';
import { partialName, syncFolderOfSync } from '../files/partial.ts';
import type { PairSet } from './data/pair-set.ts';
import type { Position } from './engine/trainer.ts';
import type { TrainSettings } from './settings.ts';

const MAGIC = 'nestbit-checkpoint-1';
const HEADER_BYTES = 1024;

/** Arrays that a training goes on from, in the order in which they are stored. */
type State = Readonly<Record<'table' | 'first' | 'second', Float32Array>>;

/** sha256 of everything that decides the result: the data and the options that are not about speed. */
export function trainingIdentity(pairs: PairSet, settings: TrainSettings): string {
  const { dimensions, weights, epochs, batch, rate, scale, maxLength, seed } = settings;
  const { dimensionsPerStep, oneWay } = settings;
  const hash = createHash('sha256');
  hash.update(
    JSON.stringify({
      dimensions,
      weights,
      epochs,
      batch,
      rate,
      scale,
      maxLength,
      seed,
      dimensionsPerStep,
      oneWay,
    }),
  );
  for (const array of [
    pairs.ids,
    pairs.starts,
    pairs.anchors,
    pairs.positives,
    pairs.negatives,
    pairs.scores ?? [],
  ]) {
    hash.update(
      ArrayBuffer.isView(array) ? new Uint8Array(array.buffer, array.byteOffset, array.byteLength) : '-',
    );
  }
  return hash.digest('hex');
}

export function checkpointPath(settings: TrainSettings): string {
  return `${settings.out}.checkpoint`;
}

/** Writes the checkpoint durably; a run that is killed meanwhile leaves the one before. */
export function writeCheckpoint(path: string, identity: string, position: Position, state: State): void {
  const partial = partialName(path);
  try {
    const file = openSync(partial, 'wx');
    try {
      const header = Buffer.alloc(HEADER_BYTES, ' ');
      header.write(JSON.stringify({ magic: MAGIC, identity, position, values: state.table.length }));
      writeAll(file, header);
      for (const array of [state.table, state.first, state.second]) writeAll(file, bytesOf(array));
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(partial, path);
    syncFolderOfSync(path);
  } catch (cause) {
    rmSync(partial, { force: true });
    throw new NestbitError('FILE_WRITE', `${path} cannot be written (${(cause as Error).message}).`, {
      cause,
    });
  }
}

/**
 * Reads a checkpoint into the arrays of a training.
 *
 * @throws NestbitError `CHECKPOINT_MISMATCH` for one of other data or options, or a damaged one; `FILE_NOT_FOUND`
 */
export function readCheckpoint(path: string, identity: string, state: State): Position {
  if (!existsSync(path)) {
    throw new NestbitError(
      'FILE_NOT_FOUND',
      `${path} does not exist: there is no run to resume. Train without resume.`,
    );
  }
  const file = openSync(path, 'r');
  try {
    const header = Buffer.alloc(HEADER_BYTES);
    readSync(file, header, 0, HEADER_BYTES, 0);
    const said = parse(header.toString());
    const bytes = state.table.byteLength;
    if (said?.magic !== MAGIC || fstatSync(file).size !== HEADER_BYTES + 3 * said.values * 4) {
      throw mismatch(path, 'is no whole checkpoint');
    }
    if (said.identity !== identity || said.values * 4 !== bytes) {
      throw mismatch(path, 'is of other data or options than these');
    }
    [state.table, state.first, state.second].forEach((array, i) => {
      const target = bytesOf(array);
      for (let done = 0; done < bytes; ) {
        done += readSync(file, target, done, bytes - done, HEADER_BYTES + i * bytes + done);
      }
    });
    return said.position;
  } finally {
    closeSync(file);
  }
}

function parse(
  text: string,
): { magic: string; identity: string; position: Position; values: number } | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function writeAll(file: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done, bytes.length - done);
}

function bytesOf(array: Float32Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

function mismatch(path: string, what: string): NestbitError {
  return new NestbitError(
    'CHECKPOINT_MISMATCH',
    `${path} ${what}; resume with the data and options of that run, or remove it and train anew.`,
  );
}
