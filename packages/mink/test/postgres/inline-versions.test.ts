import { deepStrictEqual, ok, rejects, strictEqual } from 'node:assert';
import { AsyncResource } from 'node:async_hooks';
import { once } from 'node:events';
import { Pool, type QueryConfig } from 'pg';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  column,
  createProjectionEngine,
  createProjectionVersions,
  defineProjection,
  defineSqlProjection,
  documents,
  type Projection,
} from '../../src/index.ts';
import { createPostgresStorage, createPostgresStore, withTransaction } from '../../src/postgres/index.ts';
import { describePostgres, runSql } from '../support/databases.ts';
import { seedOf } from '../support/random.ts';
import { add, events, runAll, sameV3, sumV1, type Store } from '../versions/version-rules.ts';

/** In which order each number was added, over all carts: the rows of appends that wait for each other. */
const numbersOf = (version: number) =>
  defineProjection({
    name: 'numbers',
    version,
    events: { Cart: events },
    readModel: documents<{ positions: readonly number[] }>(),
    key: (event) => (event.type === 'Added' ? String(event.data.n) : null),
  }).on({ Added: (number, { globalPosition }) => ({ positions: [...(number?.positions ?? []), globalPosition] }) });
const [numbersV1, numbersV2] = [numbersOf(1), numbersOf(2)];

/** A scratch asks for it when its snapshot is taken, and the log not read. */
const LAST_VISIBLE = 'max(e.global_position), 0), ';

/** A pool of the caller's. Before a statement with this text, something is done once. */
function poolOf(url: string, { before, act }: { before?: string; act?: () => Promise<void> } = {}): Pool {
  const pool = new Pool({ connectionString: url, max: 6 });
  let isDone = act === undefined;
  pool.on('connect', (client) => {
    const query = client.query.bind(client);
    Object.assign(client, {
      query: async (config: QueryConfig) => {
        if (!isDone && String(config.text).includes(before ?? '')) {
          isDone = true;
          await act?.();
        }
        return query(config);
      },
    });
  });
  onTestFinished(() => pool.end());
  return pool;
}

/** An append whose transaction stays open until it is told to commit. */
async function appendHeld(store: Store, pool: Pool, n: number): Promise<() => Promise<void>> {
  const [opening, closing] = [new AbortController(), new AbortController()];
  const opened = once(opening.signal, 'abort');
  const done = withTransaction(pool, async (tx) => {
    await store.append('Cart-held', [add(n)], { tx });
    opening.abort();
    await once(closing.signal, 'abort');
  });
  await opened;
  return async () => {
    closing.abort();
    await done;
  };
}

