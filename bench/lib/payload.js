// What every subject stores: the same events, ids and metadata.
import { createHash, randomBytes, randomUUID } from 'node:crypto';

/** The category (go-mink, Emmett: type; Castore: event store id) of every stream. */
export const CATEGORY = 'Order';
export const EVENT_TYPE = 'ItemAdded';

const correlationIds = Array.from({ length: 64 }, () => randomUUID());
let made = 0;

/** About 150 bytes of JSON. `key` is how a reader recognises the event. */
export function makeEvent(key) {
  made += 1;
  return {
    type: EVENT_TYPE,
    data: {
      orderId: key,
      sku: `SKU-${String(made % 10_000).padStart(5, '0')}`,
      quantity: 1 + (made % 9),
      price: 29.99,
      currency: 'EUR',
      addedBy: `customer-${made % 1000}`,
      gift: made % 2 === 0,
    },
    metadata: { correlationId: correlationIds[made % correlationIds.length] },
  };
}

/** Events of one stream. */
export function makeEvents(count, key) {
  return Array.from({ length: count }, () => makeEvent(key));
}

let lastTime = 0;
let counter = 0;

/** The id of a new stream: a UUID v7, so that names rise with time for everybody. */
export function timeOrderedId() {
  const now = Date.now();
  if (now > lastTime) {
    lastTime = now;
    counter = 0;
  } else {
    counter += 1;
  }
  // Above 4096 ids in a millisecond, time is borrowed from the future.
  const time = (lastTime + (counter >> 12)).toString(16).padStart(12, '0');
  const tail = randomBytes(8);
  tail[0] = 0x80 | (tail[0] & 0x3f);
  const random = tail.toString('hex');
  return (
    `${time.slice(0, 8)}-${time.slice(8)}-7${(counter & 0xfff).toString(16).padStart(3, '0')}-` +
    `${random.slice(0, 4)}-${random.slice(4)}`
  );
}

/** The UUID v7 of a stream that is known by its number; all are older than those of `timeOrderedId`. */
export function numberedId(number) {
  const time = (number + 1).toString(16).padStart(12, '0');
  const tail = createHash('sha256').update(time).digest('hex');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${tail.slice(0, 3)}-8${tail.slice(3, 6)}-${tail.slice(6, 18)}`;
}

/** A UUID v4: names in no order. */
export function randomId() {
  return randomUUID();
}

/** The state that loads fold to, the same little work for everybody. */
export const emptyState = () => ({ items: 0, total: 0 });

export function fold(state, data) {
  return { items: state.items + data.quantity, total: state.total + data.quantity * data.price };
}
