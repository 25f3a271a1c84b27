import { orderEvents } from '../order-events.ts';
import type { OrderStore } from '../order-store.ts';

const TOGETHER = 100;

/** Writes orders from the time before the walk, so that there is something to build. Gives back how many events. */
export async function writeHistory(store: OrderStore, orders: number): Promise<number> {
  let written = 0;
  for (let from = 0; from < orders; from += TOGETHER) {
    const numbers = Array.from({ length: Math.min(TOGETHER, orders - from) }, (_, index) => from + index);
    const appended = numbers.map((number) => store.append(`Order-old-${number}`, eventsOf(number)));
    for (const { events } of await Promise.all(appended)) written += events.length;
  }
  return written;
}

function eventsOf(number: number) {
  const items = Array.from({ length: 1 + (number % 3) }, (_, index) =>
    orderEvents.ItemAdded({ sku: `SKU-${index}`, quantity: 1 + (number % 2), price: 10 }),
  );
  const total = items.length * (1 + (number % 2)) * 10;
  const created = orderEvents.OrderCreated({ customerId: `old-${number}`, reference: null });
  return number % 4 === 0 ? [created, ...items] : [created, ...items, orderEvents.OrderConfirmed({ total })];
}
