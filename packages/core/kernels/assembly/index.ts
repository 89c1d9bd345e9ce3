// The kernels of @nestbit/core: AssemblyScript, compiled to WebAssembly SIMD by ../build.js.
// All pointers are byte offsets into the instance's memory, multiples of 16; every array is row-major.
// Lane order never changes a result: each kernel is equal, bit for bit, to its definition in src/codec.
export { encode, truncate, rotateRows } from './encode';
export { mapRows } from './map';
export { accumulate } from './accumulate';
export { hamming } from './hamming';
export { dots } from './dots';
export { expandInt4, rescore } from './rescore';
export { swap32 } from './swap';
