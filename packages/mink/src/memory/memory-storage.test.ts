import {
  array,
  assert as check,
  asyncProperty,
  constantFrom,
  integer,
  option,
  record,
  subarray,
  type Arbitrary,
} from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createEventStore, type RecordedEvent } from '../core/index.ts';
import { createMemoryStorage, createMemoryStore } from './create-memory-store.ts';

const TYPES = ['A', 'B', 'C'];
const NAMES = ['Cart-1', 'Order-1', 'Order-10', 'Order-2', 'OrderLine-1'];

interface Step {
  readonly streamName: string;
  readonly types: readonly string[];
  readonly pause: number;
}

const anyHistory: Arbitrary<readonly Step[]> = array(
  record({
    streamName: constantFrom(...NAMES),
    types: array(constantFrom(...TYPES), { minLength: 1, maxLength: 3 }),
    // The clock may stand still and go back.
    pause: integer({ min: -5, max: 20 }),
  }),
  { maxLength: 15 },
);

/** A store with this history, and its log as a plain list. */
async function replay(history: readonly Step[]) {
  let now = 1_000;
  const storage = createMemoryStorage({ now: () => now });
  const store = createEventStore(storage);
  for (const { streamName, types, pause } of history) {
    now += pause;
    await store.append(
      streamName,
      types.map((type) => ({ type, data: { now } })),
    );
  }
  const log = await store.readAll({ pageSize: 1_000 }).toArray();
  return { store, log };
}

type Place = Pick<RecordedEvent, 'globalPosition'>;
const places = (events: readonly Place[]) => events.map(({ globalPosition }) => globalPosition);

/** Undefined half of the time. */
function maybe<T>(arbitrary: Arbitrary<T>): Arbitrary<T | undefined> {
  return option(arbitrary, { nil: undefined });
}

const direction = constantFrom('forwards' as const, 'backwards' as const);
const pageSize = integer({ min: 1, max: 5 });
const limit = maybe(integer({ min: 1, max: 12 }));
const types = maybe(subarray(TYPES, { minLength: 1 }));

describe('for any history', () => {
  test('the log is complete: positions without gaps, versions without gaps, times that never fall in a stream', async () => {
    await check(
      asyncProperty(anyHistory, async (history) => {
        const { store, log } = await replay(history);
        expect(log.map(({ streamName, type }) => `${streamName} ${type}`)).toEqual(
          history.flatMap((step) => step.types.map((type) => `${step.streamName} ${type}`)),
        );
        expect(places(log)).toEqual(log.map((_, index) => index + 1));
        for (const streamName of NAMES) {
          const stream = log.filter((event) => event.streamName === streamName);
          expect(stream.map(({ streamVersion }) => streamVersion)).toEqual(stream.map((_, index) => index + 1));
          const times = stream.map(({ recordedAt }) => recordedAt.getTime());
          expect(times).toEqual(times.toSorted((left, right) => left - right));
          const info = await store.streamInfo(streamName);
          expect(info?.version).toBe(stream.length === 0 ? undefined : stream.length);
          expect(info?.createdAt).toEqual(stream[0]?.recordedAt);
          expect(info?.lastRecordedAt).toEqual(stream.at(-1)?.recordedAt);
        }
      }),
    );
  });

  test('a read of the log gives what a filter of the whole list gives', async () => {
    const options = record({
      after: maybe(integer({ min: 0, max: 40 })),
      position: maybe(integer({ min: 0, max: 40 })),
      categories: maybe(subarray(['Cart', 'Order', 'OrderLine'], { minLength: 1 })),
      streamNames: maybe(subarray(NAMES, { minLength: 1 })),
      streamPrefixes: maybe(subarray(['Order', 'Order-1', 'Cart-', 'None'], { minLength: 1 })),
      direction,
      pageSize,
      limit,
      types,
    });
    await check(
      asyncProperty(anyHistory, options, async (history, { position, ...rest }) => {
        const { store, log } = await replay(history);
        const matching = log.filter(
          (event) =>
            event.globalPosition > (rest.after ?? 0) &&
            event.globalPosition <= (position ?? Infinity) &&
            (rest.types?.includes(event.type) ?? true) &&
            (rest.categories?.includes(event.category) ?? true) &&
            (rest.streamNames?.includes(event.streamName) ?? true) &&
            (rest.streamPrefixes?.some((prefix) => event.streamName.startsWith(prefix)) ?? true),
        );
        const ordered = rest.direction === 'forwards' ? matching : matching.toReversed();
        const until = position === undefined ? undefined : { position };
        expect(places(await store.readAll({ ...rest, until }).toArray())).toEqual(places(ordered.slice(0, rest.limit)));
      }),
    );
  });

  test('a read of the log until a time gives everything before the first event that was recorded later', async () => {
    await check(
      asyncProperty(anyHistory, integer({ min: 900, max: 1_300 }), pageSize, async (history, time, pageSize) => {
        const { store, log } = await replay(history);
        const later = log.findIndex(({ recordedAt }) => recordedAt.getTime() > time);
        const read = await store.readAll({ until: { time: new Date(time) }, pageSize }).toArray();
        expect(places(read)).toEqual(places(later === -1 ? log : log.slice(0, later)));
      }),
    );
  });

  test('a read of a stream gives what a filter of the whole list gives', async () => {
    const until = maybe(
      record({
        key: constantFrom('version' as const, 'position' as const, 'time' as const),
        value: integer({ min: 0, max: 30 }),
      }),
    );
    const options = record({
      streamName: constantFrom(...NAMES),
      fromVersion: maybe(integer({ min: 0, max: 10 })),
      until,
      direction,
      pageSize,
      limit,
      types,
    });
    await check(
      asyncProperty(anyHistory, options, async (history, { streamName, until, ...rest }) => {
        const { store, log } = await replay(history);
        const matching = log.filter((event) => {
          const at = {
            version: event.streamVersion,
            position: event.globalPosition,
            time: event.recordedAt.getTime() - 1_000,
          };
          return (
            event.streamName === streamName &&
            event.streamVersion >= (rest.fromVersion ?? 1) &&
            (until === undefined || at[until.key] <= until.value) &&
            (rest.types?.includes(event.type) ?? true)
          );
        });
        const ordered = rest.direction === 'forwards' ? matching : matching.toReversed();
        const read = store.readStream(streamName, { ...rest, until: until && untilOf(until) });
        expect(places(await read.toArray())).toEqual(places(ordered.slice(0, rest.limit)));
      }),
    );
  });

  test('the streams are listed by name, whatever the page size', async () => {
    const options = record({
      category: maybe(constantFrom('Order', 'Cart')),
      prefix: maybe(constantFrom('Order', 'Order-1')),
      pageSize,
      limit,
    });
    await check(
      asyncProperty(anyHistory, options, async (history, options) => {
        const { store } = await replay(history);
        const { category, prefix, limit } = options;
        const names = NAMES.filter(
          (name) =>
            history.some(({ streamName }) => streamName === name) &&
            (category === undefined || name.startsWith(`${category}-`)) &&
            (prefix === undefined || name.startsWith(prefix)),
        );
        const listed = await store.listStreams(options).toArray();
        expect(listed.map(({ streamName }) => streamName)).toEqual(names.slice(0, limit));
      }),
    );
  });

  test('an append that is repeated with the same ids gives the first result, whatever came between', async () => {
    await check(
      asyncProperty(anyHistory, integer({ min: 0, max: 14 }), async (history, pick) => {
        const store = createMemoryStore();
        const commands = history.map(({ streamName, types }, index) => ({
          streamName,
          events: types.map((type, at) => ({ id: idOf(index * 10 + at), type, data: index })),
        }));
        const results = [];
        for (const { streamName, events } of commands) results.push(await store.append(streamName, events));
        const [command, first] = [commands[pick], results[pick]];
        if (command === undefined) return;
        const again = await store.append(command.streamName, command.events, { expectedVersion: 'no_stream' });
        expect(again).toEqual({ ...first, repeated: true });
        const changed = command.events.map((event) => ({ ...event, data: 'changed' }));
        await expect(store.append(command.streamName, changed)).rejects.toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' });
        expect(await store.readAll().toArray()).toHaveLength(commands.flatMap(({ events }) => events).length);
      }),
    );
  });
});

