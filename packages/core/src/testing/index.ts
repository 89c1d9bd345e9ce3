export { ClusteredVectors, clusteredVectors } from './clustered-vectors.ts';
export { type ContractCase, type ContractOptions, storeContract } from './contract.ts';
export { type Lateness, lateness } from './lateness.ts';
export { type NestedShape, NestedVectors } from './nested-vectors.ts';
