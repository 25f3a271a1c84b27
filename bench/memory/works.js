// The works: `prepare` gets mink, and returns a function that does the work `count` times on a store of its own.
import { createRequire } from 'node:module';

const { z } = createRequire(new URL('../../packages/mink/package.json', import.meta.url))('zod');

const PER_SECOND = 'per s';
const EVENTS = 'events/s';

/** Small enough that nothing but the store is measured. */
const small = (n) => ({ n });
/** What an order line looks like. */
const line = (n) => ({ customerId: 'c-1042', sku: 'SKU-17', quantity: n, price: 29.99 });

const untyped = (mink) => ({
  store: () => mink.createMemoryStore(),
  small: (n) => ({ type: 'Counted', data: small(n) }),
  line: (n) => ({ type: 'ItemAdded', data: line(n) }),
});

function definedBy(mink, schemas) {
  const events = mink.defineEvents(schemas);
  return {
    events,
    store: () => mink.createMemoryStore({ categories: { Order: events } }),
    small: (n) => events.Counted(small(n)),
    line: (n) => events.ItemAdded(line(n)),
  };
}

const marked = (mink) => definedBy(mink, { Counted: mink.payload(), ItemAdded: mink.payload() });
const checked = (mink) =>
  definedBy(mink, {
    Counted: z.object({ n: z.number() }),
    ItemAdded: z.object({ customerId: z.string(), sku: z.string(), quantity: z.number(), price: z.number() }),
  });

/** One append after another: each waits for the one before. */
function oneByOne(kind, payload, streamOf = (n) => `Order-${n}`) {
  return (mink) => {
    const { store: createStore, [payload]: event } = kind(mink);
    return async (count) => {
      const store = createStore();
      for (let n = 0; n < count; n += 1) await store.append(streamOf(n), [event(n)]);
    };
  };
}

/** A thousand appends at once, and the next thousand when all are done. */
function atOnce(kind, payload) {
  return (mink) => {
    const { store: createStore, [payload]: event } = kind(mink);
    return async (count) => {
      const store = createStore();
      for (let n = 0; n < count; n += 1_000) {
        await Promise.all(Array.from({ length: 1_000 }, (_, at) => store.append(`Order-${n + at}`, [event(n)])));
      }
    };
  };
}

function batches(kind, payload, streamOf = (n) => `Order-${n}`) {
  return (mink) => {
    const { store: createStore, [payload]: event } = kind(mink);
    return async (count) => {
      const store = createStore();
      for (let n = 0; n < count; n += 100) {
        const batch = [];
        for (let at = 0; at < 100; at += 1) batch.push(event(at));
        await store.append(streamOf(n), batch);
      }
    };
  };
}

/** A store with a log of `count` events, a thousand of them to a stream; one in a thousand is of category `Rare`. */
async function filled(
  mink,
  count,
  streamOf = (n) => (n % 100_000 === 0 ? 'Rare-1' : `Order-${Math.floor(n / 1_000)}`),
) {
  const store = mink.createMemoryStore();
  for (let n = 0; n < count; n += 100) {
    const events = Array.from({ length: 100 }, (_, at) => ({ type: 'ItemAdded', data: line(n + at) }));
    await store.append(streamOf(n), events);
  }
  return store;
}

/** Reads a log that is filled once, before the clock starts. */
function reading(size, read, streamOf) {
  return async (mink) => {
    const store = await filled(mink, size, streamOf);
    return (count) => read(store, count);
  };
}

async function drain(sequence, count) {
  let left = count;
  for await (const event of sequence) {
    if (event.globalPosition > 0) left -= 1;
    if (left === 0) return;
  }
}

async function drainPages(sequence) {
  let read = 0;
  for await (const page of sequence.pages()) read += page.length;
  return read;
}

function deciding(history) {
  return async (mink) => {
    const { events, store: createStore } = marked(mink);
    const order = mink.defineDecider({
      category: 'Order',
      events,
      initialState: () => ({ total: 0 }),
      evolve: (state, event) => ({ total: state.total + event.data.n }),
      decide: (command) => events.Counted({ n: command.n }),
    });
    const store = createStore();
    await store.append(
      'Order-1',
      Array.from({ length: history }, () => events.Counted({ n: 1 })),
    );
    return { store, order };
  };
}

function folding(history) {
  return async (mink) => {
    const { store, order } = await deciding(history)(mink);
    return async (count) => {
      for (let n = 0; n < count; n += history) await store.load(order, '1');
    };
  };
}

function deciders() {
  return async (mink) => {
    const { store, order } = await deciding(1)(mink);
    let stream = 1;
    return async (count) => {
      for (let n = 0; n < count; n += 1) await store.execute(order, `${(stream += 1)}`, { n });
    };
  };
}

