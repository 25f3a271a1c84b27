import { deepStrictEqual, ok, strictEqual } from 'node:assert';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cp, lstat, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findSystemPostgres, startPostgres, type RunningPostgres } from '@mink/dev';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createPostgresStore } from '../../src/postgres/index.ts';
import type { EventStore, UntypedCategories } from '../../src/index.ts';
import { lastServer, openClient, runSql } from '../support/databases.ts';
import { mountSmallDisk, NO_SMALL_DISK, type SmallDisk } from '../support/small-disk.ts';

type Store = EventStore<UntypedCategories>;

/** Does not shrink when it is compressed. */
const bulky = (): string => randomBytes(30_000).toString('base64');

interface Written {
  /** Ids whose append was acknowledged. */
  readonly acknowledged: string[];
  /** Appends whose outcome is unknown: their stream, and the events that were sent, ids included. */
  readonly unknown: { readonly streamName: string; readonly events: { id: string; type: string; data: string }[] }[];
  /** How the others failed. */
  readonly refusals: { readonly code: string; readonly sqlState: string | undefined }[];
}

/** Writers that go on until each of them has failed `most` times. */
async function writeUntilRefused(store: Store, writers: number, most: number): Promise<Written> {
  const written: Written = { acknowledged: [], unknown: [], refusals: [] };
  await Promise.all(
    Array.from({ length: writers }, async (_, writer) => {
      for (let failures = 0; failures < most;) {
        const events = Array.from({ length: 2 }, () => ({
          id: crypto.randomUUID(),
          type: 'Bulky',
          data: bulky(),
        }));
        const streamName = `Bulk-${writer}`;
        try {
          await store.append(streamName, events);
          written.acknowledged.push(...events.map(({ id }) => id));
        } catch (error) {
          failures += 1;
          const { code, sqlState } = error as { code: string; sqlState?: string };
          if (code === 'APPEND_OUTCOME_UNKNOWN') written.unknown.push({ streamName, events });
          else written.refusals.push({ code, sqlState });
        }
      }
    }),
  );
  return written;
}

async function checkGapless(
  store: Store,
  log: readonly { streamName: string; streamVersion: number }[],
): Promise<void> {
  for await (const { streamName, version } of store.listStreams()) {
    const versions = log.filter((event) => event.streamName === streamName).map((event) => event.streamVersion);
    deepStrictEqual(
      versions,
      Array.from({ length: version }, (_, index) => index + 1),
    );
  }
}

