import type { EventStorage } from 'mink';
import { createMemoryStorage } from 'mink/memory';
import { createPostgresStorage } from 'mink/postgres';
import { describe } from 'vitest';
import { describePostgres, lastServer } from '../../../mink/test/support/databases.ts';

/** Runs the same tests on a storage in memory and on PostgreSQL. */
export function describeStorages(title: string, define: (open: () => Promise<EventStorage>) => void): void {
  describe(`${title}, in memory`, () => define(async () => createMemoryStorage()));
  describePostgres(
    title,
    (databases) => define(async () => createPostgresStorage({ url: await databases.create() })),
    lastServer(),
  );
}
