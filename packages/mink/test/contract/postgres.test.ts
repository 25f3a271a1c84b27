import { test } from 'vitest';
import { createPostgresStorage } from '../../src/postgres/index.ts';
import { storageContract } from '../../src/testing/index.ts';
import { describePostgres } from '../support/databases.ts';

describePostgres('the storage contract', (databases) => {
  const createStorage = async () => createPostgresStorage({ url: await databases.create(), pollInterval: 20 });
  for (const { name, run } of storageContract(createStorage)) test(name, run);
});
