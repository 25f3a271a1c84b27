// The catalogue of works: what a round does, and which rows come out of it.
//
// `kind` names the function in work/, the rest are its parameters. `rows` says which numbers of a round become rows: the
// key of the result, the name of the row, its unit, and which way is better.

const rate = (name, unit) => [{ key: 'rate', name, unit, better: 'higher' }];
const latency = (prefix) => [
  { key: 'p50', name: `${prefix}-p50`, unit: 'ms', better: 'lower' },
  { key: 'p99', name: `${prefix}-p99`, unit: 'ms', better: 'lower' },
];

// What one work costs beside its rate.
const costs = [
  { key: 'clientCpu', name: 'cpu-client-ms', unit: 'CPU ms per 1,000 appends', better: 'lower' },
  { key: 'serverCpu', name: 'cpu-server-ms', unit: 'CPU ms per 1,000 appends', better: 'lower' },
  { key: 'walBytes', name: 'wal-bytes', unit: 'bytes per append', better: 'lower' },
  { key: 'peakRss', name: 'rss-mb', unit: 'MB', better: 'lower' },
];

const rebuild = (name) => [
  { key: 'ratio', name, unit: 'times as fast', better: 'higher' },
  { key: 'busy', name: `${name}-busy`, unit: '% of the CPU', better: 'lower' },
];
const inline = (name) => [{ key: 'ratio', name, unit: 'times as long', better: 'lower' }];

const NOT_COMPARED = 'its projections are not compared';
const WITH_ITSELF = 'mink alone: it is compared with itself';
const ALONE = ['mink'];
const PROJECTORS = ['mink', 'floor', 'emmett'];

// Streams that grow side by side, so that the events of a batch are of many streams.
const logOf = (name, length) => ({ name, streams: 10_000, length, isInterleaved: true });
const PROJECTED_100K = logOf('projected100k', 10);
const PROJECTED_1M = logOf('projected1m', 100);

const projection = (prefix) => [
  ...rate(prefix, 'events/s'),
  { key: 'peakRss', name: `${prefix}-rss-mb`, unit: 'MB', better: 'lower' },
];

