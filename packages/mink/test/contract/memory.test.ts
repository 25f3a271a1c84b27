import { describe, test } from 'vitest';
import { createMemoryStorage } from '../../src/memory/index.ts';
import { storageContract } from '../../src/testing/index.ts';

describe('the storage contract in memory', () => {
  for (const { name, run } of storageContract(() => createMemoryStorage())) test(name, run);
});
