// What observers and tracers cost an append: the same appends with and without them, in one process, on one server.
//   npm run bench:observability [-- --rounds 150 --milliseconds 100 --writers 32 --json]
// Turns are short, and each stands between two plain ones: it is compared with their mean, so that what drifts on the machine moves
// both. The overhead is the median of these ratios, with the 95 % interval of a bootstrap; `plain again`, a second store without
// anything, shows what the method itself cannot tell. Of the client by the time of its processor; of the whole by appends a second.
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import v8 from 'node:v8';
import vm from 'node:vm';
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
import { bootstrapInterval, median, rotate } from './lib/statistics.js';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '150' },
    milliseconds: { type: 'string', default: '100' },
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
const server = await startServer();
await server.createDatabase('bench_observability');
const url = server.urlOf('bench_observability');
const loadBefore = loadavg();
// All write into one log, so that none has a larger one.
const subjects = VARIANTS.map((variant) => ({
  ...variant,
  store: createPostgresStore({ url, categories, ...variant.options }),
  cpu: [],
  cpuRatios: [],
  rateRatios: [],
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

/** Collects garbage between turns, so that nobody pays for what others have left. */
v8.setFlagsFromString('--expose-gc');
const collectGarbage = vm.runInNewContext('gc');

async function measure(subject) {
  collectGarbage();
  return await turn(subject, MILLISECONDS);
}

const [plain, ...others] = subjects;
for (const subject of subjects) await turn(subject, WARM_UP);
let before = await measure(plain);
for (let round = 0; round < ROUNDS; round += 1) {
  for (const subject of rotate(others, round)) {
    const own = await measure(subject);
    const after = await measure(plain);
    plain.cpu.push(after.cpu);
    subject.cpu.push(own.cpu);
    subject.cpuRatios.push((2 * own.cpu) / (before.cpu + after.cpu));
    subject.rateRatios.push((2 * own.rate) / (before.rate + after.rate));
    before = after;
  }
  if (round % 10 === 0) process.stderr.write('.');
}
process.stderr.write('\n');
for (const { store } of subjects) await store.close();
await server.stop();

/** Percent that a median of ratios is above one, with its interval. */
function percents(ratios) {
  const { low, high } = bootstrapInterval(ratios, median);
  return { percent: 100 * (median(ratios) - 1), low: 100 * (low - 1), high: 100 * (high - 1) };
}

const rows = others.map(({ name, cpu, cpuRatios, rateRatios }) => ({
  name,
  microseconds: median(cpu),
  client: percents(cpuRatios),
  rate: percents(rateRatios),
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
  console.log(`load ${loadBefore.map(short).join(' ')} before, ${machine.loadAfter.map(short).join(' ')} after\n`);
  columns('append with', 'µs of the client', 'client, 95 %', 'appends a second, 95 %');
  columns('plain', plainMicroseconds.toFixed(1), '', '');
  for (const { name, microseconds, client, rate } of rows) {
    columns(name, microseconds.toFixed(1), shown(client), shown(rate));
  }
}

function columns(...texts) {
  console.log(texts.map((text, at) => (at === 0 ? text.padEnd(22) : text.padStart(26))).join(''));
}

function shown({ percent, low, high }) {
  return `${signed(percent)} % (${signed(low)} … ${signed(high)})`;
}

function signed(number) {
  return `${number >= 0 ? '+' : ''}${number.toFixed(1)}`;
}

function short(number) {
  return number.toFixed(1);
}
process.exit(0);
