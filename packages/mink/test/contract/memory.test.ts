import { describe, test } from 'vitest';
import { createMemoryStorage } from '../../src/memory/index.ts';
import { storageContract } from '../../src/testing/index.ts';

describe('the storage contract in memory', () => {
  test.each(storageContract(() => createMemoryStorage()))('$name', ({ run }) => run());
});
