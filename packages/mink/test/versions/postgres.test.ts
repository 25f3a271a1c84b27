import { createPostgresStore } from '../../src/postgres/index.ts';
import { describePostgres } from '../support/databases.ts';
import { events, versionRules } from './version-rules.ts';

describePostgres('versions', (databases) => {
  versionRules(async () => createPostgresStore({ url: await databases.create(), categories: { Cart: events } }));
});