export const works = [
  work('append-1-seq', 'append', { writers: 1, events: 1 }, rate('append-1-seq', 'appends/s'), {
    title: '1 event to a new stream, one append after another',
    // So few a second that whatever runs in JavaScript would be measured before it is compiled.
    warmUp: 8,
  }),
  work('append-1-c32', 'append', { writers: 32, events: 1 }, [...rate('append-1-c32', 'appends/s'), ...costs], {
    title: 'the same, 32 writers at once',
  }),
  work('append-1-c256', 'append', { writers: 256, events: 1 }, rate('append-1-c256', 'appends/s'), {
    title: 'the same, 256 writers',
  }),
  work('append-1-c1024', 'append', { writers: 1024, events: 1 }, rate('append-1-c1024', 'appends/s'), {
    title: 'the same, 1,024 writers',
  }),
  work('append-10-c32', 'append', { writers: 32, events: 10 }, rate('append-10-c32', 'events/s'), {
    title: '10 events to a new stream, 32 writers',
  }),
  work('append-100-batch', 'append', { writers: 1, events: 100 }, rate('append-100-batch', 'events/s'), {
    title: '100 events to a new stream, one append after another',
  }),
  work('hot-stream-c64', 'hot', { writers: 64 }, rate('hot-stream-c64', 'appends/s'), {
    title: '64 writers on one stream: read its version, append at it, again on conflict; goodput',
  }),
  work(
    'held-c32',
    'held',
    { writers: 32, holdSeconds: 10 },
    [
      { key: 'beforeP50', name: 'held-before-p50', unit: 'ms', better: 'lower' },
      { key: 'beforeP99', name: 'held-before-p99', unit: 'ms', better: 'lower' },
      { key: 'heldP50', name: 'held-p50', unit: 'ms', better: 'lower' },
      { key: 'heldP99', name: 'held-p99', unit: 'ms', better: 'lower' },
    ],
    {
      title: 'a transaction holds the stream of 1 of 32 writers for 10 s: how long appends of the others take',
      only: { subjects: ALONE, why: 'mink alone: it locks a row for each stream' },
    },
  ),
  work('load-10', 'load', { length: 10 }, rate('load-10', 'events/s'), {
    title: 'load and fold streams of 10 events, one after another',
    dataset: { name: 'short', streams: 1_000, length: 10 },
  }),
  work('load-1000', 'load', { length: 1_000 }, rate('load-1000', 'events/s'), {
    title: 'load and fold streams of 1,000 events',
    dataset: { name: 'medium', streams: 20, length: 1_000 },
  }),
  work('load-10000', 'load', { length: 10_000 }, rate('load-10000', 'events/s'), {
    title: 'load and fold streams of 10,000 events',
    dataset: { name: 'long', streams: 3, length: 10_000 },
  }),
  work('catchup-100k', 'catchup', { events: 100_000 }, rate('catchup-100k', 'events/s'), {
    title: 'one subscription reads 100,000 stored events from the beginning',
    dataset: { name: 'log100k', streams: 10_000, length: 10 },
    feed: true,
  }),
  work('catchup-1m', 'catchup', { events: 1_000_000 }, rate('catchup-1m', 'events/s'), {
    title: 'one subscription reads 1,000,000 stored events from the beginning',
    dataset: { name: 'log1m', streams: 100_000, length: 10 },
    feed: true,
  }),
  work('follow-c16', 'followWriters', { writers: 16 }, rate('follow-c16', 'events/s'), {
    title: 'one subscription follows 16 writers; lost events are counted',
    feed: true,
  }),
  work('latency', 'latency', {}, latency('latency'), {
    title: 'append returned → handler called, one process',
    feed: true,
  }),
  work('latency-remote', 'remoteLatency', {}, latency('latency-remote'), {
    title: 'append returned → handler called, writer and reader in two processes',
    feed: true,
  }),
  work('idle', 'idle', {}, [{ key: 'cpu', name: 'idle-cpu-ms', unit: 'CPU ms per s', better: 'lower' }], {
    title: 'one subscription waits, nothing happens: CPU of client and server',
    feed: true,
  }),
  work('mixed-80-20', 'mixed', { workers: 32 }, rate('mixed-80-20', 'operations/s'), {
    title: '32 workers, 80 % load a stream of 10 events, 20 % append to a new one',
    dataset: { name: 'short', streams: 1_000, length: 10 },
  }),
  work('projection-100k', 'project', { longestSeconds: 30 }, projection('projection-100k'), {
    title: 'a projection with a row for each of 10,000 streams applies 100,000 stored events',
    dataset: PROJECTED_100K,
    feed: true,
    only: { subjects: PROJECTORS, why: NOT_COMPARED },
  }),
  work('projection-1m', 'project', { longestSeconds: 120 }, projection('projection-1m'), {
    title: 'the same with 1,000,000 stored events',
    dataset: PROJECTED_1M,
    // What it does in its time is as much of either log, and filling a large one takes it half an hour.
    smaller: { subjects: ['emmett'], dataset: PROJECTED_100K },
    feed: true,
    only: { subjects: PROJECTORS, why: NOT_COMPARED },
  }),
  work('rebuild-p4', 'rebuild', { partitions: 4 }, rebuild('rebuild-p4'), {
    title: 'a rebuild by 4 partitions beside one by a single one, in one process',
    dataset: PROJECTED_100K,
    only: { subjects: ALONE, why: WITH_ITSELF },
  }),
  work('rebuild-p4-far', 'rebuild', { partitions: 4, delayMs: 5 }, rebuild('rebuild-p4-far'), {
    title: 'the same, where each round trip to the database takes 5 ms longer',
    dataset: PROJECTED_100K,
    only: { subjects: ALONE, why: WITH_ITSELF },
  }),
  work('visible', 'visible', { perSecond: 500, workers: 16 }, latency('visible'), {
    title: 'append due → row read, 500 appends a second, one process',
    feed: true,
    only: { subjects: PROJECTORS, why: NOT_COMPARED },
  }),
  work('visible-remote', 'visibleRemote', { perSecond: 500, workers: 16 }, latency('visible-remote'), {
    title: 'the same, with the projection in another process',
    only: { subjects: ALONE, why: 'mink alone: the others can be waited for in one process only' },
  }),
  work('inline-overhead', 'inlineOverhead', { writers: 32 }, inline('inline-overhead'), {
    title: '32 writers with a projection in the transaction of the append, beside the same without it',
    only: { subjects: ALONE, why: WITH_ITSELF },
  }),
  work('inline-overhead-seq', 'inlineOverhead', { writers: 1 }, inline('inline-overhead-seq'), {
    title: 'the same, one append after another',
    only: { subjects: ALONE, why: WITH_ITSELF },
  }),
  work(
    'idle-50',
    'idleProjections',
    { projections: 50 },
    [
      { key: 'cpuShare', name: 'idle-50-cpu', unit: '% of a core', better: 'lower' },
      { key: 'queries', name: 'idle-50-queries', unit: 'queries per s', better: 'lower' },
    ],
    {
      title: '50 projections wait, nothing happens, for twice as long as a round: CPU of client and server, queries',
      only: { subjects: ALONE, why: 'mink alone: what matters is how little it is' },
    },
  ),
];

function work(name, kind, parameters, rows, { title, dataset, smaller, feed = false, only, warmUp = 3 }) {
  return { name, kind, parameters, rows, title, dataset, smaller, feed, only, warmUp };
}

/** The name under which `--only` knows each row, and the work it comes from. */
export const rowNames = new Map(works.flatMap((work) => work.rows.map((row) => [row.name, work])));

/** The works that give the rows and works named. */
export function worksFor(names) {
  return works.filter((work) => names.includes(work.name) || work.rows.some((row) => names.includes(row.name)));
}
