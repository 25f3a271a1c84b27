import { describe } from 'vitest';
import { createMemoryStorage } from '../../src/memory/index.ts';
import { inlineRules } from './inline-rules.ts';

describe('inline projections in memory', () => inlineRules(async () => createMemoryStorage()));
