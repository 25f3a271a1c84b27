// What the settings of the append path were chosen by: connections, batch size, prepared statements, drivers and forms.
//   npm run bench:settings [-- --rounds 5 --seconds 2 --only TEXT]
// Every round of every variant takes its turn in this process, on one server with PostgreSQL's own durability; medians.
import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { createEventStore } from 'mink';
import { Client } from 'pg';
import { startServer } from './lib/server.js';
import { makeEvents, timeOrderedId } from './lib/payload.js';
import { median, rotate } from './lib/statistics.js';
import { measureRate } from './work/measure.js';

const inside = (file) => import(new URL(`../packages/mink/dist/postgres/${file}`, import.meta.url).href);
const { createDatabase } = await inside('connection.js');
const { PostgresStorage } = await inside('postgres-storage.js');
const { schemaName } = await inside('schema-name.js');

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    only: { type: 'string', default: '' },
  },
});
const ROUNDS = Number(values.rounds);
const SECONDS = Number(values.seconds);
const BATCH = 100;

/** A store with other settings than the default ones. */
async function openStore(url, { lanes = 2, maxCommands = 200, prepare = 'auto', pipeline = false }) {
  const shared = pipeline ? await pipelinedPool(url) : undefined;
  const storage = new PostgresStorage({
    database: createDatabase({ url, pool: shared?.pool, prepare }),
    schema: schemaName(),
    migrate: 'auto',
    pollInterval: 100,
    isNotifying: true,
    holdTimeout: 0,
    pump: { lanes, maxCommands, slowLanes: 1, maxQueued: 10_000, lockTimeout: 50, slowLockTimeout: 30_000 },
  });
  const store = createEventStore(storage);
  return { store, close: async () => (await store.close(), await shared?.end()) };
}

/** One connection for everybody: what is sent before the last answer has come waits in the server. */
async function pipelinedPool(url) {
  const client = new Client({ connectionString: url, pipeline: true });
  await client.connect();
  const connection = {
    query: (query) => client.query(query),
    release: () => undefined,
    on: () => undefined,
    off: () => undefined,
  };
  return { pool: { connect: async () => connection }, end: () => client.end() };
}

/** Writers that append single events to new streams through a store. */
function throughStore(name, writers, settings) {
  return {
    group: `${writers} writers, appends/s`,
    name,
    run: async (url) => {
      const { store, close } = await openStore(url, settings);
      await store.readBound();
      const { rate } = await measureRate({
        workers: writers,
        seconds: SECONDS,
        warmUpSeconds: 0.5,
        onBegin: () => undefined,
        onEnd: () => undefined,
        step: async () => {
          const id = timeOrderedId();
          await store.append(`Bench-${id}`, makeEvents(1, id), { expectedVersion: 'no_stream' });
          return 1;
        },
      });
      await close();
      return rate;
    },
  };
}

/** Rows of 100 events into a table of the same columns whose payload columns are of this type, by one statement. */
function payloadType(type, indexes) {
  const table = `forms.${type}_${indexes ? 'indexed' : 'bare'}`;
  return {
    group: `100 rows a statement, payload columns of a type, ${indexes ? 'with' : 'without'} the indexes, rows/s`,
    name: type,
    run: async (url) => {
      const client = new Client({ connectionString: url });
      await client.connect();
      await client.query('create schema if not exists forms');
      await client.query(
        `create table if not exists ${table} (like mink.events including ${indexes ? 'all' : 'defaults including identity'})`,
      );
      await client.query(
        `alter table ${table} alter data type ${type} using data::text::${type}, alter metadata type ${type} using metadata::text::${type}`,
      );
      const text = `
        insert into ${table} (stream_name, stream_version, category, partition_key, event_id, type, schema_version, data,
          metadata, recorded_at, commit_id, commit_index, commit_size)
        select $1, e.nr, 'Bench', 1, e.id, 'ItemAdded', 1, e.data::${type}, e.metadata::${type}, now(), 1, e.nr, 100
        from unnest($2::uuid[], $3::text[], $4::text[]) with ordinality as e (id, data, metadata, nr)`;
      const { rate } = await measureRate({
        workers: 1,
        seconds: SECONDS,
        warmUpSeconds: 0.5,
        onBegin: () => undefined,
        onEnd: () => undefined,
        step: async () => {
          const id = timeOrderedId();
          const events = makeEvents(BATCH, id);
          await client.query({
            name: table,
            text,
            values: [
              `Bench-${id}`,
              events.map(() => randomUUID()),
              events.map(({ data }) => JSON.stringify(data)),
              events.map(({ metadata }) => JSON.stringify(metadata)),
            ],
          });
          return BATCH;
        },
      });
      await client.query(`drop table ${table}`);
      await client.end();
      return rate;
    },
  };
}

const variants = [
  ...[1, 32, 256, 1024].flatMap((writers) =>
    [1, 2, 3, 4].map((lanes) => throughStore(`${lanes} connection${lanes === 1 ? '' : 's'}`, writers, { lanes })),
  ),
  ...[50, 100, 400].map((maxCommands) => throughStore(`2 connections, calls of ${maxCommands}`, 1024, { maxCommands })),
  throughStore('2 connections, unnamed statements', 1, { prepare: 'unnamed' }),
  throughStore('2 connections, unnamed statements', 32, { prepare: 'unnamed' }),
  throughStore('1 connection, 2 calls in its pipeline', 32, { pipeline: true }),
  throughStore('1 connection, 2 calls in its pipeline', 1024, { pipeline: true }),
  ...[true, false].flatMap((indexes) => ['json', 'text', 'jsonb'].map((type) => payloadType(type, indexes))),
].filter(({ group, name }) => `${group} ${name}`.includes(values.only));

const server = await startServer();
await server.createDatabase('bench_settings');
const url = server.urlOf('bench_settings');
const rates = new Map(variants.map((variant) => [variant, []]));
for (let round = 0; round < ROUNDS; round += 1) {
  for (const variant of rotate(variants, round)) {
    await server.query('bench_settings', 'checkpoint');
    rates.get(variant).push(await variant.run(url));
    process.stderr.write('.');
  }
}
process.stderr.write('\n');
await server.stop();

for (const group of new Set(variants.map((variant) => variant.group))) {
  console.log(`\n${group}`);
  for (const variant of variants.filter((one) => one.group === group)) {
    const all = rates.get(variant);
    const [least, most] = [Math.min(...all), Math.max(...all)].map((rate) => Math.round(rate).toLocaleString('en-US'));
    console.log(
      `  ${variant.name.padEnd(40)} ${Math.round(median(all)).toLocaleString('en-US').padStart(9)}  (${least} … ${most})`,
    );
  }
}
