import { WASM_BASE64 } from './wasm.generated.ts';

/** A memory that all threads of a training share. */
export interface SharedMemory {
  readonly buffer: SharedArrayBuffer;
}
const { WebAssembly } = globalThis as unknown as {
  WebAssembly: {
    Module: new (bytes: Uint8Array) => object;
    Instance: new (module: object, imports: object) => { readonly exports: unknown };
    Memory: new (limits: { initial: number; maximum: number; shared: true }) => SharedMemory;
  };
};

const PAGE = 65_536;
/** The maximum that the kernels were compiled for. */
const MAX_PAGES = 32_768;
export const MAX_BYTES: number = MAX_PAGES * PAGE;

/** The exports of kernels/assembly/train; every pointer is a byte offset, a multiple of 16. */
export interface TrainKernels {
  multiply(
    x: number,
    xRow: number,
    xStep: number,
    y: number,
    yRow: number,
    out: number,
    outRow: number,
    from: number,
    to: number,
    columns: number,
    depth: number,
    pack: number,
  ): void;
  pool(table: number, ids: number, starts: number, from: number, to: number, n: number, out: number): void;
  inverseNorms(
    x: number,
    count: number,
    from: number,
    to: number,
    n: number,
    dims: number,
    prefixes: number,
    inverse: number,
  ): void;
  transpose(x: number, count: number, from: number, to: number, n: number, out: number): void;
  similarity(
    a: number,
    bTransposed: number,
    count: number,
    from: number,
    to: number,
    n: number,
    dims: number,
    prefixes: number,
    inverseA: number,
    inverseB: number,
    scale: number,
    cos: number,
    ex: number,
    rowSums: number,
    diagonal: number,
  ): void;
  columnSums(matrix: number, count: number, from: number, to: number, prefixes: number, sums: number): void;
  derivative(
    cos: number,
    ex: number,
    count: number,
    from: number,
    to: number,
    prefixes: number,
    weights: number,
    rowSums: number,
    columnSums: number,
    inverseA: number,
    inverseB: number,
    rowDots: number,
  ): void;
  project(
    d: number,
    x: number,
    count: number,
    from: number,
    to: number,
    n: number,
    dims: number,
    prefixes: number,
    inverse: number,
    dots: number,
  ): void;
  adam(
    table: number,
    first: number,
    second: number,
    n: number,
    tokens: number,
    starts: number,
    texts: number,
    lengths: number,
    d: number,
    from: number,
    to: number,
    rate: number,
    beta1: number,
    beta2: number,
    epsilon: number,
    gradient: number,
  ): void;
  update(
    values: number,
    first: number,
    second: number,
    gradient: number,
    bytes: number,
    rate: number,
    beta1: number,
    beta2: number,
    epsilon: number,
  ): void;
}

export function sharedMemory(bytes: number): SharedMemory {
  const pages = Math.ceil(bytes / PAGE);
  return new WebAssembly.Memory({ initial: pages, maximum: MAX_PAGES, shared: true });
}

export function trainKernels(memory: SharedMemory): TrainKernels {
  const module = new WebAssembly.Module(Buffer.from(WASM_BASE64, 'base64'));
  const env = { memory, abort: () => failed() };
  return new WebAssembly.Instance(module, { env }).exports as TrainKernels;
}

function failed(): never {
  throw new Error('a nestbit kernel aborted');
}
