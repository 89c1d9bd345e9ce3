import { outOfRange, wrongType } from '@nestbit/core';
import { addon, type IndexKind } from '../addon/native.ts';

/** The kind of index of a store, chosen when it is made. */
export type StoreIndex =
  | {
      /** Scans all bits: exact among the bits, nothing to build. */
      readonly kind: 'flat';
    }
  | {
      /** Inverted lists (IVF): reads the lists nearest to the query. */
      readonly kind: 'ivf';
      /** Default: 4 √rows when the index is built. */
      readonly lists?: number;
    }
  | {
      /** A graph (HNSW): the fastest to search with, the slowest to build, and links in memory. */
      readonly kind: 'hnsw';
      /** Links a row, twice as many on the lowest level. Default 16. */
      readonly m?: number;
      /** Beam width while building; more takes longer and links better. Default 64. */
      readonly efConstruction?: number;
    };

/** How a store is searched and kept; not stored with it. */
export interface StoreTuning {
  /** IVF: lists read for a query. More cost time and find more. Default 16. */
  readonly probes?: number;
  /** HNSW: beam width. More costs time and finds more. Default 128. */
  readonly efSearch?: number;
  /** Threads of one call. Default: as many as processors. */
  readonly threads?: number;
  /**
   * IVF and HNSW: new rows are scanned until there are so many of them; then they are put into the index, in the
   * background. Default 50 000.
   */
  readonly tail?: number;
  /**
   * Copies, int8 or other, stay mapped in memory as long as all of them fit so many bytes; more are read each time
   * that they are rescored, which takes about a microsecond a row longer. Default 8 MiB.
   */
  readonly int8Memory?: number;
}

export type Tuning = Required<StoreTuning>;

/** Rounds of k-majority that train the lists of an IVF index. */
export const TRAINING_ROUNDS = 8;

/** Lists of an IVF index of so many rows; never more than rows, and one at least. */
export function usualLists(index: StoreIndex, rows: number): number {
  const wanted = (index.kind === 'ivf' ? index.lists : undefined) ?? Math.round(4 * Math.sqrt(rows));
  return Math.max(1, Math.min(wanted, rows));
}

/** Fills in defaults, checks types and ranges. @throws TypeError, RangeError naming the option */
export function tuningOf(options: StoreTuning): Tuning {
  return {
    probes: number('probes', options.probes ?? 16, 1),
    efSearch: number('efSearch', options.efSearch ?? 128, 1),
    threads: number('threads', options.threads ?? addon().threads, 1, 1024),
    tail: number('tail', options.tail ?? 50_000, 0, 2 ** 32),
    int8Memory: number('int8Memory', options.int8Memory ?? 8 * 2 ** 20, 0, 2 ** 50),
  };
}

/** The same for the kind of index. */
export function indexOf(options: StoreIndex = { kind: 'flat' }): StoreIndex {
  const kinds: readonly IndexKind[] = ['flat', 'ivf', 'hnsw'];
  if (!kinds.includes(options?.kind)) throw wrongType('index.kind must be flat, ivf or hnsw');
  if (options.kind === 'ivf') {
    return options.lists === undefined
      ? { kind: 'ivf' }
      : { kind: 'ivf', lists: number('lists', options.lists, 1) };
  }
  if (options.kind === 'flat') return { kind: 'flat' };
  return {
    kind: 'hnsw',
    m: number('m', options.m ?? 16, 2, 512),
    efConstruction: number('efConstruction', options.efConstruction ?? 64, 1),
  };
}

function number(name: string, value: number, low: number, high = 1 << 24): number {
  if (typeof value !== 'number') throw wrongType(`${name} must be a number, got ${typeof value}`);
  if (Number.isInteger(value) && value >= low && value <= high) return value;
  throw outOfRange(`${name} is ${value}; it must be a whole number from ${low} to ${high}`);
}
