import { beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createMemoryStorage } from '../../memory/index.ts';
import { Aggregate } from '../deciders/aggregate.ts';
import { defineDecider } from '../deciders/decider.ts';
import { defineEvents } from '../events/define-events.ts';
import { payload } from '../events/event-schema.ts';
import { currentMetadata } from '../metadata.ts';
import type { EventStorage } from '../storage/event-storage.ts';
import { createEventStore, type EventStore } from '../store/event-store.ts';
import { createCommandBus, createQueryBus } from './bus.ts';
import { defineCommands, defineQueries, fromOutside, type CommandOf } from './define-messages.ts';
import { aggregateHandlers, commandHandlers, deciderHandlers, queryHandlers } from './handlers.ts';
import type { Middleware } from './message-context.ts';

const accountEvents = defineEvents({
  Opened: payload<{ owner: string }>(),
  Deposited: payload<{ amount: number }>(),
  Withdrawn: payload<{ amount: number }>(),
});
const { Opened, Deposited, Withdrawn } = accountEvents;
const categories = { Account: accountEvents };

const accountCommands = defineCommands({
  Open: z.object({ id: z.string(), owner: z.string().default('nobody') }),
  Deposit: z.object({ id: z.string(), amount: z.number().positive() }),
});
type AccountCommand = CommandOf<typeof accountCommands>;

interface AccountState {
  readonly owner: string | undefined;
  readonly balance: number;
}
const definition = {
  category: 'Account' as const,
  events: accountEvents,
  initialState: (): AccountState => ({ owner: undefined, balance: 0 }),
  evolve: (
    state: AccountState,
    event: { type: 'Opened'; data: { owner: string } } | { type: 'Deposited' | 'Withdrawn'; data: { amount: number } },
  ): AccountState => {
    if (event.type === 'Opened') return { ...state, owner: event.data.owner };
    const sign = event.type === 'Deposited' ? 1 : -1;
    return { ...state, balance: state.balance + sign * event.data.amount };
  },
};
const account = defineDecider({
  ...definition,
  decide: (command: AccountCommand, state) => {
    switch (command.type) {
      case 'Open':
        return state.owner === undefined ? Opened({ owner: command.data.owner }) : [];
      case 'Deposit':
        if (state.owner === undefined) throw new Error('There is no such account.');
        return Deposited({ amount: command.data.amount });
    }
  },
});
class Account extends Aggregate(definition) {
  open(owner: string): void {
    if (this.state.owner === undefined) this.apply(Opened({ owner }));
  }

  deposit(amount: number): void {
    if (this.state.owner === undefined) throw new Error('There is no such account.');
    this.apply(Deposited({ amount }));
  }
}
const transferCommands = defineCommands({
  Transfer: z.object({ from: z.string(), to: z.string(), amount: z.number() }),
  Ping: payload<{ n: number }>(),
});

let storage: EventStorage;
let store: EventStore<typeof categories>;

beforeEach(() => {
  storage = createMemoryStorage();
  store = createEventStore(storage, { categories });
});

function transferHandlers(options = {}) {
  return commandHandlers(
    transferCommands,
    {
      Transfer: async ({ data: { from, to, amount } }) => {
        const source = await store.load(account, from);
        if (source.state.balance < amount) throw new Error('There is not enough money.');
        return {
          append: [
            { streamName: source.streamName, expectedVersion: source.streamVersion, events: [Withdrawn({ amount })] },
            { streamName: `Account-${to}`, expectedVersion: 'stream_exists', events: [Deposited({ amount })] },
          ],
          value: { left: source.state.balance - amount },
        };
      },
      Ping: ({ data }) => ({ value: data.n + 1 }),
    },
    options,
  );
}

const byId = { id: ({ data }: AccountCommand) => data.id, backoff: 0 };

function allHandlers() {
  return [deciderHandlers(accountCommands, account, byId), transferHandlers()] as const;
}

