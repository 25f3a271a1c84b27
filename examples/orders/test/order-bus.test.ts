import { ConcurrencyConflictError, ConflictNotResolvedError } from 'mink';
import { createMemoryStorage } from 'mink/memory';
import { describe, expect, it, vi } from 'vitest';
import { createOrderBus } from '../src/order-bus.ts';
import { orderCommands } from '../src/order-commands.ts';
import { OrderAlreadyCancelledError } from '../src/order-errors.ts';
import { orderEvents } from '../src/order-events.ts';
import { createOrderStore } from '../src/order-store.ts';

const addItem = orderCommands.AddItem({ id: '42', sku: 'MINE', quantity: 1, price: 1 });
const rivalsItem = orderEvents.ItemAdded({ sku: 'RIVAL', quantity: 1, price: 1 });
const rivalsCancellation = orderEvents.OrderCancelled({ reason: 'by the rival' });

/** An open order, and a rival that writes to it between our loading and our appending, as often as it is told. */
async function openOrder(rival: {
  readonly event: typeof rivalsItem | typeof rivalsCancellation;
  readonly wins: number;
}) {
  const storage = createMemoryStorage();
  const store = createOrderStore(storage);
  await store.append('Order-42', [orderEvents.OrderCreated({ customerId: 'ada', reference: null })]);

  const append = storage.append.bind(storage);
  let attempts = 0;
  let rivalIsWriting = false;
  vi.spyOn(storage, 'append').mockImplementation(async (command) => {
    if (rivalIsWriting) return append(command);
    attempts += 1;
    if (attempts <= rival.wins) {
      rivalIsWriting = true;
      await store.append('Order-42', [rival.event]);
      rivalIsWriting = false;
    }
    return append(command);
  });
  return { bus: createOrderBus(store), attempts: () => attempts };
}

describe('a command that loses a race', () => {
  it('is decided anew until it wins, and nothing is lost', async () => {
    const { bus, attempts } = await openOrder({ event: rivalsItem, wins: 3 });
    const { state, streamVersion } = await bus.dispatch(addItem);
    expect(state.items.map(({ sku }) => sku)).toEqual([...Array.from({ length: 3 }, () => 'RIVAL'), 'MINE']);
    expect(streamVersion).toBe(5);
    expect(attempts()).toBe(4);
  });

  it('is refused when the new state does not allow it', async () => {
    const { bus, attempts } = await openOrder({ event: rivalsCancellation, wins: 1 });
    await expect(bus.dispatch(addItem)).rejects.toThrow(OrderAlreadyCancelledError);
    expect(attempts()).toBe(1);
  });

  it('is given up in the end', async () => {
    const { bus, attempts } = await openOrder({ event: rivalsItem, wins: Infinity });
    await expect(bus.dispatch(addItem)).rejects.toThrow(ConflictNotResolvedError);
    expect(attempts()).toBe(5);
  });

  it('is not repeated for a client that named a version', async () => {
    const { bus, attempts } = await openOrder({ event: rivalsItem, wins: 1 });
    const error: unknown = await bus.dispatch(addItem, { expectedVersion: 1 }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConcurrencyConflictError);
    expect(error).toMatchObject({ expectedVersion: 1, actualVersion: 2 });
    expect(attempts()).toBe(1);
  });
});
