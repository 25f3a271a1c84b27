// A process that delivers the events of carts to a table, which stands for a receiver somewhere else: it remembers the highest
// epoch of each cart, and refuses lower ones.
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { createProjectionEngine, defineSubscription } from 'mink';
import { createPostgresStore } from 'mink/postgres';
import { Pool } from 'pg';
import { cartEvents } from './carts.js';

const [url, leaseDuration, batchSize] = process.argv.slice(2);
const receiver = new Pool({ connectionString: url, max: 4 });
receiver.on('error', () => undefined);
receiver.on('connect', (client) => client.on('error', () => undefined));

const deliver = `
  insert into received (cart, n, event_id, epoch, pid, is_refused)
  select $1, $2, $3, $4, $5, exists (select from received r where r.cart = $1 and r.epoch > $4)`;

const deliveries = defineSubscription({
  name: 'deliveries',
  events: { Cart: cartEvents },
  from: 'start',
  batchSize: Number(batchSize),
  concurrency: 4,
  handle: async (event, { epoch, signal }) => {
    await receiver.query(deliver, [event.streamName, event.data.n, event.id, epoch, process.pid]);
    await sleep(event.data.n % 4, undefined, { signal });
  },
});

const store = createPostgresStore({ url, categories: { Cart: cartEvents } });
const options = { leaseDuration: Number(leaseDuration), classify: () => 'transient', backoff: 5 };
const engine = createProjectionEngine(store, [deliveries], options);
await engine.start();
process.stdout.write('ready\n');
await once(process, 'SIGTERM');
await engine.close();
await store.close();
await receiver.end();
