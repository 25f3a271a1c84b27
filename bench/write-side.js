// What snapshots, the cache, buses and keys of commands cost and bring, side by side on one server.
//   npm run bench:write-side [-- --rounds 5 --seconds 1 --only PATTERN]
// Every variant takes its turn in every round; medians. Loads and appends on PostgreSQL, layers of a bus in memory.
import { parseArgs } from 'node:util';
import {
  audit,
  authorize,
  correlation,
  createCommandBus,
  deciderHandlers,
  defineCommands,
  defineDecider,
  defineEvents,
  idempotency,
  logging,
  metrics,
  payload,
  recommendedPipeline,
  recovery,
  retry,
  snapshotEvery,
  timeout,
  tracing,
  validation,
} from 'mink';
import { createStateCache } from 'mink/cache';
import { createMemoryStore } from 'mink/memory';
import { createPostgresStore } from 'mink/postgres';
import { timeOrderedId } from './lib/payload.js';
import { startServer } from './lib/server.js';
import { median, rotate } from './lib/statistics.js';
import { measureRate } from './work/measure.js';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
  },
});
const ROUNDS = Number(values.rounds);
const SECONDS = Number(values.seconds);
const HISTORY = 10_000;

const events = defineEvents({ Deposited: payload(), Withdrawn: payload() });
const commands = defineCommands({ Deposit: payload() });
const fold = {
  category: 'Account',
  events,
  initialState: () => ({ balance: 0, last: '' }),
  evolve: (state, { type, data }) => ({
    balance: type === 'Deposited' ? state.balance + data.amount : state.balance - data.amount,
    last: data.note,
  }),
  decide: ({ data }) => events.Deposited({ amount: data.amount, note: 'by command' }),
};
const account = defineDecider(fold);
const kept = defineDecider({ ...fold, snapshots: { schemaVersion: 1, when: snapshotEvery(HISTORY) } });
const eager = defineDecider({ ...fold, snapshots: { schemaVersion: 1, when: snapshotEvery(1) } });
const categories = { Account: events };

/** Steps of `workers`, in the unit of the group. */
function steps(workers, step) {
  return async () => (await measure(workers, step)).rate;
}

function measure(workers, step) {
  const window = { seconds: SECONDS, warmUpSeconds: 0.5, onBegin: () => undefined, onEnd: () => undefined };
  return measureRate({ workers, ...window, step });
}

const milliseconds = (perSecond) => 1_000 / perSecond;

async function load(store, decider, id) {
  await store.load(decider, id);
  return 1;
}

function loads({ plain, cached }) {
  const group = `load of a stream of ${HISTORY} events, ms`;
  const variant = (name, store, decider) => ({
    group,
    name,
    show: milliseconds,
    run: steps(1, () => load(store, decider, 'long')),
  });
  return [
    variant('full replay', plain, account),
    variant('with a snapshot', plain, kept),
    variant('with a cache', cached, account),
  ];
}

function appends({ plain }) {
  const group = 'execute on streams of its own, 8 at a time, executes/s';
  const variant = (name, decider) => ({
    group,
    name,
    show: (rate) => rate,
    run: steps(8, async (worker) => {
      await plain.execute(decider, `${name.length}-${worker}`, { data: { amount: 1 } });
      return 1;
    }),
  });
  return [variant('no snapshots', account), variant('a snapshot every event, the worst there is', eager)];
}

function sixFields() {
  const fields = { note: timeOrderedId(), at: '2026-01-31T10:00:00Z', by: 'ada', price: 12.5, isNew: true };
  return events.Deposited({ amount: 1, ...fields });
}

function shapes({ plain, unrecorded }) {
  const group = 'appends of one event, 256 at a time, appends/s';
  const variant = (name, store) => ({
    group,
    name,
    show: (rate) => rate,
    run: steps(256, async (worker) => {
      await store.append(`Account-${name.length}-${worker}`, [sixFields()]);
      return 1;
    }),
  });
  return [variant('shapes not recorded', unrecorded), variant('shapes recorded, the default', plain)];
}

function hot({ plain }) {
  const group = '64 writers on one stream, executes/s';
  const variant = (name, options) => ({
    group,
    name,
    show: (rate) => rate,
    run: async () => {
      // A new one each time: what a long one costs to load is another row.
      const id = timeOrderedId();
      const deposit = { data: { amount: 1 } };
      return steps(64, async () => {
        await plain.executeWithRetry(account, id, deposit, options);
        return 1;
      })();
    },
  });
  return [
    variant('retry, as often as it takes', { tries: 10_000, backoff: 2, maxBackoff: 64 }),
    variant('exclusive', { exclusive: true }),
  ];
}

