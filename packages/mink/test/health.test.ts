import { deepStrictEqual, match, strictEqual } from 'node:assert';
import { describe, expect, test } from 'vitest';
import {
  createHealth,
  createProjectionEngine,
  createProjectionVersions,
  defineEvents,
  defineProjection,
  documents,
  payload,
  type FeedStatus,
  type HealthOptions,
  type ProjectionStatus,
} from '../src/index.ts';
import { healthResponse } from '../src/http/index.ts';
import { createMemoryStore } from '../src/memory/index.ts';
import { createPostgresStore } from '../src/postgres/index.ts';

const events = defineEvents({ ItemAdded: payload<null>() });
const countsOf = (version: number) =>
  defineProjection({
    name: 'counts',
    version,
    events: { Cart: events },
    readModel: documents<number>(),
  }).on({ ItemAdded: (count) => (count ?? 0) + 1 });
const counts = countsOf(1);

const FEED: FeedStatus = { position: 9, head: 9, incarnation: '1', heldBy: [], wakeUp: 'notified' };
const LIVE: ProjectionStatus = {
  name: 'counts',
  version: 1,
  kind: 'projection',
  state: 'live',
  position: 9,
  lagEvents: 0,
  lagTime: 0,
  events: 9,
  owner: 'me',
  error: undefined,
  attempts: 0,
  parkedKeys: 0,
  oldestParkedAt: undefined,
  movedAt: undefined,
  isLive: true,
  wantedPartitions: 1,
  partitions: [],
};
const holder = (age: number | undefined): FeedStatus['heldBy'][number] => {
  const unknown = { preparedTransaction: undefined, state: undefined, query: undefined };
  return { ...unknown, floor: 1, pid: 7, age, applicationName: undefined, userName: undefined };
};

/** The health of a store and projections as they are given. */
function healthOf(
  { feed = FEED, projections = [LIVE] }: { feed?: Partial<FeedStatus>; projections?: readonly ProjectionStatus[] },
  options: Partial<HealthOptions> = {},
) {
  const store = { feedStatus: async () => ({ ...FEED, ...feed }) };
  return createHealth({ store, engine: { status: async () => projections }, ...options });
}

