export { clusteredVectors } from './clustered-vectors.ts';
export { type ContractCase, type ContractOptions, storeContract } from './contract.ts';
