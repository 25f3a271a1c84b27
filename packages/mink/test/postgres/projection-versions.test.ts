import { deepStrictEqual, ok, rejects, strictEqual } from 'node:assert';
import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test, vi } from 'vitest';
import {
  column,
  createEventStore,
  createProjectionEngine,
  createProjectionVersions,
  defineEvents,
  defineProjection,
  defineSqlProjection,
  documents,
  payload,
  table,
} from '../../src/index.ts';
import type { LogReader } from '../../src/core/index.ts';
import { createPostgresStorage, createPostgresStore } from '../../src/postgres/index.ts';
import { storageWith } from '../support/storage-with.ts';
import { describePostgres, openClient, runSql } from '../support/databases.ts';
import { add, events, runAll, sameV3, sumV1, sumV2, type Store } from '../versions/version-rules.ts';

function support(name: string): string {
  return fileURLToPath(new URL(`../support/${name}`, import.meta.url));
}

function start(program: string, args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, [support(program), ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

/** Reads a view in a loop, until it is stopped; every row sum must be at least the last one. */
async function readAllTheTime(url: string, sql: string, stop: AbortSignal): Promise<number> {
  const client = await openClient(url);
  try {
    let last = 0;
    let reads = 0;
    for (; !stop.aborted; reads += 1) {
      const { rows } = await client.query<{ n: string }>(sql);
      const now = Number(rows[0]?.n);
      ok(now >= last, `it read ${now} after ${last}`);
      last = now;
    }
    return reads;
  } finally {
    await client.end();
  }
}

async function appendAllTheTime(store: Store, stop: AbortSignal): Promise<number> {
  let n = 0;
  for (; !stop.aborted; n += 1) await store.append(`Cart-${n % 7}`, [add(1)]);
  return n;
}

const cartEvents = defineEvents({ Numbered: payload<{ n: number }>() });
/** What support/versions.js defines for the processes. */
const countV1 = defineProjection({
  name: 'cart-count',
  events: { Cart: cartEvents },
  readModel: documents<{ count: number }>(),
}).on({ Numbered: (cart) => ({ count: (cart?.count ?? 0) + 1 }) });
const countV2 = defineProjection({
  name: 'cart-count',
  version: 2,
  events: { Cart: cartEvents },
  readModel: documents<{ count: number; total: number }>({ fields: { total: column.integer() } }),
}).on({
  Numbered: (cart, { data }) => ({ count: (cart?.count ?? 0) + 1, total: (cart?.total ?? 0) + data.n }),
});

describePostgres('versions of a projection', (databases) => {
  const open = (url: string): Store => createPostgresStore({ url, categories: { Cart: events } });

  test(
    'are switched, back and forth and rebuilt, while readers of the view never fail nor go back',
    { timeout: 90_000 },
    async () => {
      const url = await databases.create();
      await using store = open(url);
      await store.append('Cart-1', [add(1)]);
      await using engine = createProjectionEngine(store, [sumV1, sumV2], { batchSize: 10 });
      await engine.start();
      await engine.waitFor(1);
      const versions = createProjectionVersions(store, [sumV1, sumV2]);
      const stop = new AbortController();
      const reading = [1, 2, 3].map((n) =>
        readAllTheTime(
          url,
          // One prepares nothing, one asks for all columns, one for what both have.
          n === 2
            ? `select coalesce(sum((r.document->>'sum')::int), 0) as n from (select * from mink_read.sum) r`
            : `select coalesce(sum((document->>'sum')::int), 0) as n from mink_read.sum`,
          stop.signal,
        ),
      );
      const appending = appendAllTheTime(store, stop.signal);
      for (let round = 0; round < 2; round += 1) {
        strictEqual((await versions.switchTo(sumV2)).from, 1);
        await versions.rebuild(sumV2);
        strictEqual((await versions.rollback(sumV1)).to, 1);
        await versions.rebuild(sumV1);
      }
      stop.abort();
      const [reads, appended] = [await Promise.all(reading), await appending];
      ok(Math.min(...reads) > 20, `${reads.join(', ')} reads`);
      const { position } = await store.readBound();
      await engine.waitFor(position);
      const [row] = await runSql(url, `select sum((document->>'sum')::int)::int as n from mink_read.sum`);
      strictEqual(row?.['n'], appended + 1);
      const stored = await store.projections.list();
      deepStrictEqual(
        stored.map((it) => it.events),
        [appended + 1, appended + 1],
      );
      const digests = await runSql(url, 'select sum(count)::int as n from mink.projection_digests group by version');
      deepStrictEqual(digests, [{ n: appended + 1 }, { n: appended + 1 }]);
      const [left] = await runSql(
        url,
        `select count(*)::int as n from pg_class where relnamespace = 'mink_read'::regnamespace and relname like '%shadow__'`,
      );
      strictEqual(left?.['n'], 0);
    },
  );

  test('keep the rights to their view, and the views that others have made of it', async () => {
    const url = await databases.create();
    await using store = open(url);
    await store.append('Cart-1', [add(1)]);
    await runAll(store, [sumV1, sumV2]);
    const role = `reader_${process.pid}_${Date.now()}`;
    await runSql(url, `create role ${role}`);
    await runSql(url, `grant select on mink_read.sum to ${role} with grant option`);
    await runSql(url, 'grant select on mink_read.sum to public');
    await runSql(url, 'create view public.mine as select key from mink_read.sum');
    const rights = () =>
      runSql(
        url,
        `select grantee::regrole::text as who, privilege_type as what, is_grantable as may_grant
        from pg_class c cross join aclexplode(c.relacl)
        where c.oid = 'mink_read.sum'::regclass and grantee <> c.relowner
        order by 1, 2`,
      );
    const before = await rights();
    strictEqual(before.length, 2);
    const versions = createProjectionVersions(store, [sumV1, sumV2]);
    // Another column is added, and its view can stay.
    await versions.switchTo(sumV2);
    deepStrictEqual(await rights(), before);
    deepStrictEqual(await runSql(url, 'select * from public.mine'), [{ key: 'Cart-1' }]);
    // It is taken away, and the view must be made anew: what others have made of it stands in the way.
    await rejects(versions.rollback(sumV1), { code: 'DATABASE_ERROR', sqlState: '2BP01' });
    strictEqual(await store.projections.liveVersion('sum'), 2);
    await runSql(url, 'drop view public.mine');
    await versions.rollback(sumV1);
    deepStrictEqual(await rights(), before);
    deepStrictEqual(Object.keys((await runSql(url, 'select * from mink_read.sum'))[0] ?? {}), ['key', 'document']);
    await runSql(url, `drop owned by ${role}; drop role ${role}`);
  });

  test('a build that is killed goes on from where it was, and applies nothing twice', { timeout: 60_000 }, async () => {
    const url = await databases.create();
    await using store = createPostgresStore({ url });
    for (let n = 0; n < 10; n += 1) {
      await store.append(
        `Cart-${n % 3}`,
        Array.from({ length: 30 }, () => ({ type: 'Numbered', data: { n: 1 } })),
      );
    }
    const args = [url, '500'];
    const child = start('run-build.js', [...args, '100']);
    const applied = async (): Promise<number> => {
      const rows = await runSql(url, 'select events::int as n from mink.projection_partitions where version = 2');
      return Number(rows[0]?.['n'] ?? 0);
    };
    // The first version of a name would be live at once: it is another one that is.
    await vi.waitUntil(async () => (await applied()) >= 50, { timeout: 20_000, interval: 20 });
    child.kill('SIGKILL');
    await once(child, 'exit');
    const before = await applied();
    ok(before >= 50 && before < 300, `${before} were applied`);
    const next = start('run-build.js', [...args, '100000']);
    const [code] = await once(next, 'exit');
    strictEqual(code, 0);
    strictEqual(await applied(), 300);
    const rows = await runSql(
      url,
      'select key, document, total::int as total from mink_read.cart_count_v2 order by key',
    );
    deepStrictEqual(
      rows,
      [120, 90, 90].map((count, n) => ({ key: `Cart-${n}`, document: { count, total: count }, total: count })),
    );
  });

  test(
    'are deployed one process after the other: no request fails, no event is applied twice',
    { timeout: 90_000 },
    async () => {
      const url = await databases.create();
      await using store = createPostgresStore({ url });
      await store.readBound();
      const outputs = new Map<ChildProcess, string>();
      const deploy = async (code: 'old' | 'new', seed: number): Promise<ChildProcess> => {
        const child = start('run-deployment.js', [url, code, String(seed)]);
        child.stdout?.setEncoding('utf8').on('data', (text: string) => {
          outputs.set(child, (outputs.get(child) ?? '') + text);
        });
        await vi.waitUntil(() => (outputs.get(child) ?? '').includes('ready\n'), { timeout: 20_000, interval: 20 });
        return child;
      };
      const results: { readonly requests: number; readonly failures: readonly string[] }[] = [];
      const end = async (child: ChildProcess): Promise<void> => {
        child.kill('SIGTERM');
        await once(child, 'exit');
        const [, result = '{}'] = (outputs.get(child) ?? '').split('\n');
        results.push(JSON.parse(result));
      };
      const stop = new AbortController();
      const blue = [await deploy('old', 0), await deploy('old', 1)];
      const view = `select coalesce(sum((document->>'count')::int), 0) as n from mink_read.cart_count`;
      const reading = readAllTheTime(url, view, stop.signal);
      reading.catch(() => undefined);
      // New code comes beside the old one, and builds its version; one old process dies meanwhile.
      const green = [await deploy('new', 2)];
      blue[0]?.kill('SIGKILL');
      const versions = createProjectionVersions(store, [countV1, countV2]);
      await versions.build(countV2);
      const compared = await versions.compare(countV2);
      expect(compared).toMatchObject({ isSame: false, tables: [{ added: 0, removed: 0, columnsAdded: ['total'] }] });
      const [difference] = compared.tables[0]?.samples ?? [];
      deepStrictEqual(
        difference?.changes.map(({ path }) => path),
        ['total'],
      );
      await versions.switchTo(countV2);
      green.push(await deploy('new', 3));
      await versions.rollback(countV1);
      await versions.switchTo(countV2);
      if (blue[1] !== undefined) await end(blue[1]);
      await versions.retire(countV1, { isForced: true });
      const after = (await store.readBound()).position;
      await vi.waitUntil(async () => (await store.readBound()).position > after + 20, {
        timeout: 20_000,
        interval: 20,
      });
      for (const child of green) await end(child);
      stop.abort();
      ok((await reading) > 20);
      deepStrictEqual(
        results.flatMap(({ failures }) => failures),
        [],
      );
      ok(
        results.every(({ requests }) => requests > 5),
        JSON.stringify(results),
      );
      await versions.build(countV2);
      const { position } = await store.readBound();
      const [row] = await runSql(url, view.replace(') as n', ')::int as n'));
      strictEqual(row?.['n'], position);
      const list = await store.projections.list();
      deepStrictEqual(
        list.map((it) => [it.version, it.isLive, it.events]),
        [[2, true, position]],
      );
    },
  );

  test('are compared without disturbing the live one, which goes on', { timeout: 60_000 }, async () => {
    const url = await databases.create();
    await using store = open(url);
    for (let n = 0; n < 5; n += 1) await store.append(`Cart-${n}`, [add(1), add(7)]);
    await runAll(store, [sumV1, sumV2, sameV3]);
    await using engine = createProjectionEngine(store, [sumV1], { batchSize: 5 });
    await engine.start();
    const lease = () => runSql(url, 'select owner, epoch from mink.projection_partitions where version = 1');
    const before = await lease();
    const stop = new AbortController();
    const appending = appendAllTheTime(store, stop.signal);
    const versions = createProjectionVersions(store, [sumV1, sumV2, sameV3]);
    const positions: number[] = [];
    for (let round = 0; round < 5; round += 1) {
      const same = await versions.compare(sameV3);
      expect(same).toMatchObject({ isSame: true, against: 1 });
      positions.push(same.position);
      expect(await versions.compare(sumV2)).toMatchObject({ isSame: false, tables: [{ added: 0, removed: 0 }] });
    }
    stop.abort();
    const appended = await appending;
    deepStrictEqual(await lease(), before);
    ok(new Set(positions).size === 5, `it was compared at ${positions.join(', ')}`);
    // Neither has kept anything of it.
    const stored = await store.projections.list();
    deepStrictEqual(
      stored.filter(({ version }) => version > 1).map((it) => [it.position, it.events]),
      [
        [10, 10],
        [10, 10],
      ],
    );
    await engine.waitFor(10 + appended);
  });

  test('are compared by what is in every column, wherever somebody has changed it', async () => {
    const url = await databases.create();
    await using store = open(url);
    const define = (version: number) =>
      defineSqlProjection({
        name: 'lines',
        version,
        events: { Cart: events },
        types: ['Added'],
        tables: {
          numbers: {
            columns: {
              cart: column.text(),
              n: column.integer(),
              at: column.timestamp(),
              data: column.nullable(column.json()),
            },
            key: ['cart', 'n'],
          },
          carts: { columns: { cart: column.text(), share: column.number(), isBig: column.boolean() }, key: 'cart' },
        },
        apply: async (batch, tx) => {
          for (const { streamName, data } of batch) {
            await tx.query(
              `insert into ${tx.tables.numbers} (cart, n, at, data) values ($1, $2, '2026-01-02T03:04:05.678Z', $3)`,
              [streamName, data.n, data.n === 2 ? null : JSON.stringify({ n: data.n })],
            );
            await tx.query(
              `insert into ${tx.tables.carts} ("cart", "share", "isBig") values ($1, 0.1, $2)
              on conflict (cart) do update set "isBig" = excluded."isBig"`,
              [streamName, data.n > 2],
            );
          }
        },
      });
    const [one, two] = [define(1), define(2)];
    await store.append('Cart-1', [add(1), add(2)]);
    await store.append('Cart-2', [add(3)]);
    await runAll(store, [one]);
    const versions = createProjectionVersions(store, [one, two]);
    await versions.build(two);
    // The comparison applies what the other one lacks, in its own transaction.
    await store.append('Cart-3', [add(4)]);
    await runAll(store, [one]);
    expect(await versions.compare(two)).toMatchObject({ isSame: true, tables: [{ rowsAfter: 4 }, { rowsAfter: 3 }] });
    deepStrictEqual(await runSql(url, 'select count(*)::int as n from mink_read.lines_v2_numbers'), [{ n: 3 }]);
    const changes = [
      [`update mink_read.lines_v2_numbers set at = at + interval '1 millisecond' where n = 1`, 'at'],
      [`update mink_read.lines_v2_numbers set data = '{"n": 5}' where n = 2`, 'data'],
      [`update mink_read.lines_v2_numbers set data = '{"n": 3.0}' where n = 3`, undefined],
      [`update mink_read.lines_v2_numbers set data = '{"n": 4}' where n = 3`, 'data.n'],
      [`update mink_read.lines_v2_carts set share = 0.1000000001 where cart = 'Cart-1'`, 'share'],
      [`update mink_read.lines_v2_carts set "isBig" = false where cart = 'Cart-2'`, 'isBig'],
    ] as const;
    const expected = new Set<string>();
    for (const [sql, path] of changes) {
      await runSql(url, sql);
      if (path !== undefined) expected.add(path);
      const { tables } = await versions.compare(two);
      const paths = tables.flatMap(({ samples }) => samples.flatMap((it) => it.changes.map((change) => change.path)));
      deepStrictEqual(new Set(paths), expected);
    }
    await runSql(url, `delete from mink_read.lines_v2_carts where cart = 'Cart-2'`);
    await runSql(url, `insert into mink_read.lines_v2_carts (cart, share, "isBig") values ('Cart-9', 1, true)`);
    const { tables } = await versions.compare(two, { samples: 1 });
    expect(tables).toMatchObject([
      {
        name: 'numbers',
        changed: 3,
        samples: [{ key: '{"cart":"Cart-1","n":1}', kind: 'changed', lastPosition: undefined }],
      },
      { name: 'carts', added: 1, removed: 1, changed: 1, samples: [{ key: 'Cart-1' }] },
    ]);
  });

  test('are compared where documents have other orders of members, or what no jsonb can hold', async () => {
    const url = await databases.create();
    await using store = open(url);
    const define = (version: number, document: (n: number) => Record<string, unknown>) =>
      defineProjection({
        name: 'odd',
        version,
        events: { Cart: events },
        readModel: documents<Record<string, unknown>>(),
      }).on({ Added: (_, { data }) => document(data.n) });
    const text = '\ud800 a\u0000b \\u0000 \\\u0000 \u{1F600}';
    const one = define(1, (n) => ({ a: n, b: [1, 2], text }));
    const two = define(2, (n) => ({ text, b: [1, 2], a: n }));
    const plain = define(3, (n) => ({ a: n, b: [1, 2], text: n === 1 ? text : text.replace('\u0000', '') }));
    const turned = define(4, (n) => ({ text: n === 1 ? text : text.replace('\u0000', ''), b: [1, 2], a: n }));
    await store.append('Cart-1', [add(1)]);
    await store.append('Cart-2', [add(2)]);
    await runAll(store, [one, two, plain, turned]);
    const versions = createProjectionVersions(store, [one, two, plain, turned]);
    expect(await versions.compare(plain)).toMatchObject({ tables: [{ changed: 1, samples: [{ key: 'Cart-2' }] }] });
    expect(await versions.compare(turned, { against: 3 })).toMatchObject({ isSame: true });
    expect(await versions.compare(two)).toMatchObject({ isSame: true });
  });

  test('with other keys have no row in common', async () => {
    const url = await databases.create();
    await using store = open(url);
    const one = defineProjection({
      name: 'keyed',
      events: { Cart: events },
      readModel: table({ key: 'cart', columns: { cart: column.text(), n: column.integer() } }),
    }).on({ Added: (_, { streamName, data }) => ({ cart: streamName, n: data.n }) });
    const two = defineProjection({
      name: 'keyed',
      version: 2,
      events: { Cart: events },
      readModel: table({ key: 'id', columns: { id: column.text(), n: column.text() } }),
      key: (event) => (event.type === 'Added' ? String(event.data.n) : null),
    }).on({ Added: (_row, _event, key) => ({ id: key, n: key }) });
    await store.append('Cart-1', [add(1), add(2)]);
    await runAll(store, [one, two]);
    expect((await createProjectionVersions(store, [one, two]).compare(two)).tables).toMatchObject([
      { added: 2, removed: 1, changed: 0, columnsAdded: ['id'], columnsRemoved: ['cart'], columnsChanged: ['n'] },
    ]);
  });

  test('in several partitions, each at its own position, are compared slot by slot', async () => {
    const url = await databases.create();
    await using store = open(url);
    for (let n = 0; n < 20; n += 1) await store.append(`Cart-${n}`, [add(n)]);
    await runAll(store, [sumV1]);
    await store.projections.partition(sumV1, 2);
    for (let n = 0; n < 20; n += 1) await store.append(`Cart-${n}`, [add(n)]);
    // One half stays where it is.
    await runSql(
      url,
      `update mink.projection_partitions set owner = 'held', expires_at = 'infinity' where version = 1 and from_slot = 0`,
    );
    const versions = createProjectionVersions(store, [sumV1, sameV3, sumV2]);
    await versions.build(sameV3);
    await using engine = createProjectionEngine(store, [sumV1]);
    await engine.start();
    await vi.waitUntil(
      async () => {
        const [row] = await runSql(
          url,
          'select max(position)::int as n from mink.projection_partitions where version = 1',
        );
        return Number(row?.['n']) > 35;
      },
      { timeout: 20_000, interval: 20 },
    );
    await engine.close();
    // It is further than the half that is held: nobody works on that.
    await runSql(url, `update mink.projection_partitions set owner = null where version = 1 and from_slot = 0`);
    expect(await versions.compare(sameV3)).toMatchObject({ isSame: true, tables: [{ rowsBefore: 20, rowsAfter: 20 }] });
    const without = createProjectionVersions(store, [sameV3]);
    await rejects(without.compare(sameV3), { code: 'PROJECTION_VERSION_BEHIND', version: 1 });
    const rows = await runSql(url, 'select from_slot, to_slot from mink.projection_partitions where version = 3');
    deepStrictEqual(rows, [{ from_slot: 0, to_slot: 1024 }]);
  });

  test('are compared again where somebody has changed a row since', async () => {
    const url = await databases.create();
    let hasChanged = false;
    let isComparing = false;
    const storage = createPostgresStorage({ url });
    const { readModels } = storage;
    ok(readModels !== undefined);
    const withScratch = readModels.withScratch.bind(readModels);
    readModels.withScratch = (options, work) =>
      withScratch(options, (scratch) => {
        const readLogPage: LogReader['readLogPage'] = async (query) => {
          if (isComparing && !hasChanged) {
            hasChanged = true;
            await runSql(url, `update mink_read.sum_v3 set mink_is_stale = true where key = 'Cart-1'`);
          }
          return scratch.log.readLogPage(query);
        };
        return work({ ...scratch, log: { ...scratch.log, readLogPage } });
      });
    await using store = createEventStore(storage, { categories: { Cart: events } });
    await store.append('Cart-1', [add(1)]);
    await runAll(store, [sumV1, sameV3]);
    await store.append('Cart-1', [add(2)]);
    await runAll(store, [sumV1]);
    isComparing = true;
    const versions = createProjectionVersions(store, [sumV1, sameV3]);
    expect(await versions.compare(sameV3)).toMatchObject({ isSame: true, position: 2 });
    ok(hasChanged);
  });

  test('are retired in the middle of a batch, whose worker has not failed', async () => {
    const url = await databases.create();
    const postgres = createPostgresStorage({ url });
    await using store = createEventStore(postgres, { categories: { Cart: events } });
    await runAll(store, [sumV1, sumV2]);
    const versions = createProjectionVersions(store, [sumV1, sumV2]);
    await versions.switchTo(sumV2);
    const { readModels } = postgres;
    if (readModels === undefined) throw new Error('it has none');
    let isRetired = false;
    const commitProjection: typeof readModels.commitProjection = async (commit) => {
      if (!isRetired) await versions.retire(sumV1, { isForced: true });
      isRetired = true;
      return readModels.commitProjection(commit);
    };
    const storage = storageWith(postgres, {
      readModels: new Proxy(readModels, {
        get: (target, name) => {
          if (name === 'commitProjection') return commitProjection;
          const value: unknown = Reflect.get(target, name);
          return typeof value === 'function' ? value.bind(target) : value;
        },
      }),
    });
    const errors: unknown[] = [];
    const classify = (error: unknown) => void errors.push(error);
    const other = createEventStore(storage, { categories: { Cart: events } });
    await using engine = createProjectionEngine(other, [sumV1], { leaseDuration: 900, classify });
    await engine.start();
    await store.append('Cart-1', [add(1)]);
    await expect.poll(() => isRetired).toBe(true);
    await expect.poll(async () => (await engine.status())[0]?.state).toBe('retired');
    await engine.close();
    deepStrictEqual(errors, []);
  });

  test('are not compared for longer than they may be', async () => {
    const url = await databases.create();
    await using store = open(url);
    const define = (version: number) =>
      defineSqlProjection({
        name: 'slow',
        version,
        events: { Cart: events },
        tables: { rows: { columns: { id: column.text() }, key: 'id' } },
        apply: async (batch, tx) => {
          await tx.query(`select pg_sleep($1)`, [version === 2 && batch[0]?.streamName === 'Cart-2' ? 30 : 0]);
        },
      });
    const [one, two] = [define(1), define(2)];
    await store.append('Cart-1', [add(1)]);
    await runAll(store, [one, two]);
    await store.append('Cart-2', [add(2)]);
    await runAll(store, [one]);
    const versions = createProjectionVersions(store, [one, two]);
    await rejects(versions.compare(two, { timeout: 300 }), {
      code: 'COMPARE_TIMEOUT',
      projection: 'slow',
      timeout: 300,
    });
    deepStrictEqual(
      (await store.projections.list()).map((it) => [it.position, it.owner]),
      [
        [2, undefined],
        [1, undefined],
      ],
    );
  });

  test('go on when whoever switches them is frozen in the middle of it', { timeout: 60_000 }, async () => {
    const url = await databases.create();
    await using store = open(url);
    await store.append('Cart-1', [add(1)]);
    await runAll(store, [sumV1, sameV3]);
    const storage = createPostgresStorage({ url });
    const { readModels } = storage;
    ok(readModels);
    let wake: (() => void) | undefined;
    const frozen = readModels.switchProjection({
      name: 'sum',
      from: 1,
      to: 3,
      isReady: () =>
        new Promise((resolve) => {
          wake = resolve;
        }),
    });
    const refused = rejects(frozen, { code: 'DATABASE_UNAVAILABLE' });
    await expect.poll(() => wake).toBeDefined();
    await store.append('Cart-1', [add(2)]);
    await runAll(store, [sumV1]);
    strictEqual((await store.projections.readModel(sumV1).get('Cart-1'))?.sum, 3);
    wake?.();
    await refused;
    strictEqual(await store.projections.liveVersion('sum'), 1);
    await storage.close();
  });

  test('are not made anew by a rebuild whose shadow somebody has dropped', async () => {
    const url = await databases.create();
    await using store = open(url);
    for (let n = 0; n < 20; n += 1) await store.append('Cart-1', [add(1)]);
    await runAll(store, [sumV1]);
    const versions = createProjectionVersions(store, [sumV1], { leaseDuration: 300 });
    const storage = createPostgresStorage({ url });
    const { readModels } = storage;
    ok(readModels);
    let shadow: number | undefined;
    const rebuild = versions.rebuild(sumV1, {
      batchSize: 1,
      rate: 2,
      onProgress: ({ version }) => {
        shadow = version;
      },
    });
    const refused = rejects(rebuild, { code: 'PROJECTION_VERSION_UNKNOWN', message: /The shadow .* is gone/u });
    await expect.poll(() => shadow).toBeLessThan(0);
    await readModels.dropShadow({ name: 'sum', version: shadow ?? 0 });
    await refused;
    deepStrictEqual(await readModels.listShadows(), []);
    const tables = `select relname from pg_class where relnamespace = 'mink_read'::regnamespace and relkind = 'r'`;
    deepStrictEqual(await runSql(url, tables), [{ relname: 'sum_v1' }]);
    await storage.close();
  });

  test('leave nothing behind when one is emptied that somebody has begun to retire', async () => {
    const url = await databases.create();
    await using store = open(url);
    await store.append('Cart-1', [add(1), add(2)]);
    await runAll(store, [sumV1]);
    const versions = createProjectionVersions(store, [sumV1, sumV2]);
    await versions.build(sumV2);
    const lock = createHash('sha256').update('read models of mink').digest().readInt32BE();
    const client = await openClient(url);
    await client.query('select pg_advisory_lock($1)', [lock]);
    const waiting = async (): Promise<unknown> => {
      const [row] = await runSql(
        url,
        `select count(*)::int as n from pg_locks where locktype = 'advisory' and not granted
           and database = (select oid from pg_database where datname = current_database())`,
      );
      return row?.['n'];
    };
    const retired = versions.retire(sumV2, { isForced: true });
    await expect.poll(waiting).toBe(1);
    // It is not retired yet, and will be when the tables are looked at.
    const reset = store.projections.reset(sumV2).catch((error: unknown) => error);
    await expect.poll(waiting).toBe(2);
    await client.end();
    await retired;
    expect(await reset).toBeInstanceOf(Error);
    const tables = await runSql(url, `select tablename from pg_tables where schemaname = 'mink_read'`);
    deepStrictEqual(tables, [{ tablename: 'sum_v1' }]);
  });

  test('leave nothing behind when a comparison or a rebuild dies', async () => {
    const url = await databases.create();
    await using store = open(url);
    await store.append('Cart-1', [add(1), add(2)]);
    await runAll(store, [sumV1]);
    const versions = createProjectionVersions(store, [sumV1]);
    const stop = new AbortController();
    await rejects(
      versions.rebuild(sumV1, { batchSize: 1, rate: 2, signal: stop.signal, onProgress: () => stop.abort() }),
    );
    const shadows = () =>
      runSql(
        url,
        `select relname as name from pg_class where relnamespace = 'mink_read'::regnamespace and relname like '%shadow__'`,
      );
    deepStrictEqual(await shadows(), [{ name: 'sum_shadow_1' }]);
    // It may be somebody's who has just begun.
    strictEqual(await versions.dropShadows(), 0);
    await runSql(
      url,
      `update mink.projections set shadow_for = 'what_if', created_at = now() - interval '2 minutes' where version < 0`,
    );
    expect(await versions.whatIf(sumV1)).toMatchObject({ isSame: true });
    deepStrictEqual(await shadows(), []);
    const kept = 'select version from mink.projections where retired_at is null';
    deepStrictEqual(await runSql(url, kept), [{ version: 1 }]);
  });
});
