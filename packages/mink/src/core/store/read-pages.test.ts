import { beforeEach, describe, expect, test } from 'vitest';
import { MemoryStorage } from '../../memory/memory-storage.ts';
import { DatabaseUnavailableError } from '../errors.ts';
import type { FeedBound, LogPage, LogPageQuery, RecordedEvent, WaitForBound } from '../storage/event-storage.ts';
import { searchedTo } from './searched-to.ts';
import { createEventStore, type EventStore } from './event-store.ts';
import type { UntypedCategories } from './categories.ts';

function recorded(globalPosition: number, type = 'Counted'): RecordedEvent {
  return {
    id: `00000000-0000-7000-8000-${String(globalPosition).padStart(12, '0')}`,
    type,
    schemaVersion: 1,
    data: globalPosition,
    metadata: {},
    streamName: 'Order-1',
    category: 'Order',
    streamVersion: globalPosition,
    globalPosition,
    recordedAt: globalPosition,
  };
}

/** A server whose log, bound and crashes a test decides; `queries` are the pages it was asked for. */
class FakeServer extends MemoryStorage {
  events: RecordedEvent[] = [];
  bound: FeedBound = { position: 0, head: 0, incarnation: 'a' };
  queries: LogPageQuery[] = [];
  /** Runs before each page is read. */
  beforePage: (query: LogPageQuery) => void = () => undefined;
  /** Runs once, when a subscription has read everything and waits. */
  whileWaiting: (() => void) | undefined;

  constructor() {
    super(() => 0);
  }

  /** Commits events at these positions; `head` may be above the last where appends were rolled back. */
  commit(positions: readonly number[], head = positions.at(-1) ?? 0): void {
    this.events.push(...positions.map((position) => recorded(position)));
    this.bound = { ...this.bound, position: head, head };
  }

  crash(incarnation: string, head = this.events.at(-1)?.globalPosition ?? 0): void {
    this.bound = { position: head, head, incarnation };
  }

  override async readBound(): Promise<FeedBound> {
    return this.bound;
  }

  override async readLogPage(query: LogPageQuery): Promise<LogPage> {
    this.queries.push(query);
    if (this.queries.length > 50) throw new Error('read the same again and again');
    this.beforePage(query);
    const { after, upTo, direction, limit, filter } = query;
    const events = this.events.filter(
      ({ globalPosition, type }) =>
        globalPosition > after && globalPosition <= upTo && (filter.types?.includes(type) ?? true),
    );
    const ordered = direction === 'forwards' ? events : events.toReversed();
    const page = ordered.slice(0, limit);
    const last = page.length < limit ? undefined : page.at(-1);
    return { events: page, searchedTo: searchedTo(query, last), incarnation: this.bound.incarnation };
  }

  override async waitForBound({ after, incarnation }: WaitForBound): Promise<FeedBound> {
    if (this.bound.position <= after && this.bound.incarnation === incarnation) {
      const { whileWaiting } = this;
      if (whileWaiting === undefined) throw new Error('nothing will come any more');
      this.whileWaiting = undefined;
      whileWaiting();
    }
    return this.bound;
  }

  override async positionAt(time: Date, upTo: number): Promise<number> {
    return Math.min(time.getTime(), upTo);
  }
}

let server: FakeServer;
let store: EventStore<UntypedCategories>;

beforeEach(() => {
  server = new FakeServer();
  store = createEventStore(server, { pageSize: 2 });
});

/** Runs `work` before the page with this number is read. */
function beforePage(number: number, work: () => void): void {
  server.beforePage = () => {
    if (server.queries.length === number) work();
  };
}

function positions(events: readonly { readonly globalPosition: number }[]): readonly number[] {
  return events.map(({ globalPosition }) => globalPosition);
}

/** The positions of the first events of a subscription. */
async function follow(count: number, options: Parameters<typeof store.subscribe>[0] = {}): Promise<readonly number[]> {
  const seen: number[] = [];
  for await (const { globalPosition } of store.subscribe(options)) {
    seen.push(globalPosition);
    if (seen.length === count) break;
  }
  return seen;
}

