export { storageContract } from './contract/storage-contract.ts';
export type { ContractCase, StorageFactory } from './contract/contract-case.ts';
export { createTestStore } from './create-test-store.ts';
export type { TestClock, TestStore, TestStoreOptions } from './create-test-store.ts';
export { given } from './given.ts';
export type { ExpectedError, Then } from './given.ts';
export { readStored } from './read-stored.ts';
export type { OnceStored } from './read-stored.ts';
