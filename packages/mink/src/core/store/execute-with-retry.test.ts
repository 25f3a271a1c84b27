import { beforeEach, describe, expect, test } from 'vitest';
import { MemoryStorage } from '../../memory/memory-storage.ts';
import { Aggregate } from '../deciders/aggregate.ts';
import { defineDecider } from '../deciders/decider.ts';
import {
  AppendOutcomeUnknownError,
  ConcurrencyConflictError,
  ConflictNotResolvedError,
  DatabaseUnavailableError,
} from '../errors.ts';
import { defineEvents } from '../events/define-events.ts';
import { payload } from '../events/event-schema.ts';
import type { AppendCommand, AppendOutcome, RecordedEvent, StreamPageQuery } from '../storage/event-storage.ts';
import { createEventStore, type EventStore } from './event-store.ts';
import type { Conflict, Resolution } from './execute-with-retry.ts';

const cartEvents = defineEvents({ Added: payload<{ sku: string }>(), Emptied: payload<null>() });
const { Added, Emptied } = cartEvents;
const categories = { Cart: cartEvents };

type Skus = readonly string[];
const definition = {
  category: 'Cart' as const,
  events: cartEvents,
  initialState: (): Skus => [],
  evolve: (state: Skus, event: { type: 'Added'; data: { sku: string } } | { type: 'Emptied'; data: null }): Skus =>
    event.type === 'Added' ? [...state, event.data.sku] : [],
};

/** The states it was asked to decide on. */
const decidedOn: Skus[] = [];
const cart = defineDecider({
  ...definition,
  decide: (sku: string, state) => {
    decidedOn.push(state);
    if (state.includes('forbidden')) throw new Error('This cart is closed.');
    return sku === '' ? [] : Added({ sku });
  },
});
class Cart extends Aggregate(definition) {
  add(sku: string): void {
    decidedOn.push(this.state);
    this.apply(Added({ sku }));
  }
}

/** A storage in which somebody else is faster, or which loses its answers. */
class Contended extends MemoryStorage {
  /** What others append just before each of the next appends. */
  readonly others: Skus[] = [];
  readonly fail: ((append: () => Promise<AppendOutcome>) => Promise<AppendOutcome>)[] = [];
  readonly reads: StreamPageQuery[] = [];
  readonly sent: AppendCommand[] = [];

  constructor() {
    super(() => 0);
  }

  #isRival = false;

