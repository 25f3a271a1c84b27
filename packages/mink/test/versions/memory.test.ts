import { createMemoryStore } from '../../src/memory/index.ts';
import { events, versionRules } from './version-rules.ts';

versionRules(async () => createMemoryStore({ categories: { Cart: events } }));