describePostgres('versions of inline projections', (databases) => {
  const open = (pool: Pool, inline: readonly Projection[]): Store => {
    const store = createPostgresStore({ pool, categories: { Cart: events }, inline });
    onTestFinished(() => store.close());
    return store;
  };

  describe('while an append is under way', () => {
    test('are compared at what has been committed, above it, too, and without it', async () => {
      const pool = poolOf(await databases.create());
      const store = open(pool, [sumV1, numbersV1]);
      await store.append('Cart-1', [add(1), add(2)]);
      const versions = createProjectionVersions(store, [sumV1, sameV3, numbersV1, numbersV2]);
      await versions.build(sameV3);
      await versions.build(numbersV2);
      const commit = await appendHeld(store, pool, 100);
      await store.append('Cart-1', [add(3)]);
      await store.append('Cart-2', [add(4)]);
      // Readers of the log are kept below it, and appends are not.
      strictEqual((await store.readBound()).position, 2);
      const same = { isSame: true, position: 5, errors: [] };
      for (const version of [sameV3, numbersV2]) expect(await versions.compare(version)).toMatchObject(same);
      expect(await versions.whatIf(sumV1)).toMatchObject({ ...same, tables: [{ rowsBefore: 2, rowsAfter: 2 }] });
      expect(await versions.verifyRows(numbersV1)).toMatchObject({ ok: true, position: 5 });
      await commit();
      expect(await versions.compare(sameV3)).toMatchObject({ ...same, tables: [{ rowsBefore: 3, rowsAfter: 3 }] });
    });

    test('are compared without it also when it commits before the log is read', async () => {
      const url = await databases.create();
      const writers = poolOf(url);
      const writer = open(writers, [sumV1]);
      await writer.append('Cart-1', [add(1)]);
      let commit = async (): Promise<void> => undefined;
      // Somebody else does it, not the transaction of the scratch.
      const act = AsyncResource.bind(async (): Promise<void> => {
        await commit();
        await writer.append('Cart-3', [add(5)]);
      });
      const store = open(poolOf(url, { before: LAST_VISIBLE, act }), [sumV1]);
      const versions = createProjectionVersions(store, [sumV1, sameV3]);
      await versions.build(sameV3);
      commit = await appendHeld(writer, writers, 100);
      await writer.append('Cart-2', [add(4)]);
      expect(await versions.compare(sameV3)).toMatchObject({
        isSame: true,
        position: 3,
        tables: [{ rowsBefore: 2, rowsAfter: 2 }],
      });
      strictEqual((await writer.readAll().toArray()).length, 4);
    });
  });

  test('are worked on in turn: a statement that fails costs no other on its connection', async () => {
    const url = await databases.create();
    const storage = createPostgresStorage({ url });
    onTestFinished(() => storage.close());
    await storage.readModels?.prepareProjection(sumV1);
    await runSql(url, 'drop table mink_read.sum_v1 cascade');
    const settled = await storage.readModels?.withScratch({ timeout: 10_000 }, async ({ readModels, log }) =>
      Promise.allSettled([
        readModels.listRows(sumV1, { after: undefined, limit: 1 }),
        log.readBound(),
        log.readBound(),
      ]),
    );
    deepStrictEqual(
      settled?.map(({ status }) => status),
      ['rejected', 'fulfilled', 'fulfilled'],
    );
  });

  test('park beside what the database refuses', async () => {
    const url = await databases.create();
    const store = open(poolOf(url), [sumV1]);
    await store.append('Cart-0', [add(1)]);
    const versions = createProjectionVersions(store, [sumV1, sameV3], { batchSize: 2 });
    await versions.build(sameV3);
    await runSql(url, `alter table mink_read.sum_v3 add check ((document ->> 'sum')::int < 9)`);
    for (let n = 0; n < 60; n += 1) await store.append(`Cart-${n % 10}`, [add(n % 10 < 2 ? 3 : 1)]);
    const compared = await versions.compare(sameV3);
    const [nought, one] = [
      { key: 'Cart-0', position: 22, events: 4 },
      { key: 'Cart-1', position: 23, events: 4 },
    ];
    expect(compared).toMatchObject({ position: 61, errors: [nought, one], tables: [{ rowsAfter: 10, changed: 2 }] });
    deepStrictEqual(
      (await store.projections.list()).map(({ parkedKeys }) => parkedKeys),
      [0, 0],
    );
  });

  test('are the same as the log at any moment, whoever writes', { timeout: 90_000 }, async () => {
    const { random } = seedOf('versions of inline projections beside writers');
    const pick = (most: number): number => Math.floor(random() * most);
    const pool = poolOf(await databases.create());
    const store = open(pool, [sumV1, numbersV1]);
    await store.append('Cart-0', [add(0)]);
    const versions = createProjectionVersions(store, [sumV1, sameV3, numbersV1, numbersV2]);
    await versions.build(sameV3);
    await versions.build(numbersV2);
    const over = new AbortController();
    const write = async (): Promise<void> => {
      while (!over.signal.aborted) {
        const one = [add(pick(4)), ...(pick(6) === 0 ? [events.Cleared(null)] : [])];
        const streamName = `Cart-${pick(5)}` as const;
        if (pick(3) > 0) await store.append(streamName, one);
        else {
          await withTransaction(pool, async (tx) => {
            await store.append(streamName, one, { tx });
            await tx.query({ text: `select pg_sleep(${pick(20) / 1_000})` });
          });
        }
      }
    };
    const writers = Array.from({ length: 4 }, write);
    const positions: number[] = [];
    const compareAll = async (): Promise<void> => {
      for (let round = 0; round < 6; round += 1) {
        for (const version of [sameV3, numbersV2]) {
          const { isSame, tables, position } = await versions.compare(version);
          ok(isSame, JSON.stringify(tables));
          positions.push(position);
        }
        const { ok: isProven, tables } = await versions.verifyRows(round % 2 === 0 ? sumV1 : numbersV1);
        ok(isProven, JSON.stringify(tables));
      }
    };
    await Promise.all([compareAll().finally(() => over.abort()), ...writers]);
    ok(new Set(positions).size > 2, `nobody wrote meanwhile: ${positions.join()}`);
  });

  test('are found to be changed by hand, and nothing else is', async () => {
    const url = await databases.create();
    const store = open(poolOf(url), [numbersV1]);
    await store.append('Cart-1', [add(1), add(2), add(2), add(3)]);
    await runAll(store, [sumV1]);
    const versions = createProjectionVersions(store, [sumV1, numbersV1]);
    await runSql(url, `update mink_read.numbers_v1 set document = '{"positions":[2]}' where key = '2'`);
    await runSql(url, `delete from mink_read.numbers_v1 where key = '3'`);
    await runSql(
      url,
      `insert into mink_read.numbers_v1 (key, document, mink_position) values ('9', '{"positions":[]}', 1)`,
    );
    const found = await versions.verifyRows(numbersV1);
    expect(found).toMatchObject({
      ok: false,
      tables: [{ rowsBefore: 3, rowsAfter: 3, added: 1, removed: 1, changed: 1 }],
    });
    expect(found.tables[0]?.samples).toMatchObject([
      { key: '2', kind: 'changed', firstEvent: { globalPosition: 3 }, lastPosition: 3 },
      { key: '3', kind: 'added', firstEvent: { globalPosition: 4 } },
      { key: '9', kind: 'removed', firstEvent: undefined },
    ]);
    strictEqual((await store.projections.verify(sumV1)).ok, true);
    await runSql(url, `update mink_read.sum_v1 set document = '{"sum":9}'`);
    // What was applied is as it was; the rows are not.
    strictEqual((await store.projections.verify(sumV1)).ok, true);
    expect(await versions.verifyRows(sumV1)).toMatchObject({ ok: false, tables: [{ changed: 1 }] });
  });

  test('leave nothing behind when their proof is stopped in the middle', async () => {
    const url = await databases.create();
    const store = open(poolOf(url), [sumV1]);
    for (let n = 0; n < 20; n += 1) await store.append(`Cart-${n}`, [add(1)]);
    const stop = new AbortController();
    const seen: number[] = [];
    const stopped = createProjectionVersions(store, [sumV1], { batchSize: 1 }).verifyRows(sumV1, {
      rate: 5,
      signal: stop.signal,
      onProgress: ({ events: applied }) => {
        seen.push(applied);
        if (applied > 0) stop.abort(new Error('enough'));
      },
    });
    await rejects(stopped, /enough/u);
    ok((seen.at(-1) ?? 20) < 20, 'it was over before it was stopped');
    deepStrictEqual(await runSql(url, 'select version from mink.projections where retired_at is null'), [
      { version: 1 },
    ]);
    const [tables] = await runSql(url, `select count(*)::int n from pg_tables where schemaname = 'mink_read'`);
    deepStrictEqual(tables, { n: 1 });
  });

  test('of a handler that writes SQL are proven, too, while an engine works on them', async () => {
    const url = await databases.create();
    const store = open(poolOf(url), []);
    const lines = defineSqlProjection({
      name: 'lines',
      events: { Cart: events },
      types: ['Added'],
      tables: { lines: { columns: { position: column.integer(), n: column.integer() }, key: 'position' } },
      apply: async (batch, tx) => {
        for (const { globalPosition, data } of batch)
          await tx.query(`insert into ${tx.tables.lines} values ($1, $2)`, [globalPosition, data.n]);
      },
    });
    await using engine = createProjectionEngine(store, [lines]);
    await engine.start();
    await store.append('Cart-1', [add(1), add(2)]);
    await engine.waitFor(2);
    const versions = createProjectionVersions(store, [lines]);
    expect(await versions.verifyRows(lines)).toMatchObject({ ok: true, tables: [{ name: 'lines', rowsBefore: 2 }] });
    await runSql(url, 'update mink_read.lines_v1_lines set n = 7 where position = 2');
    const found = await versions.verifyRows(lines);
    expect(found).toMatchObject({ ok: false, tables: [{ changed: 1 }] });
    deepStrictEqual(found.tables[0]?.samples[0]?.changes, [{ path: 'n', before: 7, after: 2 }]);
  });
});