  override async append(command: AppendCommand): Promise<AppendOutcome> {
    if (this.#isRival) return super.append(command);
    this.sent.push(command);
    const skus = this.others.shift() ?? [];
    this.#isRival = true;
    if (skus.length > 0) await store.append('Cart-1', skus.map(toEvent));
    this.#isRival = false;
    const fail = this.fail.shift();
    const append = (): Promise<AppendOutcome> => super.append(command);
    return fail === undefined ? append() : fail(append);
  }

  override readStreamPage(query: StreamPageQuery): Promise<readonly RecordedEvent[]> {
    this.reads.push(query);
    return super.readStreamPage(query);
  }
}

function toEvent(sku: string) {
  return sku === 'emptied' ? Emptied(null) : Added({ sku });
}

let storage: Contended;
let store: EventStore<typeof categories>;

beforeEach(() => {
  decidedOn.length = 0;
  storage = new Contended();
  store = createEventStore(storage, { categories });
});

const quick = { backoff: 0 };
const unknown = () => new AppendOutcomeUnknownError(['Cart-1'], ['x'], new Error('reset'));

async function skus(): Promise<Skus> {
  return (await store.load(cart, '1')).state;
}

describe.each([
  ['a decider', (sku: string, options?: object) => store.executeWithRetry(cart, '1', sku, { ...quick, ...options })],
  [
    'an aggregate',
    (sku: string, options?: object) => store.executeWithRetry(Cart, '1', (it) => it.add(sku), { ...quick, ...options }),
  ],
] as const)('executeWithRetry of %s', (_, add) => {
  test('decides again on the state of now when another writer got there first', async () => {
    storage.others.push(['a'], ['b', 'c']);
    const result = await add('mine');
    expect(result).toMatchObject({ streamName: 'Cart-1', streamVersion: 4, state: ['a', 'b', 'c', 'mine'] });
    expect(result.events.map(({ data }) => data)).toEqual([{ sku: 'mine' }]);
    expect(decidedOn).toEqual([[], ['a'], ['a', 'b', 'c']]);
    expect(await skus()).toEqual(['a', 'b', 'c', 'mine']);
  });

  test('reads only what it has not read', async () => {
    await store.append('Cart-1', ['x', 'y'].map(toEvent));
    storage.others.push(['a'], ['b']);
    await add('mine');
    expect(storage.reads.map(({ fromVersion }) => fromVersion)).toEqual([1, 3, 4]);
  });

  test('gives up after its tries, three unless told otherwise, and has written nothing', async () => {
    storage.others.push(['a'], ['b'], ['c'], ['d'], ['e']);
    const failed = add('mine');
    await expect(failed).rejects.toMatchObject({
      code: 'CONFLICT_NOT_RESOLVED',
      streamName: 'Cart-1',
      tries: 3,
      reason: 'tries',
      cause: { code: 'CONCURRENCY_CONFLICT', expectedVersion: 2, actualVersion: 3 },
    });
    await expect(add('mine', { tries: 1 })).rejects.toMatchObject({ tries: 1, reason: 'tries' });
    expect(await skus()).toEqual(['a', 'b', 'c', 'd']);
  });

  test('gives up when its budget is used up', async () => {
    storage.others.push(['a']);
    await expect(add('mine', { tries: 9, backoff: 1e6, maxBackoff: 1e9, budget: 0 })).rejects.toMatchObject({
      code: 'CONFLICT_NOT_RESOLVED',
      tries: 1,
      reason: 'budget',
    });
  });

  test('does not retry a version that was given: whoever saw it has to decide', async () => {
    await store.append('Cart-1', [toEvent('x')]);
    storage.others.push(['a']);
    await expect(add('mine', { expectedVersion: 1 })).rejects.toMatchObject({
      code: 'CONCURRENCY_CONFLICT',
      expectedVersion: 1,
      actualVersion: 2,
    });
    expect(await skus()).toEqual(['x', 'a']);
  });

  test('shows a resolver what came between, and does what it says', async () => {
    const seen: Conflict<Skus>[] = [];
    const answering = (...answers: Resolution[]) => ({
      tries: 9,
      onConflict: (conflict: Conflict<Skus>) => {
        seen.push(conflict);
        return answers.shift() ?? 'retry';
      },
    });
    storage.others.push(['a', 'emptied'], ['b']);
    expect(await add('mine', answering('retry', 'rebase'))).toMatchObject({ state: ['b', 'mine'], streamVersion: 4 });
    expect(seen).toMatchObject([
      {
        streamName: 'Cart-1',
        streamVersion: 2,
        state: [],
        tries: 1,
        decided: [{ type: 'Added', data: { sku: 'mine' } }],
      },
      { streamVersion: 3, state: ['b'], tries: 2 },
    ]);
    expect(seen.map(({ between }) => between.map(({ type }) => type))).toEqual([['Added', 'Emptied'], ['Added']]);
    // Not decided again for the rebase.
    expect(decidedOn).toEqual([[], []]);

    storage.others.push(['c']);
    expect(await add('other', answering('done'))).toEqual({
      streamName: 'Cart-1',
      streamVersion: 5,
      state: ['b', 'mine', 'c'],
      events: [],
      globalPosition: undefined,
    });

    storage.others.push(['d']);
    await expect(add('other', answering('reject'))).rejects.toMatchObject({
      code: 'CONFLICT_NOT_RESOLVED',
      reason: 'rejected',
      tries: 1,
      cause: expect.any(ConcurrencyConflictError),
    });
    expect(await skus()).toEqual(['b', 'mine', 'c', 'd']);
  });

  test('rebases as often as it has to', async () => {
    storage.others.push(['a'], ['b']);
    const onConflict = async (): Promise<Resolution> => 'rebase';
    expect(await add('mine', { onConflict })).toMatchObject({ state: ['a', 'b', 'mine'] });
    expect(decidedOn).toEqual([[]]);
  });

  test('refuses an answer that is none', async () => {
    storage.others.push(['a']);
    await expect(add('mine', { onConflict: () => 'merge' })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      argument: 'onConflict',
    });
  });

  test('sends an append that got no answer again, and it happens once', async () => {
    storage.fail.push(
      async (append) => {
        await append();
        throw unknown();
      },
      () => Promise.reject(new DatabaseUnavailableError('away')),
    );
    expect(await add('mine')).toMatchObject({ streamVersion: 1, state: ['mine'], globalPosition: 1 });
    expect(await skus()).toEqual(['mine']);
    const ids = storage.sent.map(({ entries }) => entries[0]?.events[0]?.id);
    expect([storage.sent.length, new Set(ids).size]).toEqual([3, 1]);
  });

  test('decides again when the append without an answer was not stored, and another writer got there first', async () => {
    storage.fail.push(() => Promise.reject(unknown()));
    storage.others.push([], ['a']);
    expect(await add('mine')).toMatchObject({ streamVersion: 2, state: ['a', 'mine'] });
  });

  test('says that the outcome is unknown when no try got an answer', async () => {
    const lost = unknown();
    storage.fail.push(
      () => Promise.reject(lost),
      () => Promise.reject(new DatabaseUnavailableError('away')),
      () => Promise.reject(new DatabaseUnavailableError('away')),
    );
    await expect(add('mine')).rejects.toBe(lost);
  });

  test('passes on an error before anything was sent', async () => {
    const away = new DatabaseUnavailableError('away');
    storage.fail.push(() => Promise.reject(away));
    await expect(add('mine')).rejects.toBe(away);
    expect(storage.sent).toHaveLength(1);
  });

  test('stops when it is aborted while it waits', async () => {
    const controller = new AbortController();
    const reason = new Error('the client has gone');
    storage.others.push(['a']);
    storage.fail.push((append) => {
      controller.abort(reason);
      return append();
    });
    await expect(add('mine', { backoff: 1e6, maxBackoff: 1e6, signal: controller.signal })).rejects.toBe(reason);
  });
});

