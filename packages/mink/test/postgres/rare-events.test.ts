import { deepStrictEqual, ok, strictEqual } from 'node:assert';
import { Pool } from 'pg';
import { beforeAll, test } from 'vitest';
import { createPostgresStore } from '../../src/postgres/index.ts';
import { readLogQuery, withinWindow } from '../../src/postgres/queries/read-log.ts';
import { schemaName } from '../../src/postgres/schema-name.ts';
import { describePostgres, openClient, runSql } from '../support/databases.ts';

const COUNT = 120_000;
const nothing = { types: undefined, categories: undefined, streamNames: undefined, streamPrefixes: undefined };

describePostgres('events that are rare in a long log', (databases) => {
  let url: string;

  beforeAll(async () => {
    url = await databases.create();
    await using store = createPostgresStore({ url });
    const batch = Array.from({ length: 10_000 }, () => ({ type: 'Common', data: null }));
    await store.append('Common-1', [{ type: 'Rare', data: 'first' }]);
    for (let n = 0; n < COUNT; n += batch.length) await store.append('Common-1', batch);
    await store.append('Common-1', [{ type: 'Rare', data: 'last' }]);
    await store.append('Other-1', [{ type: 'Common', data: null }]);
  });

  test('are found in both directions, past windows in which there is none', async () => {
    await using store = createPostgresStore({ url });
    const rare = await store.readAll({ types: ['Rare'] }).toArray();
    deepStrictEqual(
      rare.map(({ data }) => data),
      ['first', 'last'],
    );
    const backwards = await store.readAll({ types: ['Rare'], direction: 'backwards' }).toArray();
    deepStrictEqual(
      backwards.map(({ data }) => data),
      ['last', 'first'],
    );
    strictEqual(
      (await store.readAll({ streamPrefixes: ['Common-1', 'Missing-'], types: ['Rare'] }).toArray()).length,
      2,
    );
    deepStrictEqual(await store.readAll({ types: ['Missing'] }).toArray(), []);
  });

  test('no statement looks at more than a window, whatever it searches for', async () => {
    const client = await openClient(url);
    const filters = [
      { ...nothing, types: ['Missing'] },
      { ...nothing, streamNames: ['Common-2'] },
      { ...nothing, categories: ['Common'], types: ['Missing'] },
      { ...nothing, streamPrefixes: ['Common-9'] },
      { ...nothing, categories: ['Missing'] },
    ];
    for (const filter of filters) {
      for (const direction of ['forwards', 'backwards'] as const) {
        const query = withinWindow({ after: 0, upTo: COUNT + 3, filter, direction, limit: 1000 });
        const { text, values } = readLogQuery(schemaName(), query);
        const { rows } = await client.query<{ 'QUERY PLAN': string }>({
          text: `explain (analyze, costs off, timing off, summary off) ${text}`,
          values: [...values],
        });
        const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
        ok(!plan.includes('Seq Scan on events'), plan);
        const filtered = [...plan.matchAll(/Rows Removed by Filter: (\d+)/gu)].map(([, count]) => Number(count));
        ok(Math.max(0, ...filtered) <= 50_000, plan);
      }
    }
    await client.end();
  });

  test('a search does not walk through positions at which there is nothing', async () => {
    const own = await databases.create();
    await runSql(own, "select setval('mink.global_position', (2 ^ 40)::bigint)");
    let statements = 0;
    const pool = new Pool({ connectionString: own });
    pool.on('acquire', () => {
      statements += 1;
    });
    await using store = createPostgresStore({ pool });
    await store.append('Common-1', [{ type: 'Common', data: null }]);
    await runSql(own, "select setval('mink.global_position', (2 ^ 41)::bigint)");
    await store.append('Common-1', [{ type: 'Rare', data: null }]);
    statements = 0;
    for (const direction of ['forwards', 'backwards'] as const) {
      strictEqual((await store.readAll({ types: ['Rare'], direction }).toArray()).length, 1);
    }
    ok(statements < 20, `${statements} statements`);
    await store.close();
    await pool.end();
  });

  test('a search can be given up in its middle', async () => {
    await using store = createPostgresStore({ url });
    const stop = new AbortController();
    const searching = store.readAll({ types: ['Missing'], signal: stop.signal }).toArray();
    stop.abort(new Error('enough'));
    const outcome = await searching.then(
      () => 'went on',
      (error: unknown) => (error instanceof Error ? error.message : ''),
    );
    strictEqual(outcome, 'enough');
  });

  test('a subscription that waits for them looks at new positions only', async () => {
    await using store = createPostgresStore({ url, pollInterval: 5 });
    const stop = new AbortController();
    const found: unknown[] = [];
    const reading = (async () => {
      for await (const { data } of store.subscribe({ types: ['Rare'], after: COUNT, signal: stop.signal })) {
        found.push(data);
        if (data === 'new') stop.abort();
      }
    })();
    for (let n = 0; n < 50; n += 1) await store.append('Other-1', [{ type: 'Common', data: n }]);
    await store.append('Other-1', [{ type: 'Rare', data: 'new' }]);
    await reading;
    deepStrictEqual(found, ['last', 'new']);
  });
});