/** What the most memory in use grows by while a log is read, in bytes an event. */
async function growthWhileReading(store, count) {
  globalThis.gc();
  const before = process.memoryUsage().heapUsed;
  let most = 0;
  let pages = 0;
  for await (const page of store.readAll().pages()) {
    pages += page.length > 0 ? 1 : 0;
    if (pages % 100 !== 0) continue;
    globalThis.gc();
    most = Math.max(most, process.memoryUsage().heapUsed - before);
  }
  return Math.max(0, most) / count;
}

async function bytesKept(mink, count) {
  globalThis.gc();
  const before = process.memoryUsage().heapUsed;
  const store = await filled(mink, count);
  globalThis.gc();
  const bytes = process.memoryUsage().heapUsed - before;
  await store.close();
  return bytes / count;
}

/** The steps by themselves. What they return is kept for a while, as a store keeps it. */
function step(prepare) {
  return async (mink) => {
    const once = await prepare(mink);
    const kept = Array.from({ length: 10_000 });
    return async (count) => {
      for (let n = 0; n < count; n += 1) kept[n % 10_000] = once(n);
    };
  };
}

/** An append without a storage: it answers at once, with an event for each that it is given. */
function withoutStorage(payload, size) {
  return async (mink) => {
    const { events } = await mink.createMemoryStore().append(
      'Order-1',
      Array.from({ length: size }, (_, n) => line(n)).map((data) => ({ type: 'ItemAdded', data })),
    );
    const recorded = events.map((event) => ({ ...event, recordedAt: event.recordedAt.getTime() }));
    const outcome = { status: 'appended', repeated: false, entries: [{ streamVersion: size, events: recorded }] };
    const store = mink.createEventStore({ append: () => Promise.resolve(outcome) });
    const { [payload]: event } = untyped(mink);
    return async (count) => {
      for (let n = 0; n < count; n += size) {
        const batch = [];
        for (let at = 0; at < size; at += 1) batch.push(event(at));
        await store.append(`Order-${n}`, batch);
      }
    };
  };
}

const ONE = 400_000;
const BATCHED = 1_000_000;
const LOG = 1_000_000;

export const works = [
  ['append 1: untyped, {n}, new streams', ONE, PER_SECOND, oneByOne(untyped, 'small')],
  ['append 1: untyped, {n}, one stream', ONE, PER_SECOND, oneByOne(untyped, 'small', () => 'Order-1')],
  ['append 1: payload(), {n}, new streams', ONE, PER_SECOND, oneByOne(marked, 'small')],
  ['append 1: payload(), {n}, one stream', ONE, PER_SECOND, oneByOne(marked, 'small', () => 'Order-1')],
  ['append 1: payload(), order line, new streams', ONE, PER_SECOND, oneByOne(marked, 'line')],
  ['append 1: zod, order line, new streams', ONE, PER_SECOND, oneByOne(checked, 'line')],
  [
    'append 1: within withMetadata',
    ONE,
    PER_SECOND,
    (mink) => {
      const run = oneByOne(marked, 'line')(mink);
      return (count) => mink.withMetadata({ correlationId: 'r-1', userId: 'u-1' }, () => run(count));
    },
  ],
  ['append 1, 1000 at once: untyped, {n}', ONE, PER_SECOND, atOnce(untyped, 'small')],
  ['append 1, 1000 at once: payload(), order line', ONE, PER_SECOND, atOnce(marked, 'line')],
  ['append 100: untyped, {n}', BATCHED, EVENTS, batches(untyped, 'small')],
  ['append 100: payload(), {n}', BATCHED, EVENTS, batches(marked, 'small')],
  ['append 100: payload(), {n}, one stream', BATCHED, EVENTS, batches(marked, 'small', () => 'Order-1')],
  ['append 100: payload(), order line', BATCHED, EVENTS, batches(marked, 'line')],
  ['append 100: zod, order line', BATCHED, EVENTS, batches(checked, 'line')],
  [
    'read one stream',
    LOG,
    EVENTS,
    reading(
      LOG,
      (store, count) => drain(store.readStream('Order-1'), count),
      () => 'Order-1',
    ),
  ],
  ['read the log', LOG, EVENTS, reading(LOG, (store, count) => drain(store.readAll(), count))],
  [
    'read the log, by pages',
    LOG,
    EVENTS,
    reading(LOG, async (store, count) => void (await drainPages(store.readAll({ limit: count })))),
  ],
  ['subscribe to the log', LOG, EVENTS, reading(LOG, (store, count) => drain(store.subscribe(), count))],
  [
    'read a category of 1 in 1000',
    100,
    'reads/s',
    reading(LOG, async (store, count) => {
      for (let n = 0; n < count; n += 1) await drainPages(store.readAll({ categories: ['Rare'] }));
    }),
  ],
  ['list 1000 of 20000 streams, by 100', 20, 'lists/s', listing],
  ['load 10 events', 100_000, EVENTS, folding(10)],
  ['load 10000 events', 1_000_000, EVENTS, folding(10_000)],
  ['execute a decider on a new stream', 100_000, PER_SECOND, deciders()],
  ['heap kept of an event', LOG, 'bytes', (mink) => (count) => bytesKept(mink, count)],
  ['heap growth while the log is read', LOG, 'bytes/event', reading(LOG, growthWhileReading)],
  ['part: append 1, no storage: {n}', ONE, PER_SECOND, withoutStorage('small', 1)],
  ['part: append 1, no storage: order line', ONE, PER_SECOND, withoutStorage('line', 1)],
  ['part: append 100, no storage: order line', BATCHED, EVENTS, withoutStorage('line', 100)],
  ['part: checkJson {n}', LOG, PER_SECOND, step(jsonStep(small))],
  ['part: checkJson order line', LOG, PER_SECOND, step(jsonStep(line))],
  ['part: UUID v7', LOG, PER_SECOND, step(({ createUuidV7Generator }) => createUuidV7Generator(Date.now))],
  ['floor: await, an object, Date.now', ONE, PER_SECOND, () => floor],
  ['floor: append 1 to new streams, by hand', ONE, PER_SECOND, byHand(1, (n) => `Order-${n}`)],
  ['floor: append 1 to one stream, by hand', ONE, PER_SECOND, byHand(1, () => 'Order-1')],
  ['floor: append 100 to new streams, by hand', BATCHED, EVENTS, byHand(100, (n) => `Order-${n}`)],
  [
    'floor: append 100, by hand, nothing copied',
    BATCHED,
    EVENTS,
    byHand(
      100,
      (n) => `Order-${n}`,
      (data) => data,
    ),
  ],
].map(([name, size, unit, prepare]) => ({ name, size, unit, prepare }));

