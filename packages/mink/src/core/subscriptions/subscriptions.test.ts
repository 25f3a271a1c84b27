import { describe, expect, test, vi } from 'vitest';
import { createMemoryStorage, createMemoryStore } from '../../memory/index.ts';
import { BusinessRuleViolationError } from '../commands/business-rule-violation.ts';
import { DatabaseUnavailableError } from '../errors.ts';
import { defineEvents } from '../events/define-events.ts';
import { payload } from '../events/event-schema.ts';
import { upcastFrom } from '../events/upcasting.ts';
import { defineProjection } from '../projections/define-projection.ts';
import { createProjectionEngine } from '../projections/projection-engine.ts';
import type { CommitOutcome } from '../projections/projection-storage.ts';
import { documents } from '../projections/read-model.ts';
import { createEventStore } from '../store/event-store.ts';
import { defineSubscription, type DeliveryContext, type SubscriptionStart } from './define-subscription.ts';

const events = defineEvents({ Sent: payload<{ n: number }>(), Noted: payload<null>() });
const sent = (n: number) => events.Sent({ n });

/** Opens when it is told to. */
function gate() {
  let open = (): void => undefined;
  const promise = new Promise<void>((resolve) => (open = resolve));
  return { promise, resolve: () => open() };
}

function counting(
  handle: (n: number, context: DeliveryContext) => Promise<void> | void = () => undefined,
  options: { from?: SubscriptionStart; concurrency?: number; timeout?: number; batchSize?: number } = {},
) {
  const delivered: number[] = [];
  const subscription = defineSubscription({
    name: 'mails',
    events: { Cart: events },
    types: ['Sent'],
    from: 'start',
    ...options,
    handle: async ({ data }, context) => {
      await handle(data.n, context);
      delivered.push(data.n);
    },
  });
  return { delivered, subscription };
}

function open() {
  return createMemoryStore({ categories: { Cart: events } });
}

