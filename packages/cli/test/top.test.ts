import {
  createMetrics,
  createProcessReport,
  createProjectionEngine,
  defineEvents,
  defineProjection,
  documents,
  payload,
  type ProcessReport,
} from 'mink';
import { createPostgresStore } from 'mink/postgres';
import { Client } from 'pg';
import { describe, expect, test } from 'vitest';
import type { Key, Terminal } from '../src/terminal.ts';
import type { Look, LookedProjection } from '../src/top/look.ts';
import { movementOf } from '../src/top/rates.ts';
import { COLUMNS, screenOf, sortedBy, WORST_FIRST } from '../src/top/screen.ts';
import { shortBytes, shortDuration, shortNumber } from '../src/top/units.ts';
import { useDatabase } from './support/database.ts';
import { project } from './support/project.ts';
import { runMink, startMink } from './support/run-mink.ts';
import { until } from './support/until.ts';

const database = useDatabase();
const cartEvents = defineEvents({ ItemAdded: payload<{ sku: string }>() });
const cartSummary = defineProjection({
  name: 'cart-summary',
  events: { Cart: cartEvents },
  readModel: documents<{ items: number }>(),
}).on({
  ItemAdded: (cart, { data }) => {
    if (data.sku === 'odd') throw new Error('an odd\u{1B}[31m item');
    return { items: (cart?.items ?? 0) + 1 };
  },
});

const LIST: LookedProjection = {
  name: 'list',
  version: 1,
  kind: 'projection',
  state: 'catching_up',
  position: 100,
  events: 100,
  behind: 900,
  waiting: 12,
  parkedKeys: 0,
  oldestParkedAt: undefined,
  isLive: true,
  error: undefined,
};

function lookAt(at: number, more: Partial<Look> = {}): Look {
  const feed = { position: 1_000, head: 1_000, heldBy: [] };
  return {
    at,
    time: Date.UTC(2026, 0, 31, 10),
    feed,
    projections: [LIST],
    processes: [],
    storage: { events: 1e9 },
    ...more,
  };
}

describe('the movement between two looks', () => {
  test('is events and bytes in a second, and when a projection will have caught up', () => {
    const later = {
      feed: { position: 1_200, head: 1_240, heldBy: [] },
      projections: [{ ...LIST, events: 500, position: 500, behind: 700 }],
      storage: { events: 1e9 + 4_000 },
    };
    expect(movementOf(lookAt(5_000), lookAt(7_000, later))).toMatchObject({
      seconds: 2,
      appended: 120,
      growth: 2_000,
      projections: [{ rate: 200, eta: 7 }],
    });
  });

  test.each([
    ['it is there', { behind: 0 }, 0],
    ['it does not come closer', { behind: 900 }, Infinity],
    ['it falls further behind', { behind: 950 }, Infinity],
    ['its lag is not counted to the end', { behind: 10_000 }, undefined],
  ])('has an end where %s', (_, change, eta) => {
    const after = lookAt(2_000, { projections: [{ ...LIST, ...change }] });
    expect(movementOf(lookAt(1_000), after).projections[0]?.eta).toBe(eta);
  });

  test('is nothing for the first look, and for what has just begun', () => {
    const look = lookAt(1_000);
    expect(movementOf(look, look)).toMatchObject({ appended: 0, growth: 0, projections: [{ rate: 0 }] });
    const [begun] = movementOf(lookAt(0, { projections: [] }), look).projections;
    expect([begun?.rate, begun?.eta]).toEqual([undefined, undefined]);
  });

  test('is never below nothing, as after a reset', () => {
    const after = lookAt(2_000, { projections: [{ ...LIST, events: 0 }], storage: {} });
    expect(movementOf(lookAt(1_000), after)).toMatchObject({ growth: 0, projections: [{ rate: 0 }] });
  });
});

const REPORT: ProcessReport = {
  id: 'an id',
  name: 'orders',
  host: 'a-host-with-a-name-that-is-long',
  pid: 4_711,
  nodeVersion: '20.19.0',
  minkVersion: '0.1.0',
  configuration: [{ name: 'store.pageSize', value: 1_000, source: 'default' }],
  vitals: {
    seconds: 10,
    appendsPerSecond: 1_234,
    eventsPerSecond: 2_000,
    appendP50: 0.0012,
    appendP99: 0.25,
    commandsPerSecond: 42,
    commandErrorsPerSecond: 0.1,
    commandP99: 1.25,
    commands: [],
    eventLoopDelay: 0.003,
    pool: { wait: 0.002, waiting: 3, busy: 9 },
  },
  asked: {},
  categories: [],
  projections: [],
  startedAt: new Date(0),
  reportedAt: new Date(0),
  isSilent: false,
};