describe('executeWithRetry', () => {
  test('lets an error of the decision through, also on a later try', async () => {
    storage.others.push(['forbidden']);
    await expect(store.executeWithRetry(cart, '1', 'mine', quick)).rejects.toThrow('This cart is closed.');
    expect(storage.sent).toHaveLength(1);
  });

  test('ends without an append where a later try decides on nothing', async () => {
    const unlessThere = defineDecider({
      ...definition,
      decide: (sku: string, state) => (state.includes(sku) ? [] : Added({ sku })),
    });
    storage.others.push(['mine']);
    const result = await store.executeWithRetry(unlessThere, '1', 'mine', quick);
    expect(result).toMatchObject({ streamVersion: 1, state: ['mine'], events: [] });
  });

  test('leaves a conflict that the work itself ran into alone', async () => {
    const work = store.executeWithRetry(
      Cart,
      '1',
      async (it) => {
        it.add('a');
        await store.append('Cart-2', [toEvent('b')], { expectedVersion: 7 });
      },
      quick,
    );
    await expect(work).rejects.toMatchObject({ code: 'CONCURRENCY_CONFLICT', streamName: 'Cart-2' });
    await expect(work).rejects.not.toBeInstanceOf(ConflictNotResolvedError);
  });

  test('lets everyone through in the end, however many there are', async () => {
    const writers = Array.from({ length: 16 }, (_, n) =>
      store.executeWithRetry(cart, '1', `${n}`, { tries: 100, backoff: 1 }),
    );
    await Promise.all(writers);
    expect((await skus()).toSorted((a, b) => Number(a) - Number(b))).toEqual(
      Array.from({ length: 16 }, (_, n) => `${n}`),
    );
  });

  test.each([{ tries: 0 }, { backoff: -1 }, { budget: Number.NaN }])('refuses %o', async (options) => {
    await expect(store.executeWithRetry(cart, '1', 'a', options)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});