function keys({ plain }) {
  const group = 'commands to new streams, 32 at a time, commands/s';
  const handlers = [deciderHandlers(commands, account, { id: ({ data }) => data.id })];
  const bus = (middleware) => createCommandBus(plain, { handlers, middleware });
  const variant = (name, middleware, id) => {
    const commandBus = bus(middleware);
    const step = async () => {
      await commandBus.dispatch(commands.Deposit({ id: timeOrderedId(), amount: 1 }, id()));
      return 1;
    };
    return { group, name, show: (rate) => rate, run: steps(32, step) };
  };
  const known = [];
  const repeats = () => {
    const commandBus = bus([idempotency()]);
    const step = async () => {
      // The first hundred are new, and all others repeat one of them.
      if (known.length < 100)
        known.push({ ...commands.Deposit({ id: timeOrderedId(), amount: 1 }), id: timeOrderedId() });
      await commandBus.dispatch(known[Math.floor(Math.random() * known.length)]);
      return 1;
    };
    return { group, name: 'repeats of commands with an id', show: (rate) => rate, run: steps(32, step) };
  };
  return [
    variant('without an id', [], () => ({})),
    variant('each with an id, stored with its result', [idempotency()], () => ({ id: timeOrderedId() })),
    repeats(),
  ];
}

const span = {
  setAttribute: () => span,
  recordException: () => undefined,
  setStatus: () => span,
  end: () => undefined,
};
const tracer = { startActiveSpan: (_name, _options, work) => work(span) };
const logger = { info: () => undefined, warn: () => undefined, error: () => undefined };

function layers() {
  const group = 'a command through a bus in memory, µs of CPU';
  const all = {
    'no layer': [],
    recovery: [recovery()],
    correlation: [correlation()],
    tracing: [tracing(tracer)],
    logging: [logging(logger)],
    metrics: [metrics(() => undefined)],
    timeout: [timeout(30_000)],
    validation: [validation()],
    authorize: [authorize(() => true)],
    audit: [audit(() => undefined, { onLost: () => undefined })],
    retry: [retry()],
    'idempotency, without an id': [idempotency()],
    'the recommended pipeline': recommendedPipeline({
      tracer,
      logger,
      metrics: () => undefined,
      authorize: () => true,
      audit: { write: () => undefined, onLost: () => undefined },
    }),
  };
  const handler = { id: ({ data }) => data.id };
  return Object.entries(all).map(([name, middleware]) => {
    const handlers = [deciderHandlers(commands, account, handler)];
    const newBus = () => createCommandBus(createMemoryStore({ categories }), { handlers, middleware });
    let bus = newBus();
    let made = 0;
    const step = async () => {
      // Many between two looks at the clock, which nothing in memory waits for; each on a stream of its own.
      await new Promise(setImmediate);
      // What has grown costs the garbage collector more than a layer costs.
      if (made % 10_000 === 0) bus = newBus();
      for (let n = 0; n < 100; n += 1) await bus.dispatch(commands.Deposit({ id: String((made += 1)), amount: 1 }));
      return 100;
    };
    // By the processor's time: what else the machine does is as large as a layer.
    const run = async () => {
      const { clientCpuMs, rate, elapsed } = await measure(1, step);
      return (clientCpuMs * 1_000) / (rate * elapsed);
    };
    return { group, name, show: (cost) => cost, run };
  });
}

const server = await startServer();
await server.createDatabase('bench_write_side');
const url = server.urlOf('bench_write_side');
const plain = createPostgresStore({ url, categories });
const unrecorded = createPostgresStore({ url, categories, recordShapes: false });
const cached = createPostgresStore({ url, categories, cache: createStateCache() });
for (let n = 0; n < HISTORY; n += 1_000) {
  const batch = Array.from({ length: 1_000 }, (_, at) => events.Deposited({ amount: 1, note: `${n + at}` }));
  await plain.append('Account-long', batch);
}
await plain.snapshots.create(kept, { minEvents: 1 });

const variants = [
  ...loads({ plain, cached }),
  ...appends({ plain }),
  ...shapes({ plain, unrecorded }),
  ...hot({ plain }),
  ...keys({ plain }),
  ...layers(),
].filter(({ group, name }) => new RegExp(values.only, 'u').test(`${group} ${name}`));
const rates = new Map(variants.map((variant) => [variant, []]));
for (let round = 0; round < ROUNDS; round += 1) {
  for (const variant of rotate(variants, round)) {
    await server.query('bench_write_side', 'checkpoint');
    rates.get(variant).push(variant.show(await variant.run()));
    process.stderr.write('.');
  }
}
process.stderr.write('\n');
await plain.close();
await cached.close();
await unrecorded.close();
await server.stop();

for (const group of new Set(variants.map((variant) => variant.group))) {
  console.log(`\n${group}`);
  const first = variants.find((variant) => variant.group === group);
  for (const variant of variants.filter((one) => one.group === group)) {
    const all = rates.get(variant);
    const [middle, least, most] = [median(all), Math.min(...all), Math.max(...all)];
    const ratio = (middle / median(rates.get(first))).toPrecision(3);
    console.log(
      `  ${variant.name.padEnd(46)} ${text(middle).padStart(10)}  (${text(least)} … ${text(most)})  ${ratio} × the first`,
    );
  }
}

function text(number) {
  return number.toLocaleString('en-US', { maximumFractionDigits: number < 100 ? 2 : 0 });
}
