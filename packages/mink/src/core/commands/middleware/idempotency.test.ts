import { beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { MemoryStorage } from '../../../memory/memory-storage.ts';
import { defineDecider } from '../../deciders/decider.ts';
import { AppendOutcomeUnknownError, DatabaseUnavailableError } from '../../errors.ts';
import { defineEvents } from '../../events/define-events.ts';
import { payload } from '../../events/event-schema.ts';
import type { AppendCommand, AppendOutcome, KeyedResult } from '../../storage/event-storage.ts';
import { createEventStore, type EventStore } from '../../store/event-store.ts';
import { BusinessRuleViolationError } from '../business-rule-violation.ts';
import { createCommandBus, createQueryBus } from '../bus.ts';
import { defineCommands, defineQueries, type CommandOf } from '../define-messages.ts';
import { commandHandlers, deciderHandlers, queryHandlers } from '../handlers.ts';
import type { Middleware } from '../message-context.ts';
import { idempotency, type IdempotencyOptions } from './idempotency.ts';
import { retry } from './retry.ts';

const orderEvents = defineEvents({
  Created: z.object({
    at: z.codec(z.iso.datetime(), z.date(), { decode: (text) => new Date(text), encode: (at) => at.toISOString() }),
  }),
  Confirmed: payload<null>(),
});
const categories = { Order: orderEvents };
const commands = defineCommands({
  Create: z.object({ id: z.string(), at: z.coerce.date() }),
  Confirm: z.object({ id: z.string() }),
});

class AlreadyCreatedError extends BusinessRuleViolationError {
  readonly by: string;
  readonly when: Date;

  constructor() {
    super('ALREADY_CREATED', 'The order is there already.');
    this.by = 'ann';
    this.when = new Date(0);
  }
}

/** The commands that were decided. */
const decided: string[] = [];
const order = defineDecider({
  category: 'Order',
  events: orderEvents,
  initialState: () => ({ at: undefined as Date | undefined, isConfirmed: false }),
  evolve: (state, event) =>
    event.type === 'Created' ? { ...state, at: event.data.at } : { ...state, isConfirmed: true },
  decide: (command: CommandOf<typeof commands>, state) => {
    decided.push(command.type);
    if (command.type === 'Create') {
      if (state.at !== undefined) throw new AlreadyCreatedError();
      return orderEvents.Created({ at: command.data.at });
    }
    if (state.at === undefined) throw new Error('not yet');
    return state.isConfirmed ? [] : orderEvents.Confirmed(null);
  },
});
const noteCommands = defineCommands({ Note: payload<{ texts: readonly string[]; value?: unknown }>() });

class Watched extends MemoryStorage {
  reads = 0;
  now: number;
  beforeAppend: (() => Promise<unknown>) | undefined;
  afterAppend: (() => void) | undefined;

  constructor() {
    const clock = { now: 1_000 };
    super(() => clock.now);
    this.now = 0;
    this.pass = (milliseconds) => (clock.now += milliseconds);
  }

  readonly pass: (milliseconds: number) => number;

  override async append(command: AppendCommand): Promise<AppendOutcome> {
    const { beforeAppend, afterAppend } = this;
    this.beforeAppend = undefined;
    this.afterAppend = undefined;
    await beforeAppend?.();
    const outcome = await super.append(command);
    afterAppend?.();
    return outcome;
  }

  override readResult(key: string): Promise<KeyedResult | undefined> {
    this.reads += 1;
    return super.readResult(key);
  }
}

let storage: Watched;
let store: EventStore<typeof categories>;

beforeEach(() => {
  decided.length = 0;
  storage = new Watched();
  store = createEventStore(storage, { categories });
});

/** A bus of one process: each has its own memory of what is under way. */
function createBus(options: IdempotencyOptions = {}, ...outer: readonly Middleware[]) {
  return createCommandBus(store, {
    handlers: [
      deciderHandlers(commands, order, { id: ({ data }) => data.id, backoff: 0 }),
      commandHandlers(noteCommands, {
        Note: ({ data }) => ({
          append: data.texts.map((text) => ({
            streamName: `Order-${text}`,
            events: [orderEvents.Created({ at: new Date(5) })],
          })),
          value: data.value,
        }),
      }),
    ],
    middleware: [...outer, idempotency(options)],
  });
}

const create = (id: string, key: string | undefined, at = '2026-01-01') => ({
  ...commands.Create({ id, at }),
  ...(key === undefined ? {} : { id: key }),
});
const confirm = (id: string, key: string) => ({ ...commands.Confirm({ id }), id: key });

describe('a command with an id', () => {
  test('gives every repeat the first result, whatever has happened since', async () => {
    const first = await createBus().dispatch(create('1', 'k'));
    await createBus().dispatch(confirm('1', 'l'));
    const again = await createBus().dispatch(create('1', 'k'));
    expect(again).toEqual(first);
    expect(again).toMatchObject({
      commandId: 'k',
      streamVersion: 1,
      state: { at: new Date('2026-01-01'), isConfirmed: false },
    });
    expect(decided).toEqual(['Create', 'Confirm']);
    expect((await store.readAll().toArray()).length).toBe(2);
  });

  test('has one execution for all repeats in a process at the same time', async () => {
    const bus = createBus();
    const results = await Promise.all(Array.from({ length: 64 }, () => bus.dispatch(create('1', 'k'))));
    expect(new Set(results).size).toBe(1);
    expect([decided.length, storage.reads]).toEqual([1, 1]);
    // Nothing is remembered beyond that.
    await bus.dispatch(create('1', 'k'));
    expect(storage.reads).toBe(2);
  });

  test('has one effect, and one result, where several processes handle it at once', async () => {
    const buses = Array.from({ length: 8 }, () => createBus());
    const results = await Promise.all(buses.map((bus) => bus.dispatch(create('1', 'k'))));
    for (const result of results) expect(result).toEqual(results[0]);
    expect((await store.readAll().toArray()).length).toBe(1);
  });

  test('gives the result of the process that won to one that runs into its effect', async () => {
    const slow = createBus();
    let open: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    storage.beforeAppend = () => gate;
    const losing = slow.dispatch(create('1', 'k'));
    await expect.poll(() => decided.length).toBe(1);
    const winning = await createBus().dispatch(create('1', 'k'));
    open();
    expect(await losing).toEqual(winning);
    // And where it is a rule of the domain that it runs into, or any other error.
    const late: Middleware = async (context, next) => next(context);
    expect(await createBus({}, late).dispatch(create('1', 'k'))).toEqual(winning);
  });

  test('keeps the refusal of a rule: a repeat gets it, too, and the class, code and fields with it', async () => {
    await createBus().dispatch(create('1', 'k'));
    await expect(createBus().dispatch(create('1', 'l'))).rejects.toBeInstanceOf(AlreadyCreatedError);
    const again = createBus().dispatch(create('1', 'l'));
    await expect(again).rejects.toBeInstanceOf(BusinessRuleViolationError);
    await expect(again).rejects.toMatchObject({
      name: 'AlreadyCreatedError',
      code: 'ALREADY_CREATED',
      message: 'The order is there already.',
      by: 'ann',
    });
    expect(decided).toEqual(['Create', 'Create']);
  });

  test('may be sent again after any other error', async () => {
    await expect(createBus().dispatch(confirm('1', 'k'))).rejects.toThrow('not yet');
    await createBus().dispatch(create('1', 'other'));
    expect((await createBus().dispatch(confirm('1', 'k'))).state.isConfirmed).toBe(true);
    const isResult = (error: unknown): boolean => String(error).includes('not yet');
    await expect(createBus({ isResult }).dispatch(confirm('2', 'l'))).rejects.toThrow('not yet');
    await createBus().dispatch(create('2', 'other-2'));
    await expect(createBus().dispatch(confirm('2', 'l'))).rejects.toThrow('not yet');
  });

  test('keeps that nothing was to be done', async () => {
    await createBus().dispatch(create('1', 'a'));
    await createBus().dispatch(confirm('1', 'b'));
    const first = await createBus().dispatch(confirm('1', 'c'));
    expect(first).toMatchObject({ events: [], streamVersion: 2, globalPosition: undefined });
    await store.append('Order-1', [orderEvents.Confirmed(null)]);
    expect(await createBus().dispatch(confirm('1', 'c'))).toEqual(first);
  });

  test('gives the value and the streams of a handler of one’s own again', async () => {
    const note = { ...noteCommands.Note({ texts: ['1', '2'], value: { n: [1, null] } }), id: 'k' };
    const first = await createBus().dispatch(note);
    expect(first).toMatchObject({ value: { n: [1, null] }, globalPosition: 2 });
    expect(await createBus().dispatch(note)).toEqual(first);
    expect((await store.readAll().toArray()).length).toBe(2);
    const only = { ...noteCommands.Note({ texts: [], value: 'done' }), id: 'l' };
    const done = await createBus().dispatch(only);
    expect([await createBus().dispatch(only), done.value]).toEqual([done, 'done']);
    const nothing = { ...noteCommands.Note({ texts: [] }), id: 'm' };
    expect(await createBus().dispatch(nothing)).toEqual(await createBus().dispatch(nothing));
  });

  test('cannot have a value that a repeat could not get', async () => {
    const note = { ...noteCommands.Note({ texts: ['1'], value: { at: new Date(0) } }), id: 'k' };
    await expect(createBus().dispatch(note)).rejects.toThrow('handlers.Note: value.at is a Date');
    expect(await store.readAll().toArray()).toEqual([]);
  });

  test('is answered even where the answer of the append was lost', async () => {
    storage.afterAppend = () => {
      throw new AppendOutcomeUnknownError(['Order-1'], ['x'], new Error('reset'));
    };
    const result = await createBus().dispatch(create('1', 'k'));
    expect(result).toMatchObject({ streamVersion: 1, commandId: 'k' });
    expect((await store.readAll().toArray()).length).toBe(1);
  });

  test('finds its result behind a retry, where an error hid that it was stored', async () => {
    storage.afterAppend = () => {
      throw new DatabaseUnavailableError('away');
    };
    const result = await createBus({}, retry({ backoff: 0 })).dispatch(create('1', 'k'));
    expect(result).toMatchObject({ streamVersion: 1, commandId: 'k' });
    expect(decided).toHaveLength(1);
  });

  test('may be used again when its result has expired', async () => {
    await createBus({ ttl: 100 }).dispatch(create('1', 'k'));
    storage.pass(99);
    await createBus().dispatch(create('1', 'k'));
    storage.pass(1);
    await expect(createBus().dispatch(create('1', 'k'))).rejects.toBeInstanceOf(AlreadyCreatedError);
    expect(await storage.deleteExpiredResults(10)).toBe(0);
  });

  test('is refused for another command, or with other data', async () => {
    await createBus().dispatch(create('1', 'k'));
    const reused = { code: 'IDEMPOTENCY_KEY_REUSED', key: 'k', firstMessageType: 'Create' };
    await expect(createBus().dispatch(confirm('1', 'k'))).rejects.toMatchObject({ ...reused, messageType: 'Confirm' });
    await expect(createBus().dispatch(create('2', 'k'))).rejects.toMatchObject({ ...reused, messageType: 'Create' });
    await expect(createBus().dispatch(create('1', 'k', '2027-01-01'))).rejects.toMatchObject(reused);
    const bus = createBus();
    const both = [bus.dispatch(create('2', 'l')), bus.dispatch(create('3', 'l'))];
    expect(await Promise.allSettled(both)).toMatchObject([
      { status: 'fulfilled' },
      { reason: { ...reused, key: 'l' } },
    ]);
    expect((await store.readAll().toArray()).length).toBe(2);
  });

  test('goes on for one sender when another, whose call it was, has gone', async () => {
    const bus = createBus();
    const [first, second] = [new AbortController(), new AbortController()];
    storage.beforeAppend = () => {
      first.abort(new Error('first has gone'));
      throw first.signal.reason;
    };
    const results = [
      bus.dispatch(create('1', 'k'), { signal: first.signal }),
      bus.dispatch(create('1', 'k'), { signal: second.signal }),
    ];
    expect(await Promise.allSettled(results)).toMatchObject([
      { reason: { message: 'first has gone' } },
      { status: 'fulfilled', value: { streamVersion: 1 } },
    ]);
  });

  test('lets a sender go who waits for another’s call', async () => {
    const bus = createBus();
    let open: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    storage.beforeAppend = () => gate;
    const controller = new AbortController();
    const first = bus.dispatch(create('1', 'k'));
    const second = bus.dispatch(create('1', 'k'), { signal: controller.signal });
    controller.abort(new Error('second has gone'));
    await expect(second).rejects.toThrow('second has gone');
    open();
    expect((await first).streamVersion).toBe(1);
  });

  test.each([['x'.repeat(513)], ['a\u0000b'], ['\ud800']])('must have one that can be stored, not %j', async (key) => {
    await expect(createBus().dispatch(create('1', key))).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      argument: 'message.id',
    });
  });
});

