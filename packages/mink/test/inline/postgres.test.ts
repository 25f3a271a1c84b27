import { createPostgresStorage } from '../../src/postgres/index.ts';
import { describePostgres } from '../support/databases.ts';
import { inlineRules } from './inline-rules.ts';

describePostgres('inline projections', (databases) =>
  inlineRules(async () => createPostgresStorage({ url: await databases.create() })),
);
