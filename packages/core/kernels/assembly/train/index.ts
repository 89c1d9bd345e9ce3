// The kernels of @nestbit/core/train, over one memory that all threads share. Pointers are byte offsets, multiples
// of 16; arrays are row-major float32 unless said. No result depends on the number of threads.
export { multiply } from './multiply';
export { pool, inverseNorms, transpose } from './texts';
export { similarity, columnSums, derivative, project } from './ranking';
export { adam, update } from './adam';
