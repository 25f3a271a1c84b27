// What observers and tracers cost an append: the same appends with and without them, in turns, in one process, on one server.
//   npm run bench:observability [-- --rounds 24 --milliseconds 400 --writers 32 --json]
// By the processor's time of the client, which other work on the machine disturbs least: each turn is compared with the plain one
// of its round, and the median of these is the overhead. The last column is the rate, which takes the whole server in.
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
import { createPostgresStore } from 'mink/postgres';
import { makeEvents, timeOrderedId } from './lib/payload.js';
import { startServer } from './lib/server.js';
import { median, rotate } from './lib/statistics.js';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '24' },
    milliseconds: { type: 'string', default: '400' },
    writers: { type: 'string', default: '32' },
    json: { type: 'boolean', default: false },
  },
});
const ROUNDS = Number(values.rounds);
const MILLISECONDS = Number(values.milliseconds);
const WRITERS = Number(values.writers);
const WARM_UP = 2_000;

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
const server = await startServer();
await server.createDatabase('bench_observability');
const url = server.urlOf('bench_observability');
const loadBefore = loadavg();
const subjects = VARIANTS.map((variant, index) => ({
  ...variant,
  store: createPostgresStore({ url, schema: `s${index}`, categories, ...variant.options }),
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
for (let round = 0; round < ROUNDS; round += 1) {
  for (const subject of rotate(subjects, round)) {
    const { cpu, rate } = await turn(subject, MILLISECONDS);
    subject.cpu.push(cpu);
    subject.rates.push(rate);
  }
  process.stderr.write('.');
}
process.stderr.write('\n');
for (const { store } of subjects) await store.close();
await server.stop();

const [plain] = subjects;
const rows = subjects.map(({ name, cpu, rates }) => {
  const ratios = cpu.map((own, round) => own / plain.cpu[round]);
  return { name, microseconds: median(cpu), overhead: 100 * (median(ratios) - 1), rate: median(rates) };
});
const machine = { cores: cpus().length, loadBefore, loadAfter: loadavg() };
if (values.json) console.log(JSON.stringify({ rounds: ROUNDS, writers: WRITERS, machine, rows }));
else print(rows);

function print(all) {
  console.log(
    `${ROUNDS} rounds of ${MILLISECONDS} ms, ${WRITERS} writers, single events to new streams; ${cpus().length} cores,`,
  );
  console.log(`load ${loadBefore.map(short).join(' ')} before, ${loadavg().map(short).join(' ')} after\n`);
  console.log(
    `${'append with'.padEnd(24)}${'µs of client'.padStart(14)}${'overhead'.padStart(11)}${'a second'.padStart(11)}`,
  );
  for (const { name, microseconds, overhead, rate } of all) {
    const percent = `${overhead >= 0 ? '+' : ''}${overhead.toFixed(1)} %`;
    console.log(
      `${name.padEnd(24)}${microseconds.toFixed(1).padStart(14)}${percent.padStart(11)}${Math.round(rate).toString().padStart(11)}`,
    );
  }
}

function short(number) {
  return number.toFixed(1);
}
process.exit(0);