describe('health', () => {
  test('says how a real store and its projections are doing', async () => {
    const store = createMemoryStore({ categories: { Cart: events } });
    const engine = createProjectionEngine(store, [counts]);
    await store.append('Cart-1', [events.ItemAdded(null)]);
    await engine.start();
    await engine.waitFor(1);
    const health = createHealth({ store, engine });
    deepStrictEqual(await health.details(), {
      code: 200,
      body: { status: 'healthy', projections: { counts: 'live' }, reasons: [] },
    });
    await engine.pause(counts);
    expect(await health.details()).toMatchObject({
      code: 200,
      body: { status: 'degraded', projections: { counts: 'paused' }, reasons: ['projection counts is paused'] },
    });
    await engine.close();
    await store.close();
    expect(await health.details()).toMatchObject({ code: 503, body: { status: 'unhealthy' } });
    expect(await health.ready()).toMatchObject({ code: 503, body: { status: 'unhealthy' } });
    deepStrictEqual(health.live(), { code: 200, body: { status: 'healthy' } });
  });

  test('says that a version is read which nobody works on, as after a switch before its code is deployed', async () => {
    await using store = createMemoryStore({ categories: { Cart: events } });
    await using engine = createProjectionEngine(store, [counts]);
    await store.append('Cart-1', [events.ItemAdded(null)]);
    await engine.start();
    await engine.waitFor(1);
    const next = countsOf(2);
    const versions = createProjectionVersions(store, [counts, next]);
    await versions.build(next);
    const health = createHealth({ store, engine });
    deepStrictEqual((await health.details()).body.reasons, []);
    await versions.switchTo(next);
    expect(await health.details()).toMatchObject({
      code: 200,
      body: {
        status: 'degraded',
        projections: { 'counts version 1': 'live', counts: 'stopped' },
        reasons: ['projection counts is stopped'],
      },
    });
    await store.append('Cart-1', [events.ItemAdded(null)]);
    await engine.waitFor(2);
    expect(await engine.status()).toMatchObject([
      { version: 1, isLive: false, lagEvents: 0 },
      { version: 2, isLive: true, lagEvents: 1, state: 'stopped' },
    ]);
    await using deployed = createProjectionEngine(store, [next]);
    await deployed.start();
    await expect.poll(async () => (await health.details()).body.reasons).toEqual([]);
  });

  test.each([
    ['live', 'healthy', 200],
    ['inline', 'healthy', 200],
    ['catching_up', 'healthy', 200],
    ['rebuilding', 'healthy', 200],
    ['stalled', 'degraded', 200],
    ['paused', 'degraded', 200],
    ['retrying', 'degraded', 200],
    ['stopped', 'degraded', 200],
    ['faulted', 'unhealthy', 503],
  ] as const)('calls a projection that is %s %s', async (state, status, code) => {
    const answer = await healthOf({ projections: [{ ...LIVE, state }] }).details();
    expect(answer).toMatchObject({ code, body: { status, projections: { counts: state } } });
    strictEqual(answer.body.reasons?.length, status === 'healthy' ? 0 : 1);
  });

  describe('compares clocks', () => {
    /** A process and a database whose clocks are set by hand. */
    function clocks() {
      const set = { process: 1_000_000, database: 1_000_000 };
      const store = createMemoryStore({ categories: { Cart: events }, now: () => set.database });
      return { set, store, health: createHealth({ store, now: () => set.process }) };
    }

    test.each([
      [5_000, undefined],
      [-5_000, undefined],
      [5_001, 'the clock of this process is 5001 ms ahead of that of the database'],
      [-5_001, 'the clock of this process is 5001 ms behind that of the database'],
    ])('of the process and the database, %i ms apart', async (skew, reason) => {
      const { set, health } = clocks();
      set.process += skew;
      const { body } = await health.details();
      strictEqual(body.status, reason === undefined ? 'healthy' : 'degraded');
      deepStrictEqual(body.reasons, reason === undefined ? [] : [reason]);
    });

    test('leaving out of account what the answer took', async () => {
      const { set, store } = clocks();
      // It was asked 4 seconds ahead, and had the answer 8 seconds ahead: it may be 4.
      set.process += 4_000;
      let asked = 0;
      const slow = createHealth({ store, now: () => set.process + (asked++ % 2) * 4_000 });
      strictEqual((await slow.details()).body.status, 'healthy');
    });

    test('and what was recorded: a database whose clock was set back is degraded until it has caught up', async () => {
      const { set, store, health } = clocks();
      set.database += 3_600_000;
      await store.append('Cart-1', [events.ItemAdded(null)]);
      set.database -= 3_600_000;
      // The latest one is right again; those before it are not.
      await store.append('Cart-2', [events.ItemAdded(null)]);
      deepStrictEqual((await health.details()).body, {
        status: 'degraded',
        projections: {},
        reasons: ["events were recorded 3600000 ms in the future: the database's clock was set back"],
      });
      set.database += 3_600_000;
      set.process += 3_600_000;
      strictEqual((await health.details()).body.status, 'healthy');
    });
  });

  test('calls a feed degraded that stands short of its end, though nobody holds it', async () => {
    let now = 0;
    let feed: FeedStatus = { ...FEED, position: 5, head: 9 };
    const health = createHealth({ store: { feedStatus: async () => feed }, now: () => now });
    const reasons = async () => (await health.details()).body.reasons;
    deepStrictEqual(await reasons(), []);
    now += 60_001;
    deepStrictEqual(await reasons(), ['the feed has stood at 5 of 9 for 60001 ms']);
    // It moves, and has to stand again for as long.
    feed = { ...FEED, position: 6, head: 9 };
    deepStrictEqual(await reasons(), []);
    now += 60_000;
    deepStrictEqual(await reasons(), []);
    feed = FEED;
    now += 60_000;
    deepStrictEqual(await reasons(), []);
  });

  test('calls a feed degraded that stands, where the role may not see for how long somebody has held it', async () => {
    let now = 0;
    const feed = { ...FEED, position: 5, head: 9, heldBy: [holder(undefined)] };
    const health = createHealth({ store: { feedStatus: async () => feed }, now: () => now });
    strictEqual((await health.details()).body.status, 'healthy');
    now += 60_001;
    deepStrictEqual((await health.details()).body.reasons, ['the feed has stood at 5 of 9 for 60001 ms']);
  });

  test('lets the worst count, in whatever order it comes', async () => {
    const states = ['paused', 'faulted', 'live'] as const;
    for (const order of [states, states.toReversed()]) {
      const projections = order.map((state) => ({ ...LIVE, name: state, state }));
      const { body } = await healthOf({ projections }).details();
      strictEqual(body.status, 'unhealthy');
      strictEqual(body.reasons?.length, 2);
    }
  });

  test('calls one that is too far behind degraded, with 503 where that is wanted', async () => {
    const behind = { projections: [{ ...LIVE, state: 'catching_up', lagEvents: 500 } as const] };
    strictEqual((await healthOf(behind).details()).body.status, 'healthy');
    deepStrictEqual(await healthOf(behind, { degradedAboveLag: 500, degradedCode: 503 }).details(), {
      code: 503,
      body: {
        status: 'degraded',
        projections: { counts: 'catching_up' },
        reasons: ['projection counts is 500 events behind'],
      },
    });
  });

  test('refuses what could never be, or not be told in time', () => {
    expect(() => healthOf({}, { degradedAboveLag: 10_001 })).toThrow('counted to');
    expect(() => healthOf({}, { timeout: 2 ** 31 })).toThrow('timer');
  });

  test('names who holds the log for too long', async () => {
    strictEqual((await healthOf({ feed: { heldBy: [holder(60_000)] } }).details()).body.status, 'healthy');
    const { body } = await healthOf({ feed: { heldBy: [holder(60_001)] } }).details();
    strictEqual(body.status, 'degraded');
    match(body.reasons?.[0] ?? '', /process 7 of the server has held readers back for 60001 ms/u);
  });

  test('answers in time, whatever the database does, and asks once for all who ask', async () => {
    let asked = 0;
    const store = {
      feedStatus: () => {
        asked += 1;
        return new Promise<FeedStatus>(() => undefined);
      },
    };
    const health = createHealth({ store, timeout: 20 });
    const answers = await Promise.all([health.details(), health.details(), health.details()]);
    for (const { code, body } of answers) {
      strictEqual(code, 503);
      deepStrictEqual(body.reasons, ['The database has not answered within 20 ms.']);
    }
    // Whoever asks again and again takes no more than one more of the connections that others need.
    for (let n = 0; n < 3; n += 1) strictEqual((await health.details()).code, 503);
    strictEqual(asked, 2);
  });

  test('is ready as soon as the database answers again, though a look before hangs; what that says late is not heard', async () => {
    const answers: ((feed: FeedStatus) => void)[] = [];
    let now = 0;
    const store = {
      feedStatus: () =>
        new Promise<FeedStatus>((resolve) => {
          answers.push(resolve);
          if (answers.length > 2) resolve({ ...FEED, position: 5 });
        }),
    };
    const health = createHealth({ store, timeout: 20, now: () => now });
    strictEqual((await health.ready()).code, 503);
    strictEqual((await health.details()).code, 503);
    strictEqual((await health.ready()).code, 200);
    deepStrictEqual((await health.details()).body.reasons, []);
    // Where the feed was then is no news.
    for (const answer of answers.slice(0, 2)) answer({ ...FEED, position: 4 });
    now += 60_001;
    deepStrictEqual((await health.details()).body.reasons, ['the feed has stood at 5 of 9 for 60001 ms']);
  });

  test('of a database that is away is unhealthy, with the reason', async () => {
    const store = createPostgresStore({ url: 'postgres://nobody@127.0.0.1:1/none', connectTimeout: 500 });
    const { code, body } = await createHealth({ store }).ready();
    strictEqual(code, 503);
    match(body.reasons?.[0] ?? '', /cannot be reached|not answered/u);
    await store.close();
  });

  test('is answered over HTTP', async () => {
    const health = healthOf({ projections: [{ ...LIVE, state: 'faulted', error: 'no' }] });
    const ask = (path: string) => healthResponse(health, new Request(`http://localhost${path}`));
    strictEqual((await ask('/health/live')).status, 200);
    strictEqual((await ask('/health/ready')).status, 200);
    const details = await ask('/health');
    strictEqual(details.status, 503);
    match(details.headers.get('content-type') ?? '', /^application\/json/u);
    deepStrictEqual(await details.json(), {
      status: 'unhealthy',
      projections: { counts: 'faulted' },
      reasons: ['projection counts is faulted: no'],
    });
  });
});
