// A process that brings a projection up to the end of the log, and ends when it has nothing more to do.
import { createProjectionEngine } from 'mink';
import { createPostgresStore } from 'mink/postgres';
import { cartEvents, numbers } from './carts.js';

const [url] = process.argv.slice(2);
const store = createPostgresStore({ url, categories: { Cart: cartEvents } });
await createProjectionEngine(store, [numbers]).catchUp();
await store.close();
