// A process that keeps a projection up to date, until it is told to end.
import { once } from 'node:events';
import { createProjectionEngine } from 'mink';
import { createPostgresStore } from 'mink/postgres';
import { cartEvents, numbers } from './carts.js';

const [url, leaseDuration, batchSize] = process.argv.slice(2);
const store = createPostgresStore({ url, categories: { Cart: cartEvents } });
const options = { leaseDuration: Number(leaseDuration), batchSize: Number(batchSize) };
const engine = createProjectionEngine(store, [numbers], options);
await engine.start();
process.stdout.write('ready\n');
await once(process, 'SIGTERM');
await engine.close();
await store.close();
