import { deepStrictEqual, ok, strictEqual } from 'node:assert';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findSystemPostgres, startPostgres, type RunningPostgres } from '@mink/dev';
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import { createEventStore } from '../../src/index.ts';
import { createPostgresStorage, createPostgresStore } from '../../src/postgres/index.ts';
import { openClient, runSql } from '../support/databases.ts';
import { storageWith } from '../support/storage-with.ts';

const wanted = { type: 'Wanted', data: null };

for (const { label, url } of inject('servers')) {
  describe.skipIf(url === undefined)(`crashes of the server, on ${label}`, () => {
    let dataDir = '';
    let server: RunningPostgres;

    const start = async (): Promise<RunningPostgres> => {
      const system = label.includes('system') ? await findSystemPostgres() : undefined;
      return startPostgres({ dataDir, binDir: system?.binDir });
    };

    beforeEach(async () => {
      dataDir = await mkdtemp(join(tmpdir(), 'mink-crash-'));
      server = await start();
    });

    afterEach(async () => {
      await server.stop();
      await rm(dataDir, { recursive: true, force: true });
    });

    /** Draws positions and gives them back, unflushed. */
    async function rollBack(events: number): Promise<void> {
      const client = await openClient(server.url);
      await client.query('begin');
      await client.query(
        `select mink.append_v1(array[1], array['Lost-1'], array['Lost'], array[0::smallint], array[-1::bigint], array[$1::int],
          array[false], array_fill(1, array[$1]), array(select gen_random_uuid() from generate_series(1, $1)),
          array_fill('Lost'::text, array[$1]), array_fill(1, array[$1]), array_fill(null::text, array[$1]),
          array(select '{}'::json from generate_series(1, $1)), array(select '{}'::json from generate_series(1, $1)), 0, 0)`,
        [events],
      );
      await client.query('rollback');
      await client.end();
    }

    /** The WAL writer flushes what was rolled back, too, some time later; stopped, every crash loses that. */
    async function stopWalWriter(): Promise<number> {
      const [row] = await runSql(server.url, "select pid from pg_stat_activity where backend_type = 'walwriter'");
      const pid = Number(row?.['pid']);
      process.kill(pid, 'SIGSTOP');
      return pid;
    }

    async function lastPosition(): Promise<number> {
      const [row] = await runSql(server.url, 'select last_value from mink.global_position');
      return Number(row?.['last_value']);
    }

    test('a backend that is killed starts a new incarnation, though the server stays', async () => {
      await using store = createPostgresStore({ url: server.url });
      await store.append('Note-1', [wanted]);
      const before = await store.readBound();
      strictEqual((await store.readBound()).incarnation, before.incarnation);
      const victim = await openClient(server.url);
      const { rows } = await victim.query<{ pid: number }>('select pg_backend_pid() as pid');
      process.kill(rows[0]?.pid ?? 0, 'SIGKILL');
      await expect
        .poll(
          () =>
            store.readBound().then(
              ({ incarnation }) => incarnation !== before.incarnation,
              () => false,
            ),
          { timeout: 20_000 },
        )
        .toBe(true);
      await victim.end().catch(() => undefined);
    });

    test('one server is one incarnation, whatever the session has set', async () => {
      await using store = createPostgresStore({ url: server.url });
      const { incarnation } = await store.readBound();
      const client = await openClient(server.url);
      for (const setting of ["timezone = 'Asia/Kathmandu'", "datestyle = 'sql, dmy'", 'extra_float_digits = -3']) {
        await client.query(`set ${setting}`);
        const { rows } = await client.query<{ incarnation: number }>('select mink.incarnation_v1() as incarnation');
        strictEqual(String(rows[0]?.incarnation), incarnation, setting);
        await client.query('reset all');
      }
      await client.end();
    });

    test('a filtered subscription misses no event whose position was handed out again after a crash', async () => {
      let reissued = 0;
      let below = 0;
      let bounds = 0;
      const storage = createPostgresStorage({ url: server.url, pollInterval: 5 });
      const counting = storageWith(storage, {
        waitForBound: async (waiting) => {
          const bound = await storage.waitForBound(waiting);
          bounds = Math.max(bounds, bound.position);
          return bound;
        },
      });
      const store = createEventStore(counting);
      await store.append('Note-1', [wanted]);
      const seen: number[] = [];
      const stop = new AbortController();
      const reading = (async () => {
        for await (const event of store.subscribe({ types: ['Wanted'], signal: stop.signal }))
          seen.push(event.streamVersion);
      })();
      for (let round = 0; round < 3; round += 1) {
        await expect.poll(() => seen.length).toBe(round + 1);
        const walWriter = await stopWalWriter();
        await rollBack(100);
        const { position } = await store.readBound();
        // The subscription has been told to look past what was rolled back.
        await expect.poll(() => bounds).toBeGreaterThanOrEqual(position);
        const before = await lastPosition();
        process.kill(server.pid, 'SIGKILL');
        process.kill(walWriter, 'SIGKILL');
        await server.exited;
        server = await start();
        if ((await lastPosition()) < before) reissued += 1;
        const writer = createPostgresStore({ url: server.url });
        const { globalPosition } = await writer.append('Note-1', [wanted]);
        await writer.close();
        if (globalPosition <= position) below += 1;
        await expect.poll(() => seen.length, { timeout: 20_000 }).toBe(round + 2);
      }
      stop.abort();
      await reading;
      deepStrictEqual(
        seen,
        (await store.readStream('Note-1').toArray()).map(({ streamVersion }) => streamVersion),
      );
      await store.close();
      ok(reissued > 0 && below > 0, 'no position was handed out again: this test has proven nothing');
    });

    test('what was acknowledged survives kill -9 of the server, exactly once', async () => {
      const acknowledged: string[] = [];
      const store = createPostgresStore({ url: server.url, connectTimeout: 2_000 });
      await store.append('Note-0', [wanted]);
      const writing = Promise.allSettled(
        Array.from({ length: 8 }, async (_, writer) => {
          for (;;) {
            const { events } = await store.append(`Note-${writer + 1}`, [wanted, wanted]);
            acknowledged.push(...events.map(({ id }) => id));
          }
        }),
      );
      await expect.poll(() => acknowledged.length, { timeout: 20_000 }).toBeGreaterThan(200);
      process.kill(server.pid, 'SIGKILL');
      const outcomes = await writing;
      const codes = outcomes.map((outcome) => (outcome.status === 'rejected' ? String(outcome.reason?.code) : 'none'));
      ok(
        codes.every((code) => code === 'APPEND_OUTCOME_UNKNOWN' || code === 'DATABASE_UNAVAILABLE'),
        codes.join(', '),
      );
      await server.exited;
      server = await start();
      const log = await store.readAll().toArray();
      const ids = log.map(({ id }) => id);
      strictEqual(new Set(ids).size, ids.length);
      deepStrictEqual(
        acknowledged.filter((id) => !ids.includes(id)),
        [],
      );
      await store.close();
    });
  });
}
