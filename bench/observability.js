// What observers and tracers cost an append, twice:
//   npm run bench:observability [-- --rounds 80 --milliseconds 400 --writers 32 --json]
// On a server, with many writers, as it is used: each turn is compared with the plain one of its round, and every other round goes
// backwards, so that what drifts meets all alike. In memory, where nothing else takes time: microseconds of the processor that an
// append takes longer. Medians, with the 95 % interval of a bootstrap; `plain again`, a second store without anything, shows what the
// method itself cannot tell.
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import * as api from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  AlwaysOffSampler,
  BasicTracerProvider,
  BatchSpanProcessor,
  InMemorySpanExporter,
} from '@opentelemetry/sdk-trace-base';
import { createMetrics, defineEvents, logObserver, observers, payload } from 'mink';
import { traceWith } from 'mink/otel';
import { createMemoryStore } from 'mink/memory';
import { createPostgresStore } from 'mink/postgres';
import { makeEvents, timeOrderedId } from './lib/payload.js';
import { startServer } from './lib/server.js';
import { bootstrapInterval, median, rotate } from './lib/statistics.js';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '80' },
    milliseconds: { type: 'string', default: '400' },
    writers: { type: 'string', default: '32' },
    json: { type: 'boolean', default: false },
  },
});
const ROUNDS = Number(values.rounds);
const MILLISECONDS = Number(values.milliseconds);
const WRITERS = Number(values.writers);
const WARM_UP = 2_000;
const MEMORY_ROUNDS = 150;
const MEMORY_MILLISECONDS = 60;

api.context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());

/** A real tracer whose spans go nowhere; with a sampler, maybe none. */
function otelTracer(sampler) {
  const exporter = new InMemorySpanExporter();
  exporter.export = (_spans, done) => done({ code: 0 });
  const spanProcessors = [new BatchSpanProcessor(exporter)];
  return new BasicTracerProvider({ spanProcessors, ...(sampler === undefined ? {} : { sampler }) }).getTracer('bench');
}

const recording = otelTracer();
const off = otelTracer(new AlwaysOffSampler());
const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
/** Each writer works in one long span of this tracer, as a handler works in the span of its request. */
const VARIANTS = [
  { name: 'plain', outer: off, options: {} },
  { name: 'plain again', outer: off, options: {} },
  { name: 'metrics', outer: off, options: { observer: createMetrics().observer } },
  {
    name: 'metrics and logs',
    outer: off,
    options: { observer: observers(createMetrics().observer, logObserver(quiet)) },
  },
  { name: 'tracing, not sampled', outer: off, options: { tracer: traceWith({ tracer: off, api }) } },
  { name: 'tracing, sampled', outer: recording, options: { tracer: traceWith({ tracer: recording, api }) } },
];

const orderEvents = defineEvents({ ItemAdded: payload() });
const categories = { Order: orderEvents };

/** Microseconds of the processor for an append to a new store in memory, one after the other. */
async function memoryTurn({ outer, options }) {
  const store = createMemoryStore({ categories, ...options });
  return await outer.startActiveSpan('request', async (span) => {
    let count = 0;
    const before = process.cpuUsage();
    const begun = performance.now();
    while (performance.now() - begun < MEMORY_MILLISECONDS) {
      for (let step = 0; step < 20; step += 1) {
        const id = timeOrderedId();
        await store.append(`Order-${id}`, makeEvents(1, id), { expectedVersion: 'no_stream' });
      }
      count += 20;
    }
    const { user, system } = process.cpuUsage(before);
    span.end();
    return (user + system) / count;
  });
}

/** Turn by turn, every other round backwards. */
async function inTurns(subjects, rounds, take) {
  for (let round = 0; round < rounds; round += 1) {
    const order = rotate(subjects, Math.floor(round / 2));
    for (const subject of round % 2 === 0 ? order : order.toReversed()) await take(subject);
  }
}