describe('without an id', () => {
  test('a command is new each time', async () => {
    await createBus().dispatch(create('1', undefined));
    await expect(createBus().dispatch(create('1', undefined))).rejects.toBeInstanceOf(AlreadyCreatedError);
    expect(storage.reads).toBe(0);
  });

  test('and with one, a query is asked each time', async () => {
    const queries = defineQueries({ Count: payload<null>() });
    let asked = 0;
    const bus = createQueryBus({
      handlers: [queryHandlers(queries, { Count: () => (asked += 1) })],
      middleware: [idempotency()],
    });
    expect([
      await bus.ask({ ...queries.Count(null), id: 'k' }),
      await bus.ask({ ...queries.Count(null), id: 'k' }),
    ]).toEqual([1, 2]);
  });
});

describe('expired results', () => {
  test('are forgotten now and then, and it matters to nobody when that fails', async () => {
    const failed: unknown[] = [];
    const bus = createBus({ ttl: 1, onCleanupError: (error) => failed.push(error) });
    await bus.dispatch(create('1', 'k'));
    storage.pass(1);
    await createBus().dispatch(create('2', 'l'));
    await expect.poll(() => storage.deleteExpiredResults(10)).toBe(0);
    storage.deleteExpiredResults = () => Promise.reject(new Error('disk'));
    await createBus({ onCleanupError: (error) => failed.push(error) }).dispatch(create('3', 'm'));
    await expect.poll(() => failed.length).toBe(1);
  });
});

test.each([{ ttl: 0 }, { ttl: 1.5 }])('%o are no options', (options) => {
  expect(() => idempotency(options)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
});
