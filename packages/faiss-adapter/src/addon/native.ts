import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type CopyKind, NestbitError } from '@nestbit/core';

/** How rows lie in the files of codes; `CodeLayout` in native/src/storage/code-files.h. Widths in bytes of a row. */
export interface NativeLayout {
  readonly format: 1 | 2;
  readonly bits: number;
  readonly scalars: number;
  readonly copy: CopyKind;
  readonly copyBytes: number;
}

/** Rows of a store on disk, memory-mapped; native/src/storage/code-files.h. */
export interface NativeCodeFiles {
  grow(rows: number): void;
  close(): void;
  verify(
    which: 'bits' | 'copies',
    first: number,
    last: number,
    threads: number,
    token: number,
  ): Promise<void>;
  /** Fills the arrays that are given, rows × the layout's widths; scalars only with bits. */
  read(rows: Uint32Array, bits?: Uint8Array, scalars?: Uint8Array, copies?: Uint8Array): Promise<void>;
}

/** A binary index of faiss; native/src/index/binary-index.h. */
export interface NativeIndex {
  train(codes: Uint8Array, iterations: number, threads: number, token: number): Promise<void>;
  trainFrom(
    files: NativeCodeFiles,
    rows: Uint32Array,
    iterations: number,
    threads: number,
    token: number,
  ): Promise<void>;
  add(codes: Uint8Array, threads: number, token: number): Promise<void>;
  addFrom(
    files: NativeCodeFiles,
    rows: number,
    progress: Uint32Array,
    threads: number,
    token: number,
  ): Promise<void>;
  attach(files: NativeCodeFiles): void;
  search(
    queries: Uint8Array,
    k: number,
    probes: number,
    efSearch: number,
    threads: number,
    token: number,
  ): Promise<{ width: number; distances: Int32Array; labels: BigInt64Array }>;
  write(path: string): Promise<void>;
  describe(): { kind: IndexKind; dimensions: number; rows: number; trained: boolean };
}

export type IndexKind = 'flat' | 'ivf' | 'hnsw';

/** Arguments of a store's search; native/src/search/two-stage.h. */
export interface NativeSearch {
  readonly files: NativeCodeFiles;
  readonly index: NativeIndex | undefined;
  readonly indexed: number;
  readonly rows: number;
  readonly pass: BigUint64Array | undefined;
  readonly passing: number;
  readonly prefilter: number;
  readonly rescored: number;
  readonly k: number;
  readonly probes: number;
  readonly efSearch: number;
  readonly stage: 'hamming' | 'refine' | 'rescore';
  readonly threads: number;
  readonly token: number;
  readonly count: number;
  readonly bits: Uint8Array;
  readonly bitWeights: Int16Array;
  /** 256, the codec's; with `bitOffsets` (count × 256) undefined where rows have no scalars. */
  readonly bitFactors: Float64Array | undefined;
  readonly bitOffsets: Float64Array | undefined;
  readonly bitScale: Float64Array;
  readonly bitBias: Float64Array;
  /** Undefined where rows have no copies. */
  readonly rescoreWeights: Float64Array | undefined;
  readonly rescoreScale: Float64Array;
  readonly rescoreBias: Float64Array;
}

/** Rows and scores, `width` places a query, of which `found` are used. */
export interface NativeFound {
  readonly width: number;
  readonly rows: Uint32Array;
  readonly scores: Float64Array;
  readonly found: Uint32Array;
}

export interface Addon {
  readonly CodeFiles: new (folder: string, layout: NativeLayout, copiesMapped: number) => NativeCodeFiles;
  makeIndex(options: {
    kind: IndexKind;
    dimensions: number;
    lists?: number;
    m?: number;
    efConstruction?: number;
  }): NativeIndex;
  readIndex(path: string): Promise<NativeIndex>;
  search(options: NativeSearch): Promise<NativeFound>;
  cancel(token: number): void;
  lockFile(path: string): number | undefined;
  lockHeld(path: string): boolean | undefined;
  unlockFile(lock: number): void;
  /** CRC-32C of each row of some codes; `before` holds those of what comes before each. */
  checksums(codes: Uint8Array, rows: number, before?: Uint32Array): Uint32Array;
  /** Each row of some codes, followed by its CRC-32C. */
  withChecksums(codes: Uint8Array, rows: number): Uint8Array;
  checksumFile(path: string, bytes: number): Promise<number>;
  dropPages(path: string): void;
  kernels(): string[];
  /** The kernel in use. */
  readonly kernel: string;
  /** Threads that the addon has. */
  readonly threads: number;
  readonly yardsticks: Yardsticks;
}

/** For benchmarks; they block the thread. Times are seconds. */
export interface Yardsticks {
  readMemory(codes: Uint8Array): number;
  scan(
    codes: Uint8Array,
    queries: Uint8Array,
    bytes: number,
    k: number,
    threads: number,
    pass?: BigUint64Array,
  ): number;
  faissFlat(codes: Uint8Array, queries: Uint8Array, bytes: number, k: number): number;
  readonly ExactFloat: new (
    dimensions: number,
  ) => {
    add(vectors: Float32Array): void;
    search(queries: Float32Array, k: number): { seconds: number; rows: Float64Array };
    reset(): void;
  };
}

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
let loaded: Addon | undefined;

/**
 * The compiled addon, loaded on first use.
 *
 * @throws NestbitError `ADDON_MISSING`
 */
export function addon(): Addon {
  loaded ??= load();
  return loaded;
}

function load(): Addon {
  // A path of one's own: a build elsewhere, or one with sanitizers.
  const own = process.env['NESTBIT_ADDON'];
  const places =
    own !== undefined
      ? [own]
      : [
          join(root, 'prebuilds', `${process.platform}-${process.arch}`, 'nestbit_faiss.node'),
          join(root, 'build/Release/nestbit_faiss.node'),
        ];
  const path = places.find((place) => existsSync(place));
  const wayOut =
    'Install a C++17 compiler, make, python3 and faiss (Debian, Ubuntu: apt-get install g++ make python3 libfaiss-dev ' +
    `libopenblas-dev; macOS: brew install faiss libomp), then run: node ${join(root, 'scripts/build-addon.js')}`;
  if (path === undefined)
    throw new NestbitError('ADDON_MISSING', `The faiss addon is not compiled. ${wayOut}`);
  try {
    return createRequire(import.meta.url)(path) as Addon;
  } catch (cause) {
    if (cause instanceof RangeError) throw cause;
    throw new NestbitError(
      'ADDON_MISSING',
      `The faiss addon does not load (${(cause as Error).message}). ${wayOut}`,
      { cause },
    );
  }
}