describe('the screen', () => {
  const names = ['b', 'a', 'a-name-that-is-longer-than-any-column-could-ever-be-on-a-small-terminal'];
  const all = names.map((name, index) => ({
    ...LIST,
    name,
    behind: index,
    error: `${name} \u{1B}]0;evil\u{7} failed`,
  }));
  const held = [
    {
      floor: 1,
      pid: 4_711,
      preparedTransaction: undefined,
      age: 61_000,
      state: 'idle in transaction',
      query: 'select 1',
      applicationName: 'a'.repeat(100),
      userName: 'app',
    },
  ];
  const movement = movementOf(
    lookAt(0),
    lookAt(1_000, {
      projections: all,
      feed: { position: 1, head: 1_234_567, heldBy: held },
      processes: [REPORT, { ...REPORT, vitals: undefined }, { ...REPORT, isSilent: true }],
    }),
  );
  const at = (columns: number, rows = 40) =>
    screenOf(movement, { size: { columns, rows }, sorting: WORST_FIRST, note: 'every 2 s' });

  test.each([80, 81, 120, 200])('fits into %i columns, and steers no terminal', (columns) => {
    for (const line of at(columns)) {
      expect(Array.from(line).length).toBeLessThanOrEqual(columns);
      expect(line).not.toMatch(/\p{Cc}/u);
    }
    expect(at(columns)[0]).toMatch(/^mink top {2}2026-01-31T10:00:00Z .*every 2 s$/u);
    expect(at(columns).find((line) => line.includes('BEHIND'))).toMatch(/NAME .* ↓BEHIND +WAIT +PER S +ETA +PARKED/u);
  });

  test('says who holds readers back, and what is wrong', () => {
    expect(at(200).join('\n')).toContain('held     1.0m by process 4711 (aaa');
    expect(at(200).join('\n')).toContain('read to 1 (1.2M behind)');
    expect(at(80).find((line) => line.includes('failed'))).toMatch(/^b v1: b /u);
  });

  test('shows what processes have reported, at 80 columns too', () => {
    const lines = at(80);
    expect(lines).toContain('PROCESS            PER S     P50     P99   CMD/S     P99   ERR/S    POOL    LOOP');
    expect(lines).toContain('orders 4711@a-h…    1.2k   1.2ms   250ms      42    1.3s     0.1     9+3     3ms');
    expect(lines.at(-1)).toBe('… 1 silent: mink processes');
  });

  test('is not higher than the terminal, and says what is left out', () => {
    const many = Array.from({ length: 50 }, (_, n) => ({ ...LIST, name: `p${n}` }));
    const moved = movementOf(lookAt(0), lookAt(1_000, { projections: many }));
    const lines = screenOf(moved, { size: { columns: 80, rows: 24 }, sorting: WORST_FIRST, note: '' });
    expect(lines).toHaveLength(24);
    expect(lines.at(-1)).toMatch(/^… \d+ more/u);
  });

  test('is sorted by every column, in both directions, and by name where that says nothing', () => {
    const order = (column: number, isFalling: boolean) =>
      sortedBy(movement.projections, { column, isFalling }).map(({ name }) => name[0]);
    expect(order(3, true)).toEqual(['a', 'a', 'b']);
    expect(order(3, false)).toEqual(['b', 'a', 'a']);
    expect(order(0, true)).toEqual(['b', 'a', 'a']);
    for (let column = 1; column < COLUMNS.length; column += 1) {
      // BEHIND and ETA tell them apart.
      if (column === 3 || column === 6) continue;
      expect(order(column, true)).toEqual(['a', 'a', 'b']);
    }
  });

  test.each([
    [0, '0', '0 B', '0s'],
    [0.25, '0.3', '0 B', '0.3s'],
    [7, '7', '7 B', '7s'],
    [59.94, '60', '60 B', '60s'],
    [999.4, '999', '999 B', '17m'],
    [999.6, '1.0k', '1.0 kB', '17m'],
    [12_345, '12.3k', '12.3 kB', '3.4h'],
    [99_960, '100k', '100 kB', '1.2d'],
    [1_250_000, '1.3M', '1.3 MB', '14d'],
  ])('says %d in a few characters', (value, number, bytes, duration) => {
    expect([shortNumber(value), shortBytes(value), shortDuration(value)]).toEqual([number, bytes, duration]);
    expect(shortNumber(value).length).toBeLessThanOrEqual(5);
  });
});

