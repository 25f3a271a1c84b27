import type { Projection } from '../../src/index.ts';
import { createMemoryStore } from '../../src/memory/index.ts';
import { inlineVersionRules } from './inline-version-rules.ts';
import { proofRules } from './proof-rules.ts';
import { events, versionRules, type Store } from './version-rules.ts';

const open = async (inline: readonly Projection[] = []): Promise<Store> =>
  createMemoryStore({ categories: { Cart: events }, inline });

versionRules(open);
inlineVersionRules(open);
proofRules(open);
