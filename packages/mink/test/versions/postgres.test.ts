import type { Projection } from '../../src/index.ts';
import { createPostgresStore } from '../../src/postgres/index.ts';
import { describePostgres } from '../support/databases.ts';
import { inlineVersionRules } from './inline-version-rules.ts';
import { proofRules } from './proof-rules.ts';
import { events, versionRules, type Store } from './version-rules.ts';

describePostgres('versions', (databases) => {
  const open = async (inline: readonly Projection[] = []): Promise<Store> =>
    createPostgresStore({ url: await databases.create(), categories: { Cart: events }, inline });

  versionRules(open);
  inlineVersionRules(open);
  proofRules(open);
});
