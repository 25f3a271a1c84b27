import { createEventStore, type EventStorage } from 'mink';
import { createMemoryStorage } from 'mink/memory';
import { expect, test } from 'vitest';
import { createConsole, type ConsoleOptions } from '../src/index.ts';
import { memoryAudit } from './support/audit.ts';
import { HERE, ORIGIN } from './support/client.ts';

/** A console whose streams are found when the test says so. */
async function open(options: Partial<ConsoleOptions> = {}) {
  const waiting: (() => void)[] = [];
  const seen = { begun: 0, atOnce: 0 };
  const storage = createMemoryStorage();
  const slow: EventStorage = new Proxy(storage, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (name !== 'streamInfo') return typeof value === 'function' ? value.bind(target) : value;
      return async (streamName: string) => {
        seen.begun += 1;
        seen.atOnce = Math.max(seen.atOnce, waiting.length + 1);
        await new Promise<void>((resolve) => waiting.push(resolve));
        return target.streamInfo(streamName);
      };
    },
  });
  const store = createEventStore(slow);
  await store.append('Cart-1', [{ type: 'Added', data: 1 }]);
  const errors: unknown[] = [];
  const admin = createConsole({
    store,
    access: { anonymous: { role: 'viewer', payloads: 'full' } },
    audit: memoryAudit().log,
    onError: (error) => errors.push(error),
    ...options,
  });
  const ask = async (signal?: AbortSignal): Promise<number> => {
    const init = signal === undefined ? {} : { signal };
    return (await admin.fetch(new Request(`${ORIGIN}/api/streams/Cart-1`, init), HERE)).status;
  };
  /** Lets those through that wait, and those that come then. */
  const letThrough = async (count: number): Promise<void> => {
    for (let done = 0; done < count; done += 1) {
      await expect.poll(() => waiting.length).toBeGreaterThan(0);
      waiting.shift()?.();
    }
  };
  return { ask, errors, letThrough, seen };
}

test('a few answers are made at once, so that the application keeps connections of its store', async () => {
  const { ask, letThrough, seen } = await open();
  const answers = Promise.all(Array.from({ length: 30 }, () => ask()));
  await letThrough(30);
  expect(new Set(await answers)).toEqual(new Set([200]));
  expect(seen).toEqual({ begun: 30, atOnce: 4 });
});

test('nothing is begun for those who have gone, or were told that it is late', async () => {
  const { ask, errors, letThrough, seen } = await open();
  const first = Promise.all(Array.from({ length: 4 }, () => ask()));
  const gone = new AbortController();
  const second = Promise.all(Array.from({ length: 20 }, () => ask(gone.signal)));
  await expect.poll(() => seen.begun).toBe(4);
  gone.abort();
  await letThrough(4);
  await Promise.all([first, second]);
  expect({ begun: seen.begun, errors }).toEqual({ begun: 4, errors: [] });

  const hurried = await open({ requestTimeout: 20 });
  const late = Promise.all(Array.from({ length: 20 }, () => hurried.ask()));
  expect(new Set(await late)).toEqual(new Set([503]));
  await hurried.letThrough(4);
  const last = hurried.ask();
  await hurried.letThrough(1);
  await last;
  expect(hurried.seen).toEqual({ begun: 5, atOnce: 4 });
});