describe.each([
  ['a decider', () => deciderHandlers(accountCommands, account, byId)],
  [
    'an aggregate',
    () =>
      aggregateHandlers(accountCommands, Account, {
        ...byId,
        handle: {
          Open: (it, { data }) => it.open(data.owner),
          Deposit: (it, { data }) => it.deposit(data.amount),
        },
      }),
  ],
])('commands handled by %s', (_, handlers) => {
  test('give what they have led to: versions, events and the new state', async () => {
    const bus = createCommandBus(store, { handlers: [handlers()], newId: () => 'id-1' });
    await bus.dispatch(accountCommands.Open({ id: '1' }));
    const result = await bus.dispatch(accountCommands.Deposit({ id: '1', amount: 5 }));
    expect(result).toMatchObject({
      commandId: 'id-1',
      streamName: 'Account-1',
      streamVersion: 2,
      globalPosition: 2,
      state: { owner: 'nobody', balance: 5 },
      events: [{ type: 'Deposited', data: { amount: 5 } }],
    });
  });

  test('throw what the decision throws', async () => {
    const bus = createCommandBus(store, { handlers: [handlers()] });
    await expect(bus.dispatch(accountCommands.Deposit({ id: '1', amount: 5 }))).rejects.toThrow('no such account');
  });

  test('are decided again when another writer got there first', async () => {
    const bus = createCommandBus(store, { handlers: [handlers()] });
    await bus.dispatch(accountCommands.Open({ id: '1' }));
    const deposits = Array.from({ length: 3 }, () => bus.dispatch(accountCommands.Deposit({ id: '1', amount: 1 })));
    await Promise.all(deposits);
    expect((await store.load(account, '1')).state.balance).toBe(3);
  });

  test('may name the version that their sender has seen', async () => {
    const bus = createCommandBus(store, { handlers: [handlers()] });
    await bus.dispatch(accountCommands.Open({ id: '1' }), { expectedVersion: 'no_stream' });
    await expect(
      bus.dispatch(accountCommands.Deposit({ id: '1', amount: 1 }), { expectedVersion: 7 }),
    ).rejects.toMatchObject({ code: 'CONCURRENCY_CONFLICT', expectedVersion: 7, actualVersion: 1 });
  });
});

describe('a command handler of one’s own', () => {
  test('reads, decides on an append to several streams, and gives a value', async () => {
    const bus = createCommandBus(store, { handlers: allHandlers() });
    for (const id of ['1', '2']) await bus.dispatch(accountCommands.Open({ id }));
    await bus.dispatch(accountCommands.Deposit({ id: '1', amount: 10 }));
    const result = await bus.dispatch(transferCommands.Transfer({ from: '1', to: '2', amount: 4 }));
    expect(result).toMatchObject({
      value: { left: 6 },
      globalPosition: 5,
      streams: [
        { streamName: 'Account-1', streamVersion: 3 },
        { streamName: 'Account-2', streamVersion: 2 },
      ],
    });
    expect((await store.load(account, '2')).state.balance).toBe(4);
  });

  test('need not append anything', async () => {
    const bus = createCommandBus(store, { handlers: allHandlers(), newId: () => 'id-1' });
    const result = await bus.dispatch(transferCommands.Ping({ n: 1 }));
    expect(result).toEqual({ commandId: 'id-1', value: 2, streams: [], globalPosition: undefined });
  });

  test('is asked again when another writer got there first, and gives up in the end', async () => {
    const bus = createCommandBus(store, { handlers: [transferHandlers({ backoff: 0 })] });
    await store.append('Account-1', [Opened({ owner: 'a' }), Deposited({ amount: 100 })]);
    await store.append('Account-2', [Opened({ owner: 'b' })]);
    const transfers = [1, 2, 3].map((amount) =>
      bus.dispatch(transferCommands.Transfer({ from: '1', to: '2', amount })),
    );
    await Promise.all(transfers);
    expect((await store.load(account, '2')).state.balance).toBe(6);

    const hasty = createCommandBus(store, { handlers: [transferHandlers({ tries: 1 })] });
    const lost = [1, 2].map((amount) => hasty.dispatch(transferCommands.Transfer({ from: '1', to: '2', amount })));
    expect(await Promise.allSettled(lost)).toMatchObject([
      { status: 'fulfilled' },
      { reason: { code: 'CONFLICT_NOT_RESOLVED', tries: 1, streamName: 'Account-1' } },
    ]);
  });

  test('passes on every other error of the append', async () => {
    const bus = createCommandBus(store, {
      handlers: [
        commandHandlers(transferCommands, {
          Transfer: () => ({ append: [{ streamName: 'Nope', events: [Deposited({ amount: 1 })] }] }),
          Ping: () => undefined,
        }),
      ],
    });
    await expect(bus.dispatch(transferCommands.Transfer({ from: '', to: '', amount: 1 }))).rejects.toMatchObject({
      code: 'INVALID_STREAM_NAME',
    });
    expect((await bus.dispatch(transferCommands.Ping({ n: 1 }))).value).toBeUndefined();
  });
});

