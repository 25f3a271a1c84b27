import { ConcurrencyConflictError, ConflictNotResolvedError, createEventStore } from 'mink';
import { createMemoryStorage } from 'mink/memory';
import { describe, expect, it, vi } from 'vitest';
import { executeOrder } from '../src/execute-order.ts';
import { OrderAlreadyCancelledError } from '../src/order-errors.ts';
import { categories } from '../src/order-store.ts';
import { orderEvents } from '../src/order.ts';

const addItem = { type: 'addItem', sku: 'MINE', quantity: 1, price: 1 } as const;
const rivalsItem = orderEvents.ItemAdded({ sku: 'RIVAL', quantity: 1, price: 1 });
const rivalsCancellation = orderEvents.OrderCancelled({ reason: 'by the rival' });

/** An open order, and a rival that writes to it between our loading and our appending, as often as it is told. */
async function openOrder(rival: {
  readonly event: typeof rivalsItem | typeof rivalsCancellation;
  readonly wins: number;
}) {
  const storage = createMemoryStorage();
  const store = createEventStore(storage, { categories });
  await store.append('Order-42', [orderEvents.OrderCreated({ customerId: 'ada' })]);

  const append = storage.append.bind(storage);
  let attempts = 0;
  let rivalIsWriting = false;
  const reading = vi.spyOn(storage, 'readStreamPage');
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
  return { store, attempts: () => attempts, loads: () => reading.mock.calls.length };
}

describe('a command that loses a race', () => {
  it('is decided anew until it wins, and nothing is lost', async () => {
    const { store, attempts } = await openOrder({ event: rivalsItem, wins: 5 });
    const { state, streamVersion } = await executeOrder(store, { id: '42', command: addItem });
    expect(state.items.map(({ sku }) => sku)).toEqual([...Array.from({ length: 5 }, () => 'RIVAL'), 'MINE']);
    expect(streamVersion).toBe(7);
    expect(attempts()).toBe(6);
  });

  it('is refused when the new state does not allow it', async () => {
    const { store, attempts } = await openOrder({ event: rivalsCancellation, wins: 1 });
    await expect(executeOrder(store, { id: '42', command: addItem })).rejects.toThrow(OrderAlreadyCancelledError);
    expect(attempts()).toBe(1);
  });

  it('is given up in the end', async () => {
    const { store, attempts } = await openOrder({ event: rivalsItem, wins: Infinity });
    await expect(executeOrder(store, { id: '42', command: addItem })).rejects.toThrow(ConflictNotResolvedError);
    expect(attempts()).toBe(30);
  });

  it('is not repeated for a client that named a version', async () => {
    const { store, loads } = await openOrder({ event: rivalsItem, wins: 1 });
    const error: unknown = await executeOrder(store, { id: '42', command: addItem, expectedVersion: 1 }).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(ConcurrencyConflictError);
    expect(error).toMatchObject({ expectedVersion: 1, actualVersion: 2 });
    expect(loads()).toBe(1);
  });
});
