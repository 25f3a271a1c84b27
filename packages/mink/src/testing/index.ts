export { storageContract } from './contract/storage-contract.ts';
export type { ContractCase, StorageFactory } from './contract/contract-case.ts';
export { given } from './given.ts';
export type { ExpectedError, Then } from './given.ts';
