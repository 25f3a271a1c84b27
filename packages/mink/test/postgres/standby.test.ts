import { deepStrictEqual, rejects, strictEqual } from 'node:assert';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findSystemPostgres, startPostgres } from '@mink/dev';
import { expect, test } from 'vitest';
import { createPostgresStore } from '../../src/postgres/index.ts';
import { startStandby } from '../support/standby.ts';

const event = { type: 'Noted', data: { n: 1 } };

test('a standby serves streams, refuses the rest and says to use the primary; promoted, the same store does it all', async (context) => {
  const system = await findSystemPostgres();
  if (system === undefined) return context.skip('there is no system PostgreSQL, which brings pg_basebackup');
  const dataDir = await mkdtemp(join(tmpdir(), 'mink-primary-'));
  const primary = await startPostgres({ dataDir, binDir: system.binDir });
  const writer = createPostgresStore({ url: primary.url });
  await writer.append('Note-1', [event, event]);
  const standby = await startStandby(system.binDir, primary.url);
  if (standby === undefined) return context.skip('the system PostgreSQL has no pg_basebackup');
  try {
    const { globalPosition } = await writer.append('Note-1', [event]);
    await using store = createPostgresStore({ url: standby.url, pollInterval: 20 });
    await expect
      .poll(() =>
        store
          .readStream('Note-1')
          .toArray()
          .then(({ length }) => length),
      )
      .toBe(3);
    strictEqual((await store.streamInfo('Note-1'))?.version, 3);
    strictEqual((await store.listStreams().toArray()).length, 1);

    const toPrimary = { code: 'DATABASE_ERROR', message: /connect to the primary/iu };
    await rejects(store.append('Note-1', [event]), { ...toPrimary, sqlState: '25006' });
    for (const read of [store.readAll(), store.subscribe()]) {
      await rejects(read.toArray(), { ...toPrimary, sqlState: 'MK005' });
    }

    await writer.close();
    await primary.stop();
    await standby.promote();
    await expect
      .poll(() =>
        store.append('Note-1', [event]).then(
          ({ streamVersion }) => streamVersion,
          () => 0,
        ),
      )
      .toBe(4);
    // A reader goes on with the checkpoint it has from the old primary.
    const rest = await store.readAll({ after: globalPosition }).toArray();
    deepStrictEqual(
      rest.map(({ streamVersion }) => streamVersion),
      [4],
    );
    const [followed] = [await store.subscribe({ after: globalPosition }).first()];
    strictEqual(followed?.streamVersion, 4);
  } finally {
    await writer.close();
    await standby.stop();
    await primary.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
  return undefined;
});