function jsonStep(payload) {
  return async (mink) => {
    const { checkJson } = await mink.load('core/json.js');
    return (n) => checkJson(payload(n));
  };
}

async function listing(mink) {
  const store = mink.createMemoryStore();
  for (let n = 0; n < 20_000; n += 1)
    await store.append(`${n % 20 === 0 ? 'Rare' : 'Order'}-${n}`, [untyped().small(n)]);
  return async (count) => {
    for (let n = 0; n < count; n += 1) await drainPages(store.listStreams({ category: 'Rare', pageSize: 100 }));
  };
}

/** What no append that is awaited and has a time can do without. */
async function floor(count) {
  const log = [];
  for (let n = 0; n < count; n += 1) {
    log.push({ n, at: Date.now() });
    await Promise.resolve();
  }
}

/** The least that keeps the semantics: a checked copy, an id, one record that is kept and one that is returned. */
function byHand(size, streamOf, copied) {
  return async (mink) => {
    const { checkJson } = await mink.load('core/json.js');
    const copyOf = copied ?? ((data) => checkJson(data).value);
    const newId = mink.createUuidV7Generator(Date.now);
    const metadata = Object.freeze({});
    return async (count) => {
      const log = [];
      const streams = new Map();
      const append = async (streamName, events) => {
        const recordedAt = Date.now();
        const category = streamName.slice(0, streamName.indexOf('-'));
        const stream = streams.get(streamName) ?? [];
        if (stream.length === 0) streams.set(streamName, stream);
        return events.map(({ type, data }) => {
          const record = {
            id: newId(recordedAt),
            type,
            schemaVersion: 1,
            data: copyOf(data),
            metadata,
            streamName,
            category,
            streamVersion: stream.length + 1,
            globalPosition: log.length + 1,
            recordedAt,
          };
          log.push(record);
          stream.push(record);
          // Written out: a spread costs more than all the rest.
          return Object.freeze({
            id: record.id,
            type,
            data: record.data,
            metadata,
            streamName,
            category,
            streamVersion: record.streamVersion,
            globalPosition: record.globalPosition,
            recordedAt: new Date(recordedAt),
            schemaVersion: 1,
          });
        });
      };
      for (let n = 0; n < count; n += size) {
        const batch = [];
        for (let at = 0; at < size; at += 1) batch.push({ type: 'Counted', data: small(at) });
        await append(streamOf(n), batch);
      }
    };
  };
}
