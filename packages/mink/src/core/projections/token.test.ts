import { deepStrictEqual } from 'node:assert';
import { describe, expect, test } from 'vitest';
import { createMemoryStore } from '../../memory/index.ts';
import { commandHandlers, deciderHandlers } from '../commands/handlers.ts';
import { createCommandBus } from '../commands/bus.ts';
import { defineCommands } from '../commands/define-messages.ts';
import { defineDecider } from '../deciders/decider.ts';
import { defineEvents } from '../events/define-events.ts';
import { payload } from '../events/event-schema.ts';
import { partitionKey } from '../stream-name.ts';
import { parseToken } from './token.ts';

const cartEvents = defineEvents({ ItemAdded: payload<{ sku: string }>() });
const added = cartEvents.ItemAdded({ sku: 'a' });
const storeId = '0c8f4d7e-1111-4222-8333-a1b2c3d4e5f6';

describe('the token of an append', () => {
  test('says which store, events and partitions, in few characters that are safe everywhere', async () => {
    const store = createMemoryStore({ storeId });
    await store.append('Cart-1', [added]);
    const { token, events } = await store.append('Cart-2', [added, added, added]);
    expect(token).toMatch(/^[\w-]{36}$/u);
    expect(parseToken(token, storeId)).toEqual({
      first: 2,
      position: 4,
      store: 'a1b2c3d4e5f6',
      event: events[2]?.id.slice(-12),
      slots: new Set([partitionKey('Cart-2')]),
    });
  });

  test('names the partitions of up to eight streams, and then none', async () => {
    const store = createMemoryStore();
    const toStreams = async (count: number) => {
      const names = Array.from({ length: count }, (_, index) => `Cart-${index}` as const);
      const { token } = await store.appendMany([
        ...names.map((streamName) => ({ streamName, events: [added] })),
        { streamName: 'Shop-1', expectedVersion: 'any' },
      ]);
      return { names, token };
    };
    const eight = await toStreams(8);
    expect(parseToken(eight.token).slots).toEqual(new Set(eight.names.map(partitionKey)));
    expect(eight.token.length).toBeLessThanOrEqual(56);
    expect(parseToken((await toStreams(9)).token).slots).toBeUndefined();
  });

  test('is no part of what is compared, spread or written as JSON', async () => {
    const store = createMemoryStore();
    const result = await store.append('Cart-1', [added]);
    const { streamName, streamVersion, globalPosition, events, repeated } = result;
    deepStrictEqual(result, { streamName, streamVersion, globalPosition, events, repeated });
    expect(JSON.stringify(result)).not.toContain('token');
    expect(result.token).toBe(result.token);
  });

  test('of a repeat is that of the first time', async () => {
    const store = createMemoryStore();
    const event = { ...added, id: crypto.randomUUID() };
    const { token } = await store.append('Cart-1', [event]);
    await store.append('Cart-1', [added]);
    expect((await store.append('Cart-1', [event])).token).toBe(token);
  });

  test('comes with what an entity or a command has appended, and not where nothing was', async () => {
    const store = createMemoryStore({ categories: { Cart: cartEvents } });
    const cart = defineDecider({
      category: 'Cart',
      events: cartEvents,
      initialState: () => 0,
      evolve: (count) => count + 1,
      decide: (command: { readonly data: { readonly id: string; readonly sku?: string | undefined } }) =>
        command.data.sku === undefined ? [] : [cartEvents.ItemAdded({ sku: command.data.sku })],
    });
    const commands = defineCommands({ Add: payload<{ id: string; sku?: string | undefined }>() });
    const others = defineCommands({ AddElsewhere: payload<{ sku: string }>(), DoNothing: payload<null>() });
    const bus = createCommandBus(store, {
      handlers: [
        deciderHandlers(commands, cart, { id: ({ data }) => data.id }),
        commandHandlers(others, {
          AddElsewhere: ({ data }) => ({ append: [{ streamName: 'Cart-9', events: [cartEvents.ItemAdded(data)] }] }),
          DoNothing: () => undefined,
        }),
      ],
    });
    const one = { data: { id: '1', sku: 'a' } };
    const results = [
      await store.execute(cart, '1', one),
      await store.executeWithRetry(cart, '1', one),
      await store.executeWithRetry(cart, '1', one, { exclusive: true }),
      await bus.dispatch(commands.Add(one.data)),
      await bus.dispatch(others.AddElsewhere({ sku: 'b' })),
    ];
    const positions = results.map(({ token }) => (token === undefined ? undefined : parseToken(token).position));
    expect(positions).toEqual([1, 2, 3, 4, 5]);
    expect((await store.execute(cart, '1', { data: { id: '1' } })).token).toBeUndefined();
    expect((await bus.dispatch(commands.Add({ id: '1' }))).token).toBeUndefined();
    expect((await bus.dispatch(others.DoNothing(null))).token).toBeUndefined();
  });
});

describe('what is no token', () => {
  test.each(['', 'x', '!', 'A'.repeat(34), 'A'.repeat(36), 'é', 'x'.repeat(1_000)])('such as %j is refused', (text) => {
    expect(() => parseToken(text)).toThrow(expect.objectContaining({ code: 'INVALID_TOKEN' }));
  });

  test('or was cut, lengthened or made by another store is refused', async () => {
    const { token } = await createMemoryStore({ storeId }).append('Cart-1', [added]);
    for (const text of [token.slice(0, -1), token.slice(0, -3), `${token}A`, `${token}AAA`, `B${token.slice(1)}`]) {
      expect(() => parseToken(text, storeId)).toThrow(expect.objectContaining({ code: 'INVALID_TOKEN' }));
    }
    expect(() => parseToken(token, crypto.randomUUID())).toThrow('another store');
  });
});
