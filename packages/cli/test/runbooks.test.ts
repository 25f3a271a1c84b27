import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  createHealth,
  createMetrics,
  createProjectionEngine,
  defineDecider,
  defineEvents,
  defineProjection,
  documents,
  payload,
} from 'mink';
import { createPostgresStore } from 'mink/postgres';
import { Client, Pool } from 'pg';
import { describe, expect, test } from 'vitest';
import { useDatabase } from './support/database.ts';
import { project } from './support/project.ts';
import { runMink } from './support/run-mink.ts';

const folder = fileURLToPath(new URL('../../../docs/runbooks/', import.meta.url));
const database = useDatabase();

const orderEvents = defineEvents({ ItemAdded: payload<{ sku: string }>() });
const item = (sku: string) => orderEvents.ItemAdded({ sku });
/** The code as it was when things went wrong: it cannot handle some items. */
const orderList = defineProjection({
  name: 'order-list',
  events: { Order: orderEvents },
  readModel: documents<{ items: number }>(),
}).on({
  ItemAdded: (order, { data }) => {
    if (data.sku === 'odd') throw new Error('an odd item');
    return { items: (order?.items ?? 0) + 1 };
  },
});
const order = defineDecider({
  category: 'Order',
  events: orderEvents,
  initialState: () => ({ items: 0 }),
  evolve: (state) => ({ items: state.items + 1 }),
  decide: (_command: { type: 'add' }) => item('a'),
  snapshots: { schemaVersion: 1 },
});

/** The code as it was mended, with a second version of the projection, as the config file has it. */
const CONFIG = (url: string, schema: string) => `
import { defineDecider, defineEvents, defineProjection, documents, payload } from 'mink';
import { createPostgresStore } from 'mink/postgres';
const events = defineEvents({ ItemAdded: payload() });
const counted = (name, version, add) =>
  defineProjection({ name, version, events: { Order: events }, readModel: documents() }).on({
    ItemAdded: (row) => ({ items: (row?.items ?? 0) + 1, ...add }),
  });
export const url = ${JSON.stringify(url)};
export const schema = ${JSON.stringify(schema)};
export const store = createPostgresStore({ url, schema, categories: { Order: events } });
export const projections = [
  counted('order-list', 1, {}),
  counted('cart-summary', 1, {}),
  counted('cart-summary', 2, { isNew: true }),
];
export const deciders = [
  defineDecider({
    category: 'Order',
    events,
    initialState: () => ({ items: 0 }),
    evolve: (state) => ({ items: state.items + 1 }),
    decide: () => [],
    snapshots: { schemaVersion: 1 },
  }),
];
`;

interface Step {
  readonly language: string;
  readonly command: string;
}