describe('data', () => {
  test('is checked by its schema, and handlers get what comes out', async () => {
    const bus = createCommandBus(store, { handlers: allHandlers() });
    const odd = { type: 'Deposit', data: { id: 5, amount: -1 } } as const;
    // @ts-expect-error the data is wrong
    await expect(bus.dispatch(odd)).rejects.toMatchObject({
      code: 'INVALID_MESSAGE',
      messageType: 'Deposit',
      issues: [{ path: 'id' }, { path: 'amount' }],
    });
    expect((await bus.dispatch(accountCommands.Open({ id: '1' }))).state.owner).toBe('nobody');
  });

  test('may wait for its schema', async () => {
    const commands = defineCommands({ Slow: z.string().refine(async (text) => text !== 'bad', 'is bad') });
    const bus = createCommandBus(store, {
      handlers: [commandHandlers(commands, { Slow: ({ data }) => ({ value: data }) })],
    });
    expect((await bus.dispatch(commands.Slow('good'))).value).toBe('good');
    await expect(bus.dispatch(commands.Slow('bad'))).rejects.toThrow('"Slow" has invalid data. is bad');
  });

  test('with a __proto__ pollutes nothing, and an event cannot be made to lose it', async () => {
    const bus = createCommandBus(store, { handlers: allHandlers() });
    const data = JSON.parse('{"id":"1","owner":"x","__proto__":{"isAdmin":true}}');
    const { state } = await bus.dispatch(accountCommands.Open(data));
    expect(state.owner).toBe('x');
    expect(Object(Object.create(null)).isAdmin ?? Object({}).isAdmin).toBeUndefined();
  });
});

describe('a message from outside', () => {
  test('is checked by its schema when it is dispatched, whatever it is', async () => {
    const bus = createCommandBus(store, { handlers: allHandlers() });
    const open: unknown = JSON.parse('{"id":"1"}');
    const opened = await bus.dispatch(fromOutside(accountCommands, { type: 'Open', data: open }));
    expect(opened.state.owner).toBe('nobody');
    for (const data of [undefined, null, [], 'x', { id: '1', amount: '5' }]) {
      const command = fromOutside(accountCommands, { type: 'Deposit', data });
      await expect(bus.dispatch(command)).rejects.toMatchObject({ code: 'INVALID_MESSAGE', messageType: 'Deposit' });
    }
  });

  test('keeps its id and its metadata', () => {
    const message = { type: 'Open', data: {}, id: 'key', metadata: { userId: 'ada' } } as const;
    expect(fromOutside(accountCommands, message)).toEqual(message);
  });

  test('may have a type that nobody knows', () => {
    for (const type of ['Close', '__proto__', 'toString']) {
      const unknown = expect.objectContaining({ code: 'UNHANDLED_MESSAGE', messageType: type });
      expect(() => fromOutside(accountCommands, { type, data: {} })).toThrow(unknown);
    }
  });

  test('needs a schema: a type alone checks nothing', () => {
    const take = () => fromOutside(transferCommands, { type: 'Ping', data: 'x' });
    expect(take).toThrow('"Ping" has no schema that could check what comes from outside');
  });
});