describe('a subscription', () => {
  test('gets the events that it names, from the start, and goes on where it was', async () => {
    const store = open();
    const { delivered, subscription } = counting();
    await store.append('Cart-1', [sent(1), events.Noted(null), sent(2)]);
    const engine = createProjectionEngine(store, [subscription]);
    await engine.start();
    await engine.waitFor(3);
    await engine.close();
    await store.append('Cart-1', [sent(3)]);
    await using again = createProjectionEngine(store, [subscription]);
    await again.start();
    await again.waitFor(4);
    expect(delivered).toEqual([1, 2, 3]);
    expect(await again.status()).toMatchObject([{ kind: 'subscription', events: 3, lagEvents: 0, state: 'live' }]);
  });

  test.each([
    ['end', [4]],
    [2, [3, 4]],
  ] as const)('begins %s the first time, and only then', async (from, expected) => {
    const store = open();
    await store.append('Cart-1', [sent(1), sent(2), sent(3)]);
    const { delivered, subscription } = counting(undefined, { from });
    const engine = createProjectionEngine(store, [subscription]);
    await engine.start();
    await engine.close();
    await store.append('Cart-1', [sent(4)]);
    await using again = createProjectionEngine(store, [counting().subscription, subscription].slice(1));
    await again.start();
    await again.waitFor(4);
    expect(delivered).toEqual(expected);
  });

  test('delivers different keys at once, and one key in order', async () => {
    const store = open();
    const gates = new Map(Array.from({ length: 6 }, (_, n) => [n, gate()]));
    const begun: number[] = [];
    const { delivered, subscription } = counting(
      async (n) => {
        begun.push(n);
        await gates.get(n)?.promise;
      },
      { concurrency: 2 },
    );
    for (let n = 0; n < 6; n += 1) await store.append(`Cart-${n % 3}`, [sent(n)]);
    await using engine = createProjectionEngine(store, [subscription]);
    await engine.start();
    await expect.poll(() => begun).toEqual([0, 1]);
    gates.get(1)?.resolve();
    // Not 3, whose key has one under way, nor two more at once.
    await expect.poll(() => begun).toEqual([0, 1, 2]);
    gates.get(2)?.resolve();
    await expect.poll(() => begun).toEqual([0, 1, 2, 4]);
    for (const one of gates.values()) one.resolve();
    await engine.waitFor(6);
    expect(delivered.filter((n) => n % 3 === 0)).toEqual([0, 3]);
    expect(delivered).toHaveLength(6);
  });

  test('tells the handler its key, its epoch, and which try it is', async () => {
    const store = open();
    const seen: unknown[] = [];
    const { subscription } = counting((_, { key, epoch, attempt, signal }) => {
      seen.push([key, epoch, attempt, signal.aborted]);
      if (attempt < 3) throw new Error('not yet');
    });
    await store.append('Cart-1', [sent(1)]);
    await using engine = createProjectionEngine(store, [subscription], { backoff: 0 });
    await engine.start();
    await engine.waitFor(1);
    expect(seen).toEqual([
      ['Cart-1', 1, 1, false],
      ['Cart-1', 1, 2, false],
      ['Cart-1', 1, 3, false],
    ]);
  });

  test('parks what fails for good with all of its key; the others go on, and are not delivered again', async () => {
    const store = open();
    const tries = new Map<number, number>();
    let isBroken = true;
    const { delivered, subscription } = counting((n) => {
      tries.set(n, (tries.get(n) ?? 0) + 1);
      if (n === 2 && isBroken) throw new Error('no such address');
      if (n === 3 && isBroken) throw new BusinessRuleViolationError('nobody', 'nobody there');
    });
    await store.append('Cart-1', [sent(1), sent(2), sent(4)]);
    await store.append('Cart-2', [sent(3)]);
    await store.append('Cart-3', [sent(5)]);
    await using engine = createProjectionEngine(store, [subscription], { tries: 3, backoff: 0 });
    await engine.start();
    await engine.waitFor(5);
    await store.append('Cart-1', [sent(6)]).then((done) => engine.waitFor(done.globalPosition));
    expect(delivered).toEqual([1, 5]);
    expect(Object.fromEntries(tries)).toEqual({ 1: 1, 2: 3, 3: 1, 5: 1 });
    expect(await engine.deadLetters.list().toArray()).toMatchObject([
      { key: 'Cart-1', events: 3, error: 'no such address', attempts: 3 },
      { key: 'Cart-2', events: 1, attempts: 1 },
    ]);
    const of = { projection: subscription, key: 'Cart-1' };
    await expect(engine.deadLetters.dryRun(of)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect(await engine.deadLetters.retry(of)).toEqual({ applied: 0, left: 3, error: 'no such address' });
    isBroken = false;
    expect(await engine.deadLetters.retry(of)).toEqual({ applied: 3, left: 0, error: undefined });
    expect(await engine.deadLetters.discard({ ...of, key: 'Cart-2' }, { reason: 'gone' })).toBe(1);
    await store.append('Cart-1', [sent(7)]).then((done) => engine.waitFor(done.globalPosition));
    expect(delivered).toEqual([1, 5, 2, 4, 6, 7]);
    expect(await engine.status()).toMatchObject([{ parkedKeys: 0, state: 'live' }]);
  });

  test('waits out what is transient, without limit, while other keys go on', async () => {
    const store = open();
    let tries = 0;
    const { delivered, subscription } = counting((n) => {
      if (n !== 1) return;
      tries += 1;
      if (tries < 8) throw new Error('503');
    });
    await store.append('Cart-1', [sent(1)]);
    await store.append('Cart-2', [sent(2)]);
    const classify = () => 'transient' as const;
    await using engine = createProjectionEngine(store, [subscription], { tries: 1, backoff: 1, classify });
    await engine.start();
    await expect.poll(async () => (await engine.status())[0]).toMatchObject({ state: 'retrying', error: '503' });
    await engine.waitFor(2);
    expect(delivered).toEqual([2, 1]);
    expect(await engine.status()).toMatchObject([{ state: 'live', error: undefined }]);
  });

  test('ends what takes too long, by its signal, and parks it', async () => {
    const store = open();
    const { delivered, subscription } = counting(
      async (n, { signal }) => {
        if (n === 1)
          await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
        if (n === 2) await gate().promise;
      },
      { timeout: 20 },
    );
    for (const n of [1, 2, 3]) await store.append(`Cart-${n}`, [sent(n)]);
    await using engine = createProjectionEngine(store, [subscription], { tries: 2, backoff: 0 });
    await engine.start();
    await engine.waitFor(3);
    expect(delivered).toEqual([3]);
    const parked = await engine.deadLetters.list().toArray();
    expect(parked.map(({ key, attempts, error }) => [key, attempts, error.includes('longer than 20 ms')])).toEqual([
      ['Cart-1', 2, true],
      ['Cart-2', 2, true],
    ]);
  });

  test('is ended within a third of the lease, and keeps what was acknowledged', async () => {
    const store = open();
    const ended: unknown[] = [];
    let isFirst = true;
    const { delivered, subscription } = counting(async (n, { signal }) => {
      if (n !== 3 || !isFirst) return;
      isFirst = false;
      signal.addEventListener('abort', () => ended.push(signal.reason));
      await gate().promise;
    });
    for (const n of [1, 2, 3, 4]) await store.append(`Cart-${n}`, [sent(n)]);
    const engine = createProjectionEngine(store, [subscription], { leaseDuration: 300 });
    await engine.start();
    await expect.poll(() => delivered).toEqual([1, 2, 4]);
    await engine.close();
    // By the closing, and not only when its own time was up.
    expect(ended).toMatchObject([{ name: 'AbortError' }]);
    expect(await store.projections.list()).toMatchObject([{ position: 2, state: 'stopped' }]);
    await using again = createProjectionEngine(store, [subscription]);
    await again.start();
    await again.waitFor(4);
    expect(delivered).toEqual([1, 2, 4, 3, 4]);
  });

  test('lets a handler that is under way end when it is closed', async () => {
    const store = open();
    const { promise, resolve } = gate();
    let isBegun = false;
    const { delivered, subscription } = counting(async () => {
      isBegun = true;
      await promise;
    });
    await store.append('Cart-1', [sent(1), sent(2)]);
    const engine = createProjectionEngine(store, [subscription]);
    await engine.start();
    await expect.poll(() => isBegun).toBe(true);
    const closed = engine.close();
    // Whatever closing does at once.
    await new Promise((done) => setImmediate(done));
    resolve();
    await closed;
    expect(delivered).toEqual([1]);
    expect(await store.projections.list()).toMatchObject([{ position: 1 }]);
  });

  test('stores what was acknowledged while something behind it is under way', async () => {
    const store = open();
    const { promise, resolve } = gate();
    const { subscription } = counting((n) => (n === 3 ? promise : undefined));
    for (const n of [1, 2, 3, 4]) await store.append(`Cart-${n}`, [sent(n)]);
    await using engine = createProjectionEngine(store, [subscription]);
    await engine.start();
    await expect.poll(async () => (await engine.status())[0]?.position, { timeout: 5_000 }).toBe(2);
    resolve();
    await engine.waitFor(4);
  });

  test('is paused after what is under way, and replayed from wherever one likes', async () => {
    const store = open();
    const { promise, resolve } = gate();
    let isBroken = true;
    const begun: number[] = [];
    const { delivered, subscription } = counting(async (n) => {
      begun.push(n);
      if (n === 1) await promise;
      if (n === 2 && isBroken) throw new Error('no');
    });
    await store.append('Cart-1', [sent(1), sent(2), sent(3)]);
    await store.append('Cart-2', [sent(4)]);
    await using engine = createProjectionEngine(store, [subscription], { tries: 1, leaseDuration: 60_000 });
    await engine.start();
    await expect.poll(() => begun).toEqual([1, 4]);
    const paused = engine.pause(subscription);
    resolve();
    await paused;
    expect(await engine.status()).toMatchObject([{ state: 'paused', position: 1 }]);
    await engine.resume(subscription);
    await engine.waitFor(4);
    expect(delivered).toEqual([4, 1, 4]);
    isBroken = false;
    // The second event of the first cart stays parked, the third comes again behind it.
    await engine.replay(subscription, { from: 2 });
    await engine.waitFor(4);
    expect(delivered).toEqual([4, 1, 4, 4]);
    expect(await engine.deadLetters.list().toArray()).toMatchObject([{ key: 'Cart-1', events: 2, position: 2 }]);
    await engine.replay(subscription, { from: 'start' });
    await engine.waitFor(4);
    expect(delivered.slice(4).filter((n) => n !== 4)).toEqual([1, 2, 3]);
    expect(await engine.status()).toMatchObject([{ parkedKeys: 0 }]);
    const before = delivered.length;
    await engine.replay(subscription, { from: 'end' });
    await store.append('Cart-1', [sent(5)]).then((done) => engine.waitFor(done.globalPosition));
    expect(delivered.slice(before)).toEqual([5]);
  });

  test('delivers in partitions, each apart from the others', async () => {
    const store = open();
    const keys = new Map<number, string[]>();
    const subscription = defineSubscription({
      name: 'mails',
      events: { Cart: events },
      types: ['Sent'],
      from: 'start',
      partitions: 4,
      handle: async ({ data }, { key }) => {
        keys.set(data.n, [...(keys.get(data.n) ?? []), key]);
      },
    });
    for (let n = 0; n < 40; n += 1) await store.append(`Cart-${n % 20}`, [sent(n)]);
    await using engine = createProjectionEngine(store, [subscription]);
    await engine.start();
    await engine.waitFor(40);
    expect(keys).toEqual(new Map(Array.from({ length: 40 }, (_, n) => [n, [`Cart-${n % 20}`]])));
    const [status] = await engine.status();
    expect(status?.partitions.filter(({ events: delivered }) => delivered > 0)).toHaveLength(4);
    await store.projections.partition(subscription, 1);
    await store.append('Cart-1', [sent(40)]).then((done) => engine.waitFor(done.globalPosition));
    // Whoever delivered it while partitions were merged may have been cut off.
    expect([...new Set(keys.get(40))]).toEqual(['Cart-1']);
    await expect(store.projections.verify(subscription)).rejects.toThrow('is a subscription');
  });

  test('is brought up to date in a call, without an engine that runs', async () => {
    const store = open();
    const { delivered, subscription } = counting();
    await store.append('Cart-1', [sent(1), sent(2)]);
    await using engine = createProjectionEngine(store, [subscription]);
    await engine.catchUp();
    expect(delivered).toEqual([1, 2]);
  });

  test('is neither reset, nor is a projection replayed, nor may they have one name', async () => {
    const store = open();
    const { subscription } = counting();
    const projection = defineProjection({
      name: 'carts',
      events: { Cart: events },
      readModel: documents<null>(),
    }).on({ Sent: () => null });
    await using engine = createProjectionEngine(store, [subscription, projection]);
    await engine.start();
    await expect(engine.reset(subscription)).rejects.toThrow('"mails" is a subscription: replay it');
    await expect(engine.replay(projection, { from: 'start' })).rejects.toThrow('"carts" is a projection: reset it');
    await expect(engine.replay(subscription, { from: 9 })).rejects.toThrow('beyond the end of the log');
    const same = defineProjection({ ...projection, name: 'mails' }).on({ Sent: () => null });
    await using other = createProjectionEngine(store, [same]);
    await expect(other.start()).rejects.toMatchObject({ code: 'PROJECTION_NAME_TAKEN', projection: 'mails' });
  });

  test('is retried by one at a time', async () => {
    const store = open();
    const { promise, resolve } = gate();
    let isBroken = true;
    let isRetried = false;
    const { delivered, subscription } = counting(async () => {
      if (isBroken) throw new Error('no');
      isRetried = true;
      await promise;
    });
    await store.append('Cart-1', [sent(1), sent(2)]);
    await using engine = createProjectionEngine(store, [subscription], { tries: 1 });
    await engine.start();
    await engine.waitFor(2);
    isBroken = false;
    const of = { projection: subscription, key: 'Cart-1' };
    const first = engine.deadLetters.retry(of);
    await expect.poll(() => isRetried).toBe(true);
    await expect(engine.deadLetters.retry(of)).rejects.toMatchObject({ code: 'KEY_BEING_RETRIED', key: 'Cart-1' });
    resolve();
    expect(await first).toMatchObject({ applied: 2, left: 0 });
    expect(await engine.deadLetters.retry(of)).toEqual({ applied: 0, left: 0, error: undefined });
    expect(delivered).toEqual([1, 2]);
  });

  test('stops where there is no room for dead letters, and has stored what was acknowledged before', async () => {
    const store = open();
    const { delivered, subscription } = counting((n) => {
      if (n === 3) throw new Error('no');
    });
    for (const n of [1, 2, 3, 4]) await store.append(`Cart-${n}`, [sent(n)]);
    await using engine = createProjectionEngine(store, [subscription], { tries: 1, maxParkedKeys: 0 });
    await engine.start();
    await expect.poll(async () => (await engine.status())[0]).toMatchObject({ state: 'faulted', position: 2 });
    expect(delivered).toEqual([1, 2, 4]);
  });

  test.each([
    ['fails for a while', () => Promise.reject(new DatabaseUnavailableError('away'))],
    ['finds a key retried meanwhile', () => Promise.resolve('unparked')],
  ] satisfies readonly (readonly [string, () => Promise<CommitOutcome>])[])(
    'delivers nothing again when the storing %s',
    async (_, answer) => {
      const storage = createMemoryStorage();
      const store = createEventStore(storage, { categories: { Cart: events } });
      const { delivered, subscription } = counting();
      const { readModels } = storage;
      if (readModels === undefined) throw new Error('the memory keeps read models');
      const commit = vi.spyOn(readModels, 'commitProjection').mockImplementationOnce(() => answer());
      await store.append('Cart-1', [sent(1), sent(2)]);
      await store.append('Cart-2', [sent(3)]);
      await using engine = createProjectionEngine(store, [subscription], { backoff: 1 });
      await engine.start();
      await engine.waitFor(3);
      expect(delivered.toSorted((left, right) => left - right)).toEqual([1, 2, 3]);
      expect(commit.mock.calls.length).toBeGreaterThan(1);
    },
  );

  test('begins no further delivery once its lease has run out, and is refused what was under way', async () => {
    const storage = createMemoryStorage();
    const store = createEventStore(storage, { categories: { Cart: events } });
    const { readModels } = storage;
    if (readModels === undefined) throw new Error('the memory keeps read models');
    const lease = readModels.leaseProjections.bind(readModels);
    const [away, handler] = [gate(), gate()];
    const owners: string[] = [];
    vi.spyOn(readModels, 'leaseProjections').mockImplementation(async (request) => {
      // The first process is frozen: it looks once, and then not before the end.
      if (request.owner === owners[0]) await away.promise;
      owners.push(request.owner);
      return lease(request);
    });
    const commit = vi.spyOn(readModels, 'commitProjection');
    const first = counting((n) => (n === 1 ? handler.promise : undefined));
    const second = counting();
    await store.append('Cart-1', [sent(1), sent(2)]);
    const frozen = createProjectionEngine(store, [first.subscription], { leaseDuration: 200 });
    await frozen.start();
    await using engine = createProjectionEngine(store, [second.subscription], { leaseDuration: 200 });
    await engine.start();
    try {
      await engine.waitFor(2);
      expect(second.delivered).toEqual([1, 2]);
      handler.resolve();
      await expect.poll(() => commit.mock.settledResults.map(({ value }) => value)).toContain('lost');
      expect(first.delivered).toEqual([1]);
    } finally {
      away.resolve();
      await frozen.close();
    }
  });

  test('goes on with what is left of a batch when its lease was renewed meanwhile', async () => {
    const storage = createMemoryStorage();
    const store = createEventStore(storage, { categories: { Cart: events } });
    const { readModels } = storage;
    if (readModels === undefined) throw new Error('the memory keeps read models');
    const lease = readModels.leaseProjections.bind(readModels);
    const [away, handler] = [gate(), gate()];
    const looks = vi.spyOn(readModels, 'leaseProjections').mockImplementation(async (request) => {
      if (looks.mock.calls.length > 1) await away.promise;
      return lease(request);
    });
    const { delivered, subscription } = counting((n) => (n === 1 ? handler.promise : undefined));
    await store.append('Cart-1', [sent(1), sent(2), sent(3)]);
    const engine = createProjectionEngine(store, [subscription], { leaseDuration: 100 });
    await engine.start();
    try {
      const end = performance.now() + 100;
      await expect.poll(() => performance.now()).toBeGreaterThan(end);
      handler.resolve();
      // Nobody has taken over: what was under way is stored, and that renews the lease.
      await engine.waitFor(3);
      expect(delivered).toEqual([1, 2, 3]);
    } finally {
      away.resolve();
      await engine.close();
    }
  });

  test('parks the stream of what cannot be read; where keys are its own, it stands still before it', async () => {
    const storage = createMemoryStorage();
    const untyped = createEventStore(storage);
    for (const [cart, n] of [
      [1, 1],
      [2, 2],
      [2, 3],
      [3, 4],
    ]) {
      await untyped.append(`Cart-${cart}`, [{ type: 'Sent', data: { n } }]);
    }
    const unreadable = defineEvents({
      Sent: upcastFrom(payload<{ n: number }>())
        .to(2, (data) => {
          if (data.n === 2) throw new Error('cannot read it');
          return data;
        })
        .now(payload<{ n: number }>()),
    });
    const store = createEventStore(storage, { categories: { Cart: unreadable } });
    const handled: string[] = [];
    const reading = (name: string, key?: () => string) =>
      defineSubscription({
        name,
        events: { Cart: unreadable },
        from: 'start',
        key,
        handle: async ({ data }) => {
          handled.push(`${name} ${data.n}`);
        },
      });
    const subscriptions = [reading('by-stream'), reading('by-key', () => 'one')];
    await using engine = createProjectionEngine(store, subscriptions, { tries: 2, backoff: 0 });
    await engine.start();
    await expect
      .poll(() => engine.status())
      .toMatchObject([
        { state: 'live', position: 4, parkedKeys: 1 },
        { state: 'faulted', position: 1, parkedKeys: 0 },
      ]);
    expect(handled.toSorted()).toEqual(['by-key 1', 'by-stream 1', 'by-stream 4']);
    expect(await engine.deadLetters.list().toArray()).toMatchObject([{ key: 'Cart-2', events: 2, position: 2 }]);
  });
});

describe('what is no subscription', () => {
  const definition = { name: 'mails', events: { Cart: events }, from: 'start' as const, handle: async () => undefined };

  test.each([
    ['name', { name: 'Not A Name' }],
    ['concurrency', { concurrency: 0 }],
    ['timeout', { timeout: 0 }],
    ['batchSize', { batchSize: 0.5 }],
    ['from', { from: -1 }],
    ['types', { types: [] }],
  ])('%s is refused', (argument, wrong) => {
    expect(() => defineSubscription({ ...definition, ...wrong })).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', argument }),
    );
  });

  test('a start that is none, a type that is not there, and no handler, are refused', () => {
    const define = (wrong: object) => () => defineSubscription({ ...definition, ...wrong });
    expect(define({ from: 'middle' })).toThrow('from');
    expect(define({ from: undefined })).toThrow('from');
    expect(define({ types: ['Nope'] })).toThrow('Nope');
    expect(define({ handle: undefined })).toThrow('handle');
  });
});
