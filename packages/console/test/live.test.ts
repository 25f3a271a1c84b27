import { createEventStore, type EventStorage } from 'mink';
import { createMemoryStorage } from 'mink/memory';
import { afterEach, describe, expect, test } from 'vitest';
import { createConsole, type Console, type ConsoleOptions, type User } from '../src/index.ts';
import { toFailure } from '../src/http/problem.ts';
import { Live } from '../src/live/live.ts';
import type { Look } from '../src/live/look.ts';
import { memoryAudit } from './support/audit.ts';
import { createClient, HERE, ORIGIN } from './support/client.ts';

const consoles: Console[] = [];

afterEach(async () => {
  await Promise.all(consoles.splice(0).map((it) => it.close()));
});

function open(options: Partial<ConsoleOptions> = {}, storage: EventStorage = createMemoryStorage()) {
  const store = createEventStore(storage);
  const admin = createConsole({
    store,
    access: { anonymous: { role: 'viewer', payloads: 'full' } },
    audit: memoryAudit().log,
    lookInterval: 20,
    ...options,
  });
  consoles.push(admin);
  return { admin, store, storage };
}

/** Reads the events of a stream, one by one. */
async function follow(admin: Console, path: string) {
  const response = await admin.fetch(new Request(`${ORIGIN}${path}`), HERE);
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  return {
    response,
    cancel: async () => reader?.cancel(),
    // oxlint-disable-next-line typescript/no-explicit-any -- tests compare it
    async next(): Promise<{ name: string; data: any } | undefined> {
      for (;;) {
        const match = /event: (?<name>.*)\ndata: (?<data>.*)\n\n/u.exec(text);
        if (match?.groups !== undefined) {
          text = text.slice(match.index + match[0].length);
          return { name: match.groups['name'] ?? '', data: JSON.parse(match.groups['data'] ?? 'null') };
        }
        const { done = true, value = '' } = (await reader?.read()) ?? {};
        if (done) return undefined;
        text += value;
      }
    },
  };
}

const added = (count: number) => Array.from({ length: count }, (_, at) => ({ type: 'Added', data: { at } }));