describe('a bus', () => {
  test('refuses a message without a handler', async () => {
    const bus = createCommandBus(store, { handlers: allHandlers() });
    // @ts-expect-error not registered
    await expect(bus.dispatch({ type: 'Close', data: {} })).rejects.toMatchObject({
      code: 'UNHANDLED_MESSAGE',
      messageType: 'Close',
    });
    // @ts-expect-error not registered
    await expect(bus.dispatch({ type: '__proto__', data: {} })).rejects.toMatchObject({ code: 'UNHANDLED_MESSAGE' });
  });

  test.each([
    [undefined, 'message'],
    ['Open', 'message'],
    [{ data: {} }, 'message'],
    [{ type: 'Ping', data: { n: 1 }, id: '' }, 'message.id'],
    [{ type: 'Ping', data: { n: 1 }, id: 5 }, 'message.id'],
    [{ type: 'Ping', data: { n: 1 }, metadata: 'x' }, 'message.metadata'],
  ])('refuses %j', async (message, argument) => {
    const bus = createCommandBus(store, { handlers: allHandlers() });
    // @ts-expect-error not a message
    await expect(bus.dispatch(message)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', argument });
  });

  test('refuses two handlers for one message, and a definition that lacks one', () => {
    const handlers = [transferHandlers(), transferHandlers()];
    expect(() => createCommandBus(store, { handlers })).toThrow('there are two handlers for "Transfer"');
    // @ts-expect-error Transfer is missing
    expect(() => commandHandlers(transferCommands, { Ping: () => undefined })).toThrow('no function for "Transfer"');
  });

  test.each([[{ '': z.string() }], [{ A: 5 }], [{ A: null }]])('refuses to define %o', (types) => {
    // @ts-expect-error not schemas
    expect(() => defineCommands(types)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });

  test('goes through its layers from the outermost to the handler and back', async () => {
    const trace: string[] = [];
    const layer =
      (name: string): Middleware =>
      async (context, next) => {
        trace.push(`${name} ${context.kind} ${context.message.type} ${context.id}`);
        const result = await next(context);
        trace.push(`${name} back`);
        return result;
      };
    const bus = createCommandBus(store, {
      handlers: allHandlers(),
      middleware: [layer('outer'), layer('inner')],
      newId: () => '7',
    });
    await bus.dispatch(transferCommands.Ping({ n: 1 }));
    expect(trace).toEqual(['outer command Ping 7', 'inner command Ping 7', 'inner back', 'outer back']);
  });

  test('lets a layer change the message, answer by itself, and go on twice', async () => {
    const answers = createCommandBus(store, { handlers: allHandlers(), middleware: [async () => ({ value: 'mine' })] });
    expect(await answers.dispatch(transferCommands.Ping({ n: 1 }))).toEqual({ value: 'mine' });
    const changes = createCommandBus(store, {
      handlers: allHandlers(),
      middleware: [
        (context, next) => next({ ...context, message: { ...context.message, data: { n: 41 } } }),
        async (context, next) => {
          await next(context);
          return next(context);
        },
      ],
    });
    expect((await changes.dispatch(transferCommands.Ping({ n: 1 }))).value).toBe(42);
  });

  test('makes the metadata of a message ambient, and events carry it', async () => {
    const bus = createCommandBus(store, { handlers: allHandlers() });
    const metadata = { userId: 'ann', correlationId: 'c-1' };
    const { events } = await bus.dispatch(accountCommands.Open({ id: '1' }, { metadata }));
    expect(events[0]?.metadata).toEqual(metadata);
    expect(currentMetadata()).toEqual({});
  });

  test('does nothing for a sender that has gone already', async () => {
    const bus = createCommandBus(store, { handlers: allHandlers() });
    const reason = new Error('gone');
    await expect(bus.dispatch(accountCommands.Open({ id: '1' }), { signal: AbortSignal.abort(reason) })).rejects.toBe(
      reason,
    );
    expect(await store.readAll().toArray()).toEqual([]);
  });
});

describe('queries', () => {
  const queries = defineQueries({ GetBalance: z.object({ id: z.string() }), CountAll: payload<null>() });

  test('are answered by their handlers, through the same layers', async () => {
    await store.append('Account-1', [Opened({ owner: 'a' }), Deposited({ amount: 5 })]);
    const kinds: string[] = [];
    const bus = createQueryBus({
      handlers: [
        queryHandlers(queries, {
          GetBalance: async ({ data }) => (await store.load(account, data.id)).state.balance,
          CountAll: () => 2,
        }),
      ],
      middleware: [
        (context, next) => {
          kinds.push(context.kind);
          return next(context);
        },
      ],
    });
    const balance: number = await bus.ask(queries.GetBalance({ id: '1' }));
    expect([balance, await bus.ask(queries.CountAll(null)), kinds]).toEqual([5, 2, ['query', 'query']]);
    // @ts-expect-error the data is wrong
    await expect(bus.ask(queries.GetBalance({ id: 5 }))).rejects.toMatchObject({ code: 'INVALID_MESSAGE' });
  });
});