function untilOf({ key, value }: { readonly key: 'version' | 'position' | 'time'; readonly value: number }) {
  if (key === 'version') return { version: value };
  return key === 'position' ? { position: value } : { time: new Date(1_000 + value) };
}

function idOf(n: number): string {
  return `00000000-0000-7000-8000-${String(n).padStart(12, '0')}`;
}

describe('a storage in memory', () => {
  test('records the time of its clock, which may be given', async () => {
    const store = createMemoryStore({ now: () => 86_400_000 });
    const { events } = await store.append('Order-1', [{ type: 'A', data: 1 }]);
    expect(events[0]?.recordedAt).toEqual(new Date('1970-01-02T00:00:00Z'));
  });

  test('takes one time for an append to several streams, not below the last of any of them', async () => {
    let now = 5_000;
    const store = createMemoryStore({ now: () => now });
    await store.append('Order-1', [{ type: 'A', data: 1 }]);
    now = 1_000;
    const { streams } = await store.appendMany([
      { streamName: 'Order-2', events: [{ type: 'A', data: 1 }] },
      { streamName: 'Order-1', expectedVersion: 1 },
      { streamName: 'Cart-1', events: [{ type: 'A', data: 1 }] },
    ]);
    expect(streams.flatMap(({ events }) => events.map(({ recordedAt }) => recordedAt.getTime()))).toEqual([
      5_000, 5_000,
    ]);
    const { events } = await store.append('Cart-2', [{ type: 'A', data: 1 }]);
    expect(events[0]?.recordedAt.getTime()).toBe(1_000);
  });

  test('forgets everything with the object, and shares nothing with another', async () => {
    await createMemoryStore().append('Order-1', [{ type: 'A', data: 1 }]);
    expect(await createMemoryStore().readAll().toArray()).toEqual([]);
  });

  test('has nothing pending: its bound is always its head', async () => {
    const store = createMemoryStore();
    await store.append('Order-1', [{ type: 'A', data: 1 }]);
    expect(await store.readBound()).toMatchObject({ position: 1, head: 1 });
  });

  test('wakes who waits when something comes, and when the wait is aborted', async () => {
    const storage = createMemoryStorage();
    const waiting = (signal: AbortSignal) => storage.waitForBound({ after: 0, incarnation: undefined, signal });
    const controller = new AbortController();
    const aborted = waiting(controller.signal);
    const woken = waiting(new AbortController().signal);
    controller.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    await createEventStore(storage).append('Order-1', [{ type: 'A', data: 1 }]);
    expect(await woken).toMatchObject({ position: 1 });
  });
});