describe('reading the log', () => {
  test.each(['forwards', 'backwards'] as const)(
    '%s goes on after the last event when the server crashes',
    async (direction) => {
      server.commit([1, 2, 3, 4, 5]);
      beforePage(2, () => server.crash('b'));
      const expected = direction === 'forwards' ? [1, 2, 3, 4, 5] : [5, 4, 3, 2, 1];
      expect(positions(await store.readAll({ direction }).toArray())).toEqual(expected);
      // Two pages, of which the second is of another incarnation and read again, and a third.
      expect(server.queries).toHaveLength(4);
    },
  );

  test('keeps to its limit when the server crashes', async () => {
    server.commit([1, 2, 3, 4, 5]);
    beforePage(2, () => server.crash('b'));
    expect(positions(await store.readAll({ limit: 3 }).toArray())).toEqual([1, 2, 3]);
  });

  test('keeps to its end when the server crashes', async () => {
    server.commit([1, 2, 3, 4, 5]);
    beforePage(2, () => server.crash('b'));
    expect(positions(await store.readAll({ until: { time: new Date(3) } }).toArray())).toEqual([1, 2, 3]);
    expect(positions(await store.readAll({ until: { position: 3 } }).toArray())).toEqual([1, 2, 3]);
  });

  test('never goes beyond the bound: what is there already may have gaps before it', async () => {
    server.commit([1, 2, 5]);
    server.bound = { position: 3, head: 5, incarnation: 'a' };
    expect(positions(await store.readAll().toArray())).toEqual([1, 2]);
  });

  test('passes on every other error', async () => {
    server.commit([1, 2, 3]);
    beforePage(2, () => {
      throw new DatabaseUnavailableError('away');
    });
    await expect(store.readAll().toArray()).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
  });

  test('reads nothing where there is nothing between its ends', async () => {
    server.commit([1, 2]);
    expect(await store.readAll({ after: 2 }).toArray()).toEqual([]);
    expect(server.queries).toEqual([]);
  });

  test.each([
    [{ after: -1 }, 'after: -1 is not a whole number from 0'],
    [{ limit: 0 }, 'limit: 0 is not a whole number from 1'],
    [{ categories: [] }, 'categories: is empty. Leave it out to read everything.'],
    [{ streamNames: [''] }, 'streamNames: holds an empty or missing name'],
    [{ streamPrefixes: 'Order' }, 'streamPrefixes: is empty'],
    [{ until: {} }, 'until: give exactly one of position, time'],
    [{ until: { version: 1 } }, 'until: give exactly one of position, time'],
    [{ until: { time: 5 } }, 'until.time: is not a valid Date'],
    [{ direction: 'up' }, "direction: up is not one of 'forwards', 'backwards'"],
  ])('refuses %j', (options, message) => {
    // @ts-expect-error what JavaScript might pass
    expect(() => store.readAll(options)).toThrow(message);
  });
});

describe('a subscription', () => {
  test('waits for the database while it is away, and repeats nothing', async () => {
    server.commit([1, 2, 3]);
    beforePage(2, () => {
      throw new DatabaseUnavailableError('away');
    });
    expect(await follow(3)).toEqual([1, 2, 3]);
    expect(server.queries.map(({ after }) => after)).toEqual([0, 2, 2]);
  });

  test('ends with every other error', async () => {
    server.commit([1, 2, 3]);
    beforePage(2, () => {
      throw new Error('a bug');
    });
    await expect(follow(3)).rejects.toThrow('a bug');
  });

  test('after a crash falls back to the last event it read: positions that were rolled back come again', async () => {
    server.commit([1, 2], 9);
    server.whileWaiting = () => {
      server.crash('b');
      server.commit([3, 4]);
    };
    expect(await follow(4)).toEqual([1, 2, 3, 4]);
  });

  test('after a crash between two pages repeats nothing and misses nothing', async () => {
    server.commit([1, 2, 3, 4]);
    beforePage(2, () => server.crash('b'));
    expect(await follow(4)).toEqual([1, 2, 3, 4]);
  });

  test('is an error when the log ends before the last event it read', async () => {
    server.commit([1, 2]);
    server.whileWaiting = () => server.crash('b', 1);
    await expect(follow(3)).rejects.toMatchObject({ code: 'LOG_REWOUND', after: 2, head: 1 });
  });

  test('looks at new positions only, where nothing matches', async () => {
    server.commit([1, 2, 3]);
    server.whileWaiting = () => {
      server.events.push(recorded(4, 'Wanted'));
      server.commit([5]);
    };
    expect(await follow(1, { types: ['Wanted'] })).toEqual([4]);
    expect(server.queries.map(({ after, upTo }) => [after, upTo])).toEqual([
      [0, 3],
      [3, 5],
    ]);
  });

  test('reads no further than one page ahead of whoever takes its time, however much is appended', async () => {
    server.commit(Array.from({ length: 20 }, (_, index) => index + 1));
    let taken = 0;
    for await (const { globalPosition } of store.subscribe()) {
      taken = globalPosition;
      if (taken < 40) server.commit([20 + taken]);
      // Whatever could be read meanwhile.
      for (let n = 0; n < 50; n += 1) await Promise.resolve();
      const { after = 0, limit = 0 } = server.queries.at(-1) ?? {};
      expect(after + limit - taken).toBeLessThanOrEqual(2 * 2);
      if (taken === 40) break;
    }
    expect(taken).toBe(40);
  });

  test("from the 'end' begins behind the last event there is, not at the bound", async () => {
    server.commit([1, 2], 9);
    server.whileWaiting = () => {
      server.crash('b');
      server.commit([3]);
    };
    expect(await follow(1, { after: 'end' })).toEqual([3]);
  });

  test("from the 'end' of an empty log begins with the first event", async () => {
    server.whileWaiting = () => server.commit([1]);
    expect(await follow(1, { after: 'end' })).toEqual([1]);
  });

  test('of a closed store that was made before ends at once', async () => {
    server.commit([1]);
    const sequence = store.subscribe();
    await store.close();
    expect(await sequence.toArray()).toEqual([]);
  });

  test('refuses a start that is none', () => {
    expect(() => store.subscribe({ after: 1.5 })).toThrow('after: 1.5 is not a whole number from 0');
    // @ts-expect-error what JavaScript might pass
    expect(() => store.subscribe({ after: 'start' })).toThrow('after: start is not a whole number from 0');
  });
});