/** The commands of a runbook, in their order. */
function stepsOf(name: string): readonly Step[] {
  const text = readFileSync(`${folder}${name}.md`, 'utf8');
  return [...text.matchAll(/^```(?<language>sh|sql)\n(?<code>[\s\S]*?)^```$/gmu)].flatMap(({ groups }) => {
    const lines = (groups?.['code'] ?? '').split('\n').map((line) => line.replace(/\s+(?:#|--) .*$/u, '').trim());
    return lines
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((command) => ({ language: groups?.['language'] ?? '', command }));
  });
}

function argumentsOf(command: string): readonly string[] {
  return [...command.matchAll(/"(?<quoted>[^"]*)"|\S+/gu)].map(({ 0: word, groups }) => groups?.['quoted'] ?? word);
}

/** A store in which something is, with an engine of the old code. */
async function scene() {
  const schema = database.newSchema();
  const url = database.url();
  const store = createPostgresStore({ url, schema, categories: { Order: orderEvents } });
  const engine = createProjectionEngine(store, [orderList], { tries: 1, leaseDuration: 600, backoff: 1 });
  for (let n = 1; n <= 3; n += 1) await store.append(`Order-${n}`, [item('a'), item('b')]);
  // A folder for each: the config file of a process is read once.
  const past = database.newSchema();
  const files = project();
  const mink = (args: readonly string[]) => {
    const own = args.map((arg) => (arg === 'then' ? past : arg.endsWith('.gz') ? join(files, arg) : arg));
    return runMink(own, { cwd: project({ 'mink.config.mjs': CONFIG(url, schema) }) });
  };
  const sql = async (text: string): Promise<void> => {
    const client = new Client({ connectionString: url });
    await client.connect();
    await client.query(text.replaceAll('SCHEMA', schema));
    await client.end();
  };
  const stateOf = async () => (await engine.status())[0]?.state;
  const starved = starvedProcess(url, schema);
  const close = async (): Promise<void> => {
    await starved.close();
    await engine.close();
    await store.close();
  };
  return { url, past, store, engine, mink, sql, stateOf, starved, gauges: starved.gauges, close };
}

/** A process of one connection, which it can lose to a transaction; and which of the two gauges that tell it has. */
function starvedProcess(url: string, schema: string) {
  const pool = new Pool({ connectionString: url, max: 1 });
  pool.on('error', () => undefined);
  const store = createPostgresStore({ pool, schema });
  const metrics = createMetrics({ gaugeInterval: 0, gaugeTimeout: 200 });
  metrics.watch({ store });
  let pid = 0;
  return {
    holdConnection: async (): Promise<void> => {
      const client = await pool.connect();
      client.on('error', (error) => client.release(error));
      await client.query('begin');
      const { rows } = await client.query<{ readonly pid: number }>('select pg_backend_pid() as pid');
      pid = rows[0]?.pid ?? 0;
    },
    pid: () => pid,
    gauges: async (): Promise<readonly string[]> => {
      const told = (await metrics.collect()).map(({ definition }) => definition.name);
      return told.filter((name) => ['mink_feed_position', 'mink_pool_connections'].includes(name));
    },
    close: async (): Promise<void> => {
      await store.close();
      await pool.end();
    },
  };
}

type Scene = Awaited<ReturnType<typeof scene>>;

interface Case {
  /** Brings the system into the state that the runbook is for. */
  readonly arrange: (scene: Scene) => Promise<void>;
  /** Commands that end with another exit code than 0, as the runbook says. */
  readonly codes?: Readonly<Record<string, number>>;
  /** What a statement for people is in this scene. */
  readonly sql?: (scene: Scene, statement: string) => Promise<void>;
  /** Before a command, what its comment or the text before asks for. */
  readonly before?: (scene: Scene, command: string) => Promise<void>;
  /** Whether all is well at the end. */
  readonly settled: (scene: Scene) => Promise<void>;
}

const live = async ({ stateOf }: Scene): Promise<void> => {
  await expect.poll(stateOf, { timeout: 10_000 }).toBe('live');
};

/** A transaction that has appended and does not end. */
async function holdFeed({ engine, store, url }: Scene): Promise<void> {
  await engine.start();
  await engine.waitFor(6);
  const holder = new Client({ connectionString: url });
  holder.on('error', () => undefined);
  await holder.connect();
  await holder.query('begin');
  await store.append('Order-9', [item('a')], { tx: holder });
  await store.append('Order-8', [item('a')]);
}

/** Ends it, where that is what the statement does. */
async function endHolder({ store, sql }: Scene, statement: string): Promise<void> {
  if (!statement.includes('pg_terminate_backend')) return;
  const [holder] = (await store.feedStatus()).heldBy;
  await sql(statement.replace('4711', String(holder?.pid)));
  await expect.poll(async () => (await store.feedStatus()).heldBy.length).toBe(0);
}

const CASES: Readonly<Record<string, Case>> = {
  'projection-faulted': {
    arrange: async ({ engine, sql, stateOf, store }) => {
      await engine.start();
      await engine.waitFor(6);
      await sql('drop table "SCHEMA_read".order_list_v1 cascade');
      await store.append('Order-4', [item('a')]);
      await expect.poll(stateOf, { timeout: 10_000 }).toBe('faulted');
    },
    before: async (it, command) => (command.includes('verify') ? live(it) : undefined),
    settled: live,
  },
  'projection-lag': {
    arrange: async ({ engine }) => {
      await engine.start();
      await engine.pause(orderList);
    },
    settled: live,
  },
  'dead-letters': {
    arrange: async ({ engine, store }) => {
      await engine.start();
      for (const n of [13, 14, 15] as const) await store.append(`Order-${n}`, [item('a'), item('odd'), item('b')]);
      await expect.poll(async () => (await engine.deadLetters.list().toArray()).length, { timeout: 10_000 }).toBe(3);
      // The mended code is everywhere.
      await engine.close();
    },
    settled: async ({ engine, store }) => {
      expect(await engine.deadLetters.list().toArray()).toEqual([]);
      expect(await store.projections.readModel(orderList).get('Order-13')).toEqual({ items: 3 });
      expect(await store.projections.readModel(orderList).get('Order-15')).toEqual({ items: 3 });
      expect(await store.projections.verify(orderList)).toMatchObject({ ok: true, discarded: 2 });
    },
  },
  'feed-held': { arrange: holdFeed, sql: endHolder, settled: live },
  'feed-stalled': { arrange: holdFeed, sql: endHolder, settled: live },
  'gauges-missing': {
    arrange: async ({ engine, starved, gauges }) => {
      await engine.start();
      await starved.holdConnection();
      expect(await gauges()).toEqual(['mink_pool_connections']);
    },
    sql: async ({ starved, sql }, statement) => sql(statement.replace('4711', String(starved.pid()))),
    settled: async (it) => {
      await expect.poll(it.gauges, { timeout: 10_000 }).toEqual(['mink_feed_position', 'mink_pool_connections']);
      await live(it);
    },
  },
  clocks: {
    arrange: async ({ engine, sql }) => {
      await engine.start();
      // As if the clock of the database had been an hour ahead, and was set back.
      await sql(`
        alter table "SCHEMA".events disable trigger refuse_change;
        update "SCHEMA".events set recorded_at = clock_timestamp() + interval '1 hour';
        alter table "SCHEMA".events enable always trigger refuse_change`);
    },
    sql: async ({ sql }, statement) => sql(statement.replace('mink.events', '"SCHEMA".events')),
    settled: async (it) => {
      const { body } = await createHealth({ store: it.store }).details();
      expect(body.reasons?.join()).toMatch(/recorded \d+ ms in the future/u);
      await live(it);
    },
  },
  errors: { arrange: async ({ engine }) => engine.start(), settled: live },
  performance: { arrange: async ({ engine }) => engine.start(), settled: live },
  'point-in-time-recovery': {
    arrange: async ({ engine, store }) => {
      await engine.start();
      await engine.waitFor(6);
      await store.append('Order-1', [item('wrong')]);
    },
    settled: async (it) => {
      await live(it);
      await using restored = createPostgresStore({ url: it.url, schema: it.past });
      // The commit of two that begins with the fifth is not whole by then.
      expect((await restored.readAll().toArray()).length).toBe(4);
    },
  },
  'snapshot-recreation': {
    arrange: async ({ store, sql, engine }) => {
      await engine.start();
      for (let n = 1; n <= 3; n += 1) await store.execute(order, String(n), { type: 'add' });
      await store.snapshots.create(order, { minEvents: 1 });
      await sql(`update "SCHEMA".snapshots set state = '{"items":-1}'`);
    },
    codes: { 'mink snapshots verify': 1 },
    settled: async ({ store, mink }) => {
      expect((await store.load(order, '1')).state).toEqual({ items: 3 });
      expect((await mink(['snapshots', 'verify'])).exitCode).toBe(0);
    },
  },
  'projection-rebuild': {
    arrange: async ({ engine, mink }) => {
      await engine.start();
      // Version 1 is there, and its rows are not what they should be.
      expect((await mink(['projections', 'build', 'cart-summary', '--of', '1'])).exitCode).toBe(0);
    },
    codes: {
      // Both compare with version 1, which knows no "isNew".
      'mink projections what-if cart-summary': 1,
      'mink projections compare cart-summary': 1,
      // After the rollback it is live again.
      'mink projections retire cart-summary --of 1': 1,
    },
    before: async ({ mink }, command) => {
      if (command !== 'mink projections rebuild cart-summary') return;
      // There is nothing to be rebuilt before it was built.
      expect((await mink(['projections', 'build', 'cart-summary'])).exitCode).toBe(0);
    },
    settled: live,
  },
};

describe('the commands of the runbook', () => {
  const names = readdirSync(folder).map((file) => file.replace(/\.md$/u, ''));

  test('are all tried', () => {
    expect(names.toSorted()).toEqual(Object.keys(CASES).toSorted());
  });

  test.each(Object.entries(CASES))('%s mend what it is for', { timeout: 120_000 }, async (name, of) => {
    const it = await scene();
    try {
      await of.arrange(it);
      for (const { language, command } of stepsOf(name)) {
        if (language === 'sql') {
          await of.sql?.(it, command);
          continue;
        }
        expect(command).toMatch(/^mink /u);
        await of.before?.(it, command);
        const { exitCode, stderr } = await it.mink(argumentsOf(command).slice(1));
        const expected = of.codes?.[command] ?? 0;
        expect({ command, exitCode, stderr: exitCode === expected ? '' : stderr }).toEqual({
          command,
          exitCode: expected,
          stderr: '',
        });
      }
      await of.settled(it);
    } finally {
      await it.close();
    }
  });
});