/** A store in which a projection has parked a key, and somebody holds the log; `config` is the config file of it. */
async function scene() {
  const schema = database.newSchema();
  const url = database.url();
  const store = createPostgresStore({ url, schema, categories: { Cart: cartEvents } });
  const engine = createProjectionEngine(store, [cartSummary], { tries: 1, backoff: 1 });
  await store.append('Cart-1', [cartEvents.ItemAdded({ sku: 'a' })]);
  await store.append('Cart-2', [cartEvents.ItemAdded({ sku: 'odd' })]);
  await engine.start();
  await engine.waitFor(1);
  await expect.poll(async () => (await engine.status())[0]?.parkedKeys).toBe(1);
  const args = ['--url', url, '--schema', schema];
  return { schema, url, store, engine, args };
}

describe('mink top', () => {
  test('--once and --json say what there is, of two looks', async () => {
    const { store, engine, args, url } = await scene();
    const holder = new Client({ connectionString: url, application_name: 'slow-import' });
    await holder.connect();
    await holder.query('begin');
    await store.append('Cart-3', [cartEvents.ItemAdded({ sku: 'a' })], { tx: holder });
    const metrics = createMetrics();
    const report = createProcessReport(store, { name: 'orders', metrics });
    await report.start();
    const once = await runMink(['top', '--once', '--interval', '0.05', ...args]);
    expect([once.exitCode, once.stderr]).toEqual([0, '']);
    expect(once.stdout).toMatch(/held {5}\S+ by process \d+ \(slow-import, idle in transaction\)/u);
    expect(once.stdout).toMatch(/parked {3}1 key, the oldest for \S+s/u);
    expect(once.stdout).toMatch(/storage {2}[\d.]+ [kM]B: /u);
    expect(once.stdout).toMatch(new RegExp(`^orders ${process.pid}@`, 'mu'));
    expect(once.stdout).toMatch(/^cart-summary .* 1 {2}live +\S+ .* 1$/mu);
    // Where the output is no terminal, it is the same.
    expect((await runMink(['top', '--interval', '0.05', ...args])).stdout).toContain('cart-summary');
    const { stdout } = await runMink(['top', '--json', '--interval', '0.05', ...args]);
    expect(JSON.parse(stdout)).toMatchObject({
      appendedPerSecond: 0,
      position: 2,
      head: 3,
      heldBy: [{ applicationName: 'slow-import' }],
      processes: [
        {
          name: 'orders',
          isSilent: false,
          vitals: { pool: { busy: expect.any(Number), waiting: expect.any(Number) } },
        },
      ],
      projections: [
        { name: 'cart-summary', version: 1, parkedKeys: 1, oldestParkedAt: expect.any(String), ratePerSecond: 0 },
      ],
    });
    await holder.end();
    await report.close();
    await engine.close();
    await store.close();
  });

  test('counts events instead of positions for projections of the config file', async () => {
    const { store, engine, url, schema } = await scene();
    await engine.close();
    await store.append('Cart-1', [cartEvents.ItemAdded({ sku: 'a' })]);
    await store.close();
    const config = `
      import { defineEvents, defineProjection, documents, payload } from 'mink';
      import { createPostgresStore } from 'mink/postgres';
      const events = defineEvents({ ItemAdded: payload() });
      export const store = createPostgresStore({ url: ${JSON.stringify(url)}, schema: '${schema}', categories: { Cart: events } });
      export const projections = [
        defineProjection({ name: 'cart-summary', events: { Cart: events }, readModel: documents() }).on({ ItemAdded: (it) => it }),
      ];`;
    const cwd = project({ 'mink.config.mjs': config });
    const { stdout, stderr } = await runMink(['top', '--json', '--interval', '0.05'], { cwd });
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toMatchObject({
      projections: [{ state: 'stopped', behind: 1, waiting: expect.any(Number), eta: null }],
    });
  });

  /** A terminal whose keys are pressed by hand. */
  function fakeTerminal() {
    const keys: ((key: Key) => void)[] = [];
    const state = { isListening: false };
    const terminal: Terminal = {
      size: () => ({ columns: 80, rows: 24 }),
      listen: ({ onKey }, signal) => {
        state.isListening = true;
        keys.push(onKey);
        signal.addEventListener('abort', () => void (state.isListening = false));
      },
    };
    return { terminal, state, press: (name: string) => keys[0]?.({ name, ctrl: false }) };
  }

  test('ends at once while the database does not answer', async () => {
    const { store, engine, args, url, schema } = await scene();
    const { terminal, state, press } = fakeTerminal();
    const mink = startMink(['top', '--interval', '0.02', ...args], { terminal });
    await mink.untilPrinted('position 2');
    const holder = new Client({ connectionString: url });
    await holder.connect();
    await holder.query(`begin; lock table "${schema}".projections in access exclusive mode`);
    await until('a look waits', async () => {
      const waiting = await holder.query("select from pg_stat_activity where wait_event_type = 'Lock'");
      return (waiting.rowCount ?? 0) > 0;
    });
    press('q');
    expect(await mink.done).toMatchObject({ exitCode: 0, stderr: '' });
    expect(state.isListening).toBe(false);
    await holder.end();
    await engine.close();
    await store.close();
  });

  test('is live in a terminal: shows what comes, sorts, pauses, ends, and leaves the terminal as it was', async () => {
    const { store, engine, args } = await scene();
    const { terminal, state, press } = fakeTerminal();
    const mink = startMink(['top', '--interval', '0.02', ...args], { terminal });
    const frames = () => mink.stdout().split('\u{1B}[H').slice(1);
    const last = () => frames().at(-1) ?? '';
    await mink.untilPrinted('position 2');
    await store.append('Cart-9', [cartEvents.ItemAdded({ sku: 'a' })]);
    await mink.untilPrinted('position 3');
    expect(last()).toContain('↓BEHIND');
    press('right');
    press('up');
    await mink.untilPrinted('↑WAIT');
    press('p');
    await mink.untilPrinted('paused');
    const paused = frames().length;
    await store.append('Cart-9', [cartEvents.ItemAdded({ sku: 'a' })]);
    await until('it is drawn again', () => frames().length > paused + 2);
    expect(last()).toContain('position 3');
    press('p');
    await mink.untilPrinted('position 4');
    press('q');
    expect(await mink.done).toMatchObject({ exitCode: 0, stderr: '' });
    expect(state.isListening).toBe(false);
    const text = mink.stdout();
    expect(text.startsWith('\u{1B}[?1049h\u{1B}[?25l')).toBe(true);
    expect(text.endsWith('\u{1B}[?25h\u{1B}[?1049l')).toBe(true);
    // Nothing is wiped before it is written over, which would flicker.
    expect(text).not.toContain('\u{1B}[2J');
    for (const frame of frames()) expect(frame).toContain('\u{1B}[J');
    await engine.close();
    await store.close();
  });

  test('goes on where the database cannot be reached, and says so', async () => {
    const { terminal, press } = fakeTerminal();
    const mink = startMink(['top', '--interval', '0.02', '--url', 'postgres://nobody@127.0.0.1:1/none'], { terminal });
    await mink.untilPrinted('The database cannot be reached');
    press('q');
    expect(await mink.done).toMatchObject({ exitCode: 0, stderr: '' });
    const once = await runMink(['top', '--once', '--url', 'postgres://nobody@127.0.0.1:1/none']);
    expect(once.exitCode).toBe(1);
  });

  test('ends with the signal that ends everything', async () => {
    const { store, engine, args } = await scene();
    const { terminal } = fakeTerminal();
    const mink = startMink(['top', ...args], { terminal });
    await mink.untilPrinted('position 2');
    mink.interrupt();
    await mink.done;
    expect(mink.stdout().endsWith('\u{1B}[?25h\u{1B}[?1049l')).toBe(true);
    await engine.close();
    await store.close();
  });
});
