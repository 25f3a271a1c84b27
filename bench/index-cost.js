// What each index of `events` costs an append: one schema for each index left out, the same work in turn, medians.
//   npm run bench:indexes [-- ROUNDS]
import { createTemporaryPostgres, findSystemPostgres } from '@mink/dev';
import { createMigrator, createPostgresStore } from 'mink/postgres';
import { Client } from 'pg';

const ROUNDS = Number(process.argv[2] ?? 15);
const BATCHES = 30;
const BATCH = 100;
const variants = [
  { name: 'all indexes', drop: '' },
  { name: 'without (stream, event id)', drop: 'alter table $.events drop constraint events_stream_event_id' },
  { name: 'without (category, position)', drop: 'drop index $.events_category' },
  { name: 'without the block range index', drop: 'drop index $.events_recorded_at' },
  {
    name: 'with (type, position) added',
    drop: 'create index events_type on $.events (type, global_position)',
  },
  { name: 'with (recorded_at) added', drop: 'create index events_time on $.events (recorded_at)' },
];

const system = await findSystemPostgres();
// Without waiting for the disk: what is measured is the work, not the device.
const server = await createTemporaryPostgres({ binDir: system?.binDir, durable: false });
const client = new Client({ connectionString: server.url });
await client.connect();

const subjects = [];
for (const [index, { name, drop }] of variants.entries()) {
  const schema = `variant_${index}`;
  const migrator = createMigrator({ url: server.url, schema });
  await migrator.up();
  await migrator.close();
  if (drop !== '') await client.query(drop.replaceAll('$', schema));
  subjects.push({
    name,
    times: [],
    bytes: [],
    store: createPostgresStore({ url: server.url, schema, maxConnections: 1 }),
  });
}

let stream = 0;
for (let round = 0; round < ROUNDS + 1; round += 1) {
  // Another one begins each round: whoever comes after a checkpoint is always slower.
  const turn = round % subjects.length;
  for (const { store, times, bytes } of [...subjects.slice(turn), ...subjects.slice(0, turn)]) {
    const before = await walPosition();
    const started = performance.now();
    for (let batch = 0; batch < BATCHES; batch += 1) {
      stream += 1;
      await store.append(
        `Order-${stream}`,
        Array.from({ length: BATCH }, (_, n) => ({
          type: 'ItemAdded',
          data: { sku: `SKU-${n}`, quantity: n, price: 29.99 },
        })),
      );
    }
    const elapsed = performance.now() - started;
    // The first round warms up.
    if (round === 0) continue;
    times.push((elapsed * 1000) / (BATCHES * BATCH));
    bytes.push(((await walPosition()) - before) / (BATCHES * BATCH));
  }
}

async function walPosition() {
  const { rows } = await client.query("select pg_current_wal_insert_lsn() - '0/0' as position");
  return Number(rows[0].position);
}

const median = (numbers) => numbers.toSorted((left, right) => left - right)[Math.floor(numbers.length / 2)];
const base = median(subjects[0].times);
console.log(
  `PostgreSQL ${server.serverVersion}, ${ROUNDS} rounds of ${BATCHES} appends of ${BATCH} events, one connection`,
);
for (const { name, times, bytes } of subjects) {
  const time = `${median(times).toFixed(1)} µs an event   ${(median(times) / base).toFixed(2)} ×`;
  console.log(`${name.padEnd(32)} ${time}   ${median(bytes).toFixed(0)} bytes of WAL an event`);
}

for (const { store } of subjects) await store.close();
await client.end();
await server.stop();
