export { createMemoryStorage, createMemoryStore } from './create-memory-store.ts';
export type { MemoryStorageOptions } from './create-memory-store.ts';
