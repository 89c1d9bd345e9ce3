export { ClusteredVectors, clusteredVectors } from './clustered-vectors.ts';
export { type ContractCase, type ContractOptions, storeContract } from './contract.ts';
export { type Lateness, lateness } from './lateness.ts';
export { leaningVectors } from './leaning-vectors.ts';
export { type NestedShape, NestedVectors } from './nested-vectors.ts';
