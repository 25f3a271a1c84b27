import { ok, strictEqual } from 'node:assert';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { test } from 'vitest';
import { createPostgresStore } from '../../src/postgres/index.ts';
import { describePostgres, lastServer } from '../support/databases.ts';

const COUNT = 1_000_000;
const AT_ONCE = 10_000;
/** Two pages of a thousand events, and whatever the driver holds, are far below this. */
const MOST_BYTES = 32 * 1024 * 1024;

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

describePostgres(
  'a very long stream',
  (databases) => {
    test('a stream of a million events is read in memory that does not grow', { timeout: 300_000 }, async () => {
      await using store = createPostgresStore({ url: await databases.create() });
      const batch = Array.from({ length: AT_ONCE }, (_, n) => ({ type: 'Counted', data: { n } }));
      for (let version = 0; version < COUNT; version += AT_ONCE) {
        await store.append('Long-1', batch, { expectedVersion: version });
      }
      const inUse = (): number => {
        collectGarbage();
        return process.memoryUsage().heapUsed;
      };
      for (const read of [store.readStream('Long-1'), store.readAll()]) {
        let count = 0;
        let first: number | undefined;
        let most = 0;
        for await (const { streamVersion } of read) {
          count += 1;
          strictEqual(streamVersion, count);
          if (count % 100_000 !== 0) continue;
          first ??= inUse();
          most = Math.max(most, inUse() - first);
        }
        strictEqual(count, COUNT);
        ok(most < MOST_BYTES, `${most} bytes more than at the beginning`);
      }
      strictEqual((await store.streamInfo('Long-1'))?.version, COUNT);
      const newest = await store.readStream('Long-1', { direction: 'backwards', limit: 1 }).first();
      strictEqual(newest?.streamVersion, COUNT);
    });
  },
  lastServer(),
);
