import { deepStrictEqual, rejects, strictEqual } from 'node:assert';
import type { EventStore, StoredEvent, SubscribeOptions, UntypedCategories } from '../../core/index.ts';
import { counted, type Rule } from './contract-case.ts';

/** Collects events of a subscription in the background. */
class Collector {
  readonly events: StoredEvent[] = [];
  readonly done: Promise<void>;
  readonly #stop = new AbortController();
  readonly #arrived = new EventTarget();

  constructor(store: EventStore<UntypedCategories>, options: SubscribeOptions<string, string> = {}) {
    this.done = this.#collect(store, options);
    this.done.catch(() => undefined);
  }

  /** Resolves when `count` events have come. */
  async has(count: number): Promise<readonly string[]> {
    while (this.events.length < count) {
      await Promise.race([
        this.done,
        new Promise((resolve) => {
          this.#arrived.addEventListener('event', resolve, { once: true });
        }),
      ]);
    }
    return this.names();
  }

  names(): readonly string[] {
    return this.events.map(({ streamName, streamVersion }) => `${streamName}@${streamVersion}`);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.done;
  }

  async #collect(store: EventStore<UntypedCategories>, options: SubscribeOptions<string, string>): Promise<void> {
    for await (const event of store.subscribe({ ...options, signal: this.#stop.signal })) {
      this.events.push(event);
      this.#arrived.dispatchEvent(new Event('event'));
    }
  }
}

/** What following the log gives. */
export const subscribeRules: readonly Rule[] = [
  {
    name: 'catches up, then follows, each event once and in order',
    check: async ({ store }) => {
      await store.append('Order-1', counted(5));
      const collector = new Collector(store, { pageSize: 2 });
      await collector.has(5);
      for (let round = 0; round < 5; round += 1) await store.append('Order-2', counted(2));
      await collector.has(15);
      await collector.stop();
      const expected = (await store.readAll().toArray()).map(
        ({ streamName, streamVersion }) => `${streamName}@${streamVersion}`,
      );
      deepStrictEqual(collector.names(), expected);
    },
  },
  {
    name: 'misses nothing while many writers append',
    check: async ({ store }) => {
      const collector = new Collector(store);
      await Promise.all(
        Array.from({ length: 40 }, (_, index) => store.append(`Order-${index % 7}`, counted(1 + (index % 4)))),
      );
      const log = await store.readAll().toArray();
      await collector.has(log.length);
      await collector.stop();
      deepStrictEqual(
        collector.events.map(({ globalPosition }) => globalPosition),
        log.map(({ globalPosition }) => globalPosition),
      );
    },
  },
  {
    name: 'starts after a position, or at the end',
    check: async ({ store }) => {
      await store.append('Order-1', counted(2));
      const { globalPosition } = await store.append('Order-1', counted(1));
      await store.append('Order-1', counted(1));
      const after = new Collector(store, { after: globalPosition });
      deepStrictEqual(await after.has(1), ['Order-1@4']);
      const atEnd = new Collector(store, { after: 'end' });
      // Whether the subscription has found its end cannot be seen from outside: append until it follows.
      while (atEnd.events.length === 0) {
        await store.append('Order-2', counted(1));
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      strictEqual(
        atEnd.events.some(({ streamName }) => streamName === 'Order-1'),
        false,
      );
      await after.stop();
      await atEnd.stop();
    },
  },
  {
    name: 'passes on what matches only, also after long stretches without a match',
    check: async ({ store }) => {
      const collector = new Collector(store, { categories: ['Cart'], types: ['Counted'], pageSize: 3 });
      for (let round = 0; round < 4; round += 1) {
        await store.append('Order-1', counted(10));
        await store.append('Cart-1', [{ type: 'Other', data: 1 }, ...counted(1)]);
      }
      deepStrictEqual(await collector.has(4), ['Cart-1@2', 'Cart-1@4', 'Cart-1@6', 'Cart-1@8']);
      await collector.stop();
    },
  },
  {
    name: 'subscriptions do not disturb each other',
    check: async ({ store }) => {
      const collectors = [new Collector(store), new Collector(store), new Collector(store, { categories: ['Order'] })];
      await store.append('Order-1', counted(3));
      for (const collector of collectors) await collector.has(3);
      await collectors[0]?.stop();
      await store.append('Order-1', counted(1));
      for (const collector of collectors.slice(1)) {
        await collector.has(4);
        await collector.stop();
      }
      strictEqual(collectors[0]?.events.length, 3);
    },
  },
  {
    name: 'ends without an error when its signal is aborted, its loop is left, or the store is closed',
    check: async ({ store }) => {
      await store.append('Order-1', counted(3));
      const aborted: number[] = [];
      for await (const event of store.subscribe({ signal: AbortSignal.abort() })) aborted.push(event.globalPosition);
      strictEqual(aborted.length, 0);
      const left: number[] = [];
      for await (const event of store.subscribe()) {
        left.push(event.streamVersion);
        if (left.length === 2) break;
      }
      deepStrictEqual(left, [1, 2]);
      const waiting = new Collector(store);
      await waiting.has(3);
      await store.close();
      await waiting.done;
    },
  },
  {
    name: 'a start beyond the end of the log is an error: the log was rewound',
    check: async ({ store }) => {
      await store.append('Order-1', counted(2));
      const { head } = await store.readBound();
      const collector = new Collector(store, { after: head + 1 });
      await rejects(collector.done, { code: 'LOG_REWOUND', after: head + 1, head });
    },
  },
];
