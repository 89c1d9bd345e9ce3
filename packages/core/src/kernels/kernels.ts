import { WASM_BASE64 } from './wasm.generated.ts';

/** The part of WebAssembly that is used here; its types otherwise come only with those of a browser. */
interface Memory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}
const { WebAssembly } = globalThis as unknown as {
  WebAssembly: {
    Module: new (bytes: Uint8Array) => object;
    Instance: new (module: object, imports: object) => { readonly exports: unknown };
  };
};

/** The exports of kernels/assembly; every pointer is a byte offset into `memory`, a multiple of 16. */
interface Exports {
  readonly memory: Memory;
  truncate(x: number, rows: number, n: number): number;
  mapRows(
    x: number,
    rows: number,
    width: number,
    stride: number,
    tiles: number,
    n: number,
    out: number,
  ): void;
  rotateRows(x: number, rows: number, n: number, signs: number, p: number, scale: number): void;
  encode(x: number, rows: number, plan: number): number;
  accumulate(x: number, rows: number, n: number, lo: number, hi: number, sum: number): void;
  hamming(codes: number, rows: number, bytes: number, query: number, out: number): void;
  swap32(x: number, bytes: number): void;
  rescore(codes: number, rows: number, n: number, stride: number, weights: number, out: number): void;
  expandInt4(codes: number, rows: number, n: number, stride: number, out: number): void;
  dots(x: number, rows: number, queries: number, count: number, n: number, out: number): void;
}

const PAGE = 65_536;
let compiled: object | undefined;

/** One instance of the WebAssembly kernels with a memory of its own, handed out by a bump allocator. */
export class Kernels {
  readonly run: Exports;
  #next = 1024;

  constructor() {
    compiled ??= new WebAssembly.Module(Buffer.from(WASM_BASE64, 'base64'));
    this.run = new WebAssembly.Instance(compiled, { env: { abort } }).exports as Exports;
  }

  /** Reserves bytes for good and returns their offset. Views made before may be detached by the growth. */
  reserve(bytes: number): number {
    const pointer = this.#next;
    this.#next = (pointer + bytes + 15) & ~15;
    const missing = this.#next - this.run.memory.buffer.byteLength;
    if (missing > 0) this.run.memory.grow(Math.ceil(missing / PAGE));
    return pointer;
  }

  float32(pointer: number, length: number): Float32Array {
    return new Float32Array(this.run.memory.buffer, pointer, length);
  }

  bytes(pointer: number, length: number): Uint8Array {
    return new Uint8Array(this.run.memory.buffer, pointer, length);
  }

  int8(pointer: number, length: number): Int8Array {
    return new Int8Array(this.run.memory.buffer, pointer, length);
  }

  uint16(pointer: number, length: number): Uint16Array {
    return new Uint16Array(this.run.memory.buffer, pointer, length);
  }

  float64(pointer: number, length: number): Float64Array {
    return new Float64Array(this.run.memory.buffer, pointer, length);
  }

  bigInt64(pointer: number, length: number): BigInt64Array {
    return new BigInt64Array(this.run.memory.buffer, pointer, length);
  }
}

function abort(): never {
  throw new Error('a nestbit kernel aborted');
}
