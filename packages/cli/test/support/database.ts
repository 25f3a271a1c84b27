import { createTemporaryPostgres, type RunningPostgres } from '@mink/dev';
import { createPostgresStore } from 'mink/postgres';
import { afterAll, beforeAll } from 'vitest';

/** A PostgreSQL for the tests of one file; `openStore` gives an empty store in a schema of its own. */
export function useDatabase() {
  let postgres: RunningPostgres | undefined;
  let schemas = 0;

  beforeAll(async () => {
    postgres = await createTemporaryPostgres({ durable: false });
  }, 60_000);
  afterAll(() => postgres?.stop());

  const url = (): string => {
    if (postgres === undefined) throw new Error('PostgreSQL runs during tests only.');
    return postgres.url;
  };
  const newSchema = (): string => {
    schemas += 1;
    return `store_${schemas}`;
  };
  const openStore = () => {
    const schema = newSchema();
    return { schema, store: createPostgresStore({ url: url(), schema }) };
  };
  return { url, newSchema, openStore };
}
