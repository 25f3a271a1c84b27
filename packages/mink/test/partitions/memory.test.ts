import { describe } from 'vitest';
import { createMemoryStorage } from '../../src/memory/index.ts';
import { partitionRules } from './partition-rules.ts';
import { verifyRules } from './verify-rules.ts';

describe('in memory', () => {
  const open = async () => createMemoryStorage();
  partitionRules(open);
  verifyRules(open);
});