const inMemory = VARIANTS.map((variant) => ({ ...variant, cpu: [] }));
await inTurns(inMemory, 10, memoryTurn);
await inTurns(inMemory, MEMORY_ROUNDS, async (subject) => subject.cpu.push(await memoryTurn(subject)));

const server = await startServer();
await server.createDatabase('bench_observability');
const url = server.urlOf('bench_observability');
const loadBefore = loadavg();
// All write into one log, so that none has a larger one.
const subjects = VARIANTS.map((variant) => ({
  ...variant,
  store: createPostgresStore({ url, categories, ...variant.options }),
  cpu: [],
  rates: [],
}));

/** Microseconds of the processor for an append, and appends in a second. */
async function turn({ store, outer }, milliseconds) {
  let count = 0;
  const before = process.cpuUsage();
  const begun = performance.now();
  const write = async () => {
    while (performance.now() - begun < milliseconds) {
      const id = timeOrderedId();
      await store.append(`Order-${id}`, makeEvents(1, id), { expectedVersion: 'no_stream' });
      count += 1;
    }
  };
  const writer = () => outer.startActiveSpan('request', (span) => write().finally(() => span.end()));
  await Promise.all(Array.from({ length: WRITERS }, writer));
  const { user, system } = process.cpuUsage(before);
  return { cpu: (user + system) / count, rate: (count * 1_000) / (performance.now() - begun) };
}

for (const subject of subjects) await turn(subject, WARM_UP);
await inTurns(subjects, ROUNDS, async (subject) => {
  const { cpu, rate } = await turn(subject, MILLISECONDS);
  subject.cpu.push(cpu);
  subject.rates.push(rate);
});
for (const { store } of subjects) await store.close();
await server.stop();

/** The median of what comes of each turn and the plain one of its round, with its interval. */
function compared(own, ofPlain, compare) {
  const all = own.map((value, round) => compare(value, ofPlain[round]));
  return { median: median(all), ...bootstrapInterval(all, median) };
}

const [plain, ...others] = subjects;
const percent = (own, ofPlain) => 100 * (own / ofPlain - 1);
const rows = others.map(({ name, cpu, rates }, index) => ({
  name,
  added: compared(inMemory[index + 1].cpu, inMemory[0].cpu, (own, ofPlain) => own - ofPlain),
  client: compared(cpu, plain.cpu, percent),
  rate: compared(rates, plain.rates, percent),
}));
const machine = { cores: cpus().length, loadBefore, loadAfter: loadavg() };
const plainMicroseconds = median(plain.cpu);
if (values.json) {
  console.log(
    JSON.stringify({ rounds: ROUNDS, milliseconds: MILLISECONDS, writers: WRITERS, machine, plainMicroseconds, rows }),
  );
} else print();

function print() {
  console.log(
    `${ROUNDS} rounds of ${MILLISECONDS} ms, ${WRITERS} writers, single events to new streams; ${cpus().length} cores,`,
  );
  console.log(`load ${loadBefore.map(short).join(' ')} before, ${machine.loadAfter.map(short).join(' ')} after;`);
  console.log(`plain: ${plainMicroseconds.toFixed(1)} µs of the client, ${Math.round(median(plain.rates))} a second\n`);
  columns('append with', 'µs more in memory', '% of the client', '% appends a second');
  for (const { name, added, client, rate } of rows) {
    columns(name, shown(added, 2), shown(client, 1), shown(rate, 1));
  }
}

function columns(...texts) {
  console.log(texts.map((text, at) => (at === 0 ? text.padEnd(22) : text.padStart(24))).join(''));
}

function shown({ median: middle, low, high }, digits) {
  const [at, from, to] = [middle, low, high].map((number) => signed(number, digits));
  return `${at} (${from} … ${to})`;
}

function signed(number, digits) {
  return `${number >= 0 ? '+' : ''}${number.toFixed(digits)}`;
}

function short(number) {
  return number.toFixed(1);
}
process.exit(0);