for (const { label } of lastServer()) {
  describe(`a full disk, on ${label}`, () => {
    let dataDir = '';
    let server: RunningPostgres;
    const disks: SmallDisk[] = [];

    const start = async (): Promise<RunningPostgres> => {
      const system = label.includes('system') ? await findSystemPostgres() : undefined;
      // Not the power fails here, but the disk.
      return startPostgres({ dataDir, binDir: system?.binDir, settings: { fsync: 'off', autovacuum: 'off' } });
    };
    const mount = async (megabytes: number): Promise<SmallDisk | undefined> => {
      const disk = await mountSmallDisk(megabytes);
      if (disk !== undefined) disks.push(disk);
      return disk;
    };

    beforeEach(async () => {
      dataDir = await mkdtemp(join(tmpdir(), 'mink-full-'));
    });
    afterEach(async () => {
      await server?.stop();
      for (const disk of disks.splice(0)) await disk.remove();
      await rm(dataDir, { recursive: true, force: true });
    });

    test('is a typed error that has written nothing; with room again the same store goes on', async (context) => {
      const disk = await mount(24);
      if (disk === undefined) return context.skip(NO_SMALL_DISK);
      server = await start();
      await runSql(server.url, `create tablespace tiny location '${disk.path}'`);
      await runSql(server.url, 'create database tiny tablespace tiny');
      const tiny = new URL(server.url);
      tiny.pathname = '/tiny';
      await using store = createPostgresStore({ url: tiny.href, pollInterval: 10 });
      const seen: string[] = [];
      const stop = new AbortController();
      await store.append('First-1', [{ type: 'First', data: null }]);
      const reading = (async () => {
        for await (const event of store.subscribe({ signal: stop.signal })) seen.push(event.id);
      })();

      const full = await writeUntilRefused(store, 4, 3);
      ok(full.acknowledged.length > 10, 'the disk was full from the beginning: this proves nothing');
      deepStrictEqual(
        full.refusals,
        full.refusals.map(() => ({ code: 'DATABASE_ERROR', sqlState: '53100' })),
      );
      deepStrictEqual(full.unknown, []);
      const whenFull = await store.readAll({ types: ['Bulky'] }).toArray();
      deepStrictEqual(whenFull.map(({ id }) => id).toSorted(), full.acknowledged.toSorted());
      await checkGapless(store, await store.readAll().toArray());

      await disk.resize(96);
      const { streamVersion } = await store.append('Bulk-0', [{ type: 'Bulky', data: bulky() }]);
      const log = await store.readAll().toArray();
      strictEqual(log.filter(({ streamName }) => streamName === 'Bulk-0').length, streamVersion);
      await checkGapless(store, log);
      await expect.poll(() => seen.length).toBe(log.length);
      deepStrictEqual(
        seen,
        log.map(({ id }) => id),
      );
      stop.abort();
      await reading;
      return undefined;
    });

    test('of the write-ahead log stops the server; started with room again, nothing acknowledged is missing', async (context) => {
      const disk = await mount(48);
      if (disk === undefined) return context.skip(NO_SMALL_DISK);
      server = await start();
      await server.stop();
      const cluster = join(dataDir, 'data');
      const { uid, gid } = await lstat(cluster);
      // Not moved across file systems by rename.
      await cp(join(cluster, 'pg_wal'), join(disk.path, 'pg_wal'), { recursive: true, preserveTimestamps: true });
      await promisify(execFile)('chown', ['-R', `${uid}:${gid}`, join(disk.path, 'pg_wal')]);
      await rm(join(cluster, 'pg_wal'), { recursive: true });
      await symlink(join(disk.path, 'pg_wal'), join(cluster, 'pg_wal'));
      server = await start();
      await using store = createPostgresStore({ url: server.url, connectTimeout: 2_000 });
      await store.append('First-1', [{ type: 'First', data: null }]);
      // Without checkpoints nothing of the log is given back.
      await runSql(server.url, "alter system set max_wal_size = '4GB'");
      await runSql(server.url, "alter system set checkpoint_timeout = '1h'");
      await runSql(server.url, 'select pg_reload_conf()');
      const witness = await openClient(server.url);
      let witnessLost = false;
      witness.on('end', () => {
        witnessLost = true;
      });

      const full = await writeUntilRefused(store, 4, 3);
      ok(full.acknowledged.length > 10, 'the disk was full from the beginning: this proves nothing');
      await expect.poll(() => witnessLost, { message: 'the server must have gone down' }).toBe(true);
      for (const { code, sqlState } of full.refusals) {
        ok(code === 'DATABASE_UNAVAILABLE' || sqlState === '53100', `${code} ${sqlState}`);
      }

      await disk.resize(400);
      // Whether it came back by itself or gave up: somebody starts it again.
      await server.stop();
      server = await start();
      await expect.poll(() => store.readBound().then(({ position }) => position > 0)).toBe(true);
      for (const { streamName, events } of full.unknown) {
        const { events: stored } = await store.append(streamName, events);
        full.acknowledged.push(...stored.map(({ id }) => id));
      }
      const log = await store.readAll().toArray();
      const ids = log.filter(({ type }) => type === 'Bulky').map(({ id }) => id);
      deepStrictEqual(ids.toSorted(), full.acknowledged.toSorted());
      await checkGapless(store, log);
      await witness.end().catch(() => undefined);
      return undefined;
    });
  });
}
