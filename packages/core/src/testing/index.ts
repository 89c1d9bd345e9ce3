export { type ContractCase, type ContractOptions, storeContract } from './contract.ts';