describe('the live overview', () => {
  test('is one loop of looks for all who watch', async () => {
    let looks = 0;
    const storage = createMemoryStorage();
    const counting: EventStorage = new Proxy(storage, {
      get(target, name) {
        if (name === 'feedStatus') looks += 1;
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    const { admin, store } = open({ limits: { streams: 50 } }, counting);
    const watchers = await Promise.all(Array.from({ length: 10 }, () => follow(admin, '/api/live')));
    await store.append('Cart-1', added(3));
    for (const watcher of watchers) {
      let seen = await watcher.next();
      while (seen?.data.feed.head !== 3) seen = await watcher.next();
      expect(seen.name).toBe('overview');
    }
    const before = looks;
    await Promise.all(watchers.map((watcher) => watcher.next()));
    expect(looks - before).toBeLessThan(5);
    await Promise.all(watchers.map((watcher) => watcher.cancel()));
  });

  test('says that the database does not answer, and goes on when it does', async () => {
    let isAway = false;
    const storage = createMemoryStorage();
    const failing: EventStorage = new Proxy(storage, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (name === 'feedStatus' && isAway) return () => Promise.reject(new Error('postgres://ada:secret@db'));
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    const { admin } = open({ onError: () => undefined }, failing);
    const watcher = await follow(admin, '/api/live');
    expect((await watcher.next())?.name).toBe('overview');
    isAway = true;
    let seen = await watcher.next();
    while (seen?.name === 'overview') seen = await watcher.next();
    expect(seen).toMatchObject({ name: 'problem', data: { code: 'INTERNAL' } });
    expect(JSON.stringify(seen)).not.toContain('secret');
    isAway = false;
    while (seen?.name === 'problem') seen = await watcher.next();
    expect(seen?.name).toBe('overview');
  });

  test('is no leak where many watch', async () => {
    const warnings: Error[] = [];
    const hear = (warning: Error): void => void warnings.push(warning);
    process.on('warning', hear);
    const { admin } = open({ limits: { streams: 50 } });
    const watchers = await Promise.all(Array.from({ length: 20 }, () => follow(admin, '/api/live')));
    // Warnings come a turn later.
    await Promise.all(watchers.map((watcher) => watcher.next()));
    process.off('warning', hear);
    expect(warnings).toEqual([]);
  });

  test('ends with the console', async () => {
    const { admin } = open();
    const watcher = await follow(admin, '/api/live');
    const tail = await follow(admin, '/api/events/tail');
    await watcher.next();
    await admin.close();
    while ((await watcher.next()) !== undefined);
    expect(await tail.next()).toBeUndefined();
  });

  test('shows statements without what may be values in them, to those who can end them', async () => {
    const storage = createMemoryStorage();
    const query = "update carts set owner = 'swordfish' where id = 4711";
    const holder = { floor: 1, pid: 7, age: 1_000, state: 'active', applicationName: 'psql', query };
    const held: EventStorage = new Proxy(storage, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (name === 'feedStatus') return async () => ({ ...(await target.feedStatus()), heldBy: [holder] });
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    for (const [role, shown] of [
      ['operator', 'update carts set owner = ••• where id = •••'],
      ['viewer', undefined],
    ] as const) {
      const { admin } = open({ access: { anonymous: { role, payloads: 'full' } } }, held);
      const watcher = await follow(admin, '/api/live');
      const { query: _query, ...rest } = holder;
      expect((await watcher.next())?.data.feed.heldBy).toEqual([
        shown === undefined ? rest : { ...rest, query: shown },
      ]);
      await watcher.cancel();
    }
  });

  test('keeps whoever watches signed in, under the id that their browser knows', async () => {
    let now = 0;
    const token = 'a-token-of-ada-01';
    const { admin } = open({
      access: { tokens: [{ token, name: 'Ada', role: 'viewer' }] },
      heartbeat: 5,
      now: () => now,
    });
    const reply = await createClient(admin).post('/api/session', { token });
    const headers = { cookie: reply.headers.get('set-cookie')?.split(';')[0] ?? '' };
    const { body } = await admin.fetch(new Request(`${ORIGIN}/api/live`, { headers }), HERE);
    const reader = body?.pipeThrough(new TextDecoderStream()).getReader();
    const beats = async (count: number): Promise<void> => {
      for (let seen = 0; seen < count;) {
        const { done = true, value = '' } = (await reader?.read()) ?? {};
        expect(done, 'the live view has ended').toBe(false);
        seen += value.split(': here').length - 1;
      }
    };
    for (let minutes = 0; minutes < 7 * 60; minutes += 30) {
      now = minutes * 60_000;
      await beats(3);
    }
    expect((await createClient(admin).send('/api/overview', { headers })).status).toBe(200);
    now = 8 * 60 * 60_000;
    await expect(beats(3)).rejects.toThrow('has ended');
  });

  test('does not wait for a look that has no end', async () => {
    const told: string[] = [];
    let looks = 0;
    const live = new Live({
      now: () => 0,
      interval: 5,
      timeout: 20,
      look: async () => {
        looks += 1;
        if (looks < 3) await new Promise(() => undefined);
        return { at: 0, feed: { head: 0, position: 0 }, seen: [], deadLetters: { events: 0 }, rates: {} } as never;
      },
    });
    const failed = (error: unknown): void => void told.push(toFailure(error, 'none').problem.code);
    live.watch({ seen: () => told.push('seen'), failed });
    await expect.poll(() => told.slice(0, 3)).toEqual(['DATABASE_UNAVAILABLE', 'DATABASE_UNAVAILABLE', 'seen']);
    await live.close();
  });

  test('looks seldom while nobody watches, and not at all an hour after the last one', async () => {
    let now = 0;
    const seen: Look[] = [];
    const live = new Live({
      now: () => now,
      interval: 5,
      look: async () => {
        const look = {
          at: now,
          feed: { head: 0, position: 0 },
          seen: [],
          deadLetters: { events: 0 },
          rates: {},
        } as never;
        seen.push(look);
        return look;
      },
    });
    const unwatch = live.watch({ seen: () => undefined, failed: () => undefined });
    await expect.poll(() => seen.length).toBeGreaterThan(3);
    unwatch();
    now = 2 * 3_600_000;
    let before = -1;
    await expect.poll(() => before === (before = seen.length), { interval: 50 }).toBe(true);
    await live.latest();
    expect(live.samples(0)).toHaveLength(1);
    await live.close();
  });
});

describe('the live tail', () => {
  test('gives what is appended from now on, by its filters', async () => {
    const { admin, store } = open();
    await store.append('Cart-1', added(2));
    const all = await follow(admin, '/api/events/tail?payloads=full');
    const some = await follow(admin, '/api/events/tail?categories=Cart,Order&types=Gone&stream=Cart-2');
    await appendUntil(store, async () => {
      const seen = await all.next();
      return seen?.data.events[0].data.at === 0 && seen.data.skipped === 0;
    });
    await store.append('Cart-2', [{ type: 'Gone', data: { secret: 1 } }]);
    expect((await some.next())?.data).toMatchObject({ events: [{ type: 'Gone', data: { secret: '‹number›' } }] });
    await Promise.all([all.cancel(), some.cancel()]);
  });

  test('leaves out what a slow reader cannot take, and says how much; memory stays', async () => {
    const { admin, store } = open();
    const tail = await follow(admin, '/api/events/tail');
    await appendUntil(store, async () => (await tail.next()) !== undefined);
    const COUNT = 20_000;
    for (let at = 0; at < COUNT / 1_000; at += 1) await store.append('Many-1', added(1_000));
    await store.append('Last-1', added(1));
    let shown = 0;
    let skipped = 0;
    let isLast = false;
    while (!isLast) {
      const { events = [], skipped: more = 0 } = (await tail.next())?.data ?? {};
      expect(events.length).toBeLessThanOrEqual(200);
      shown += events.filter(({ streamName }: { streamName: string }) => streamName !== 'Cart-1').length;
      skipped += more;
      isLast = events.at(-1)?.streamName === 'Last-1';
    }
    expect(shown + skipped).toBeGreaterThanOrEqual(COUNT + 1);
    expect(skipped).toBeGreaterThan(COUNT / 2);
    await tail.cancel();
  });

  test('sends of large events the newest that fit into a message, and says how many do not', async () => {
    const { admin, store } = open();
    const tail = await follow(admin, '/api/events/tail?payloads=full');
    await appendUntil(store, async () => (await tail.next()) !== undefined);
    const large = Array.from({ length: 20 }, (_, at) => ({ type: 'Added', data: { at, text: 'x'.repeat(500_000) } }));
    await store.append('Large-1', large);
    let seen = await tail.next();
    while (seen?.data.events.at(-1).streamName !== 'Large-1') seen = await tail.next();
    const { events, skipped } = seen.data;
    const shown = events.filter(({ streamName }: { streamName: string }) => streamName === 'Large-1');
    expect(shown.map(({ data }: { data: { at: number } }) => data.at)).toEqual([13, 14, 15, 16, 17, 18, 19]);
    expect(skipped).toBeGreaterThanOrEqual(13);
    await tail.cancel();
  });

  test('ends for those who may see no more', async () => {
    let user: User | undefined = { name: 'Ada', role: 'viewer', payloads: 'none' };
    const { admin } = open({ access: { authenticate: () => user }, heartbeat: 20 });
    const tail = await follow(admin, '/api/events/tail');
    user = undefined;
    expect(await tail.next()).toBeUndefined();
  });

  test('ends where nobody says any more who may see it', async () => {
    let answer: () => Promise<User> = async () => ({ name: 'Ada', role: 'viewer', payloads: 'none' });
    const { admin } = open({ access: { authenticate: () => answer() }, heartbeat: 20 });
    const tail = await follow(admin, '/api/events/tail');
    answer = () => new Promise(() => undefined);
    expect(await tail.next()).toBeUndefined();
  });
});

/** Appends until it is seen: a tail does not say when it has begun. */
async function appendUntil(
  store: { append: (streamName: string, events: ReturnType<typeof added>) => Promise<unknown> },
  isSeen: () => Promise<boolean>,
): Promise<void> {
  const seen = isSeen();
  const waiting = { isOver: false };
  const over = seen.finally(() => {
    waiting.isOver = true;
  });
  while (!waiting.isOver) {
    await store.append('Cart-1', added(1));
    await Promise.race([over, new Promise((resolve) => setTimeout(resolve, 20))]);
  }
  expect(await over).toBe(true);
}
