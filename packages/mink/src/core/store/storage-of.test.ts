import { expect, test } from 'vitest';
import { createMemoryStorage } from '../../memory/index.ts';
import { createEventStore } from './event-store.ts';
import { storageOf } from './storage-of.ts';

test('is the storage that the store was made with', () => {
  const storage = createMemoryStorage();
  expect(storageOf(createEventStore(storage))).toBe(storage);
});

test('refuses what is no store', () => {
  expect(() => storageOf({})).toThrow('store: is no event store');
});
