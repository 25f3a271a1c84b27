// Appends to the store at a URL; closes it when standard input ends. Then nothing is to keep this process.
import { createPostgresStore } from 'mink/postgres';

const [url] = process.argv.slice(2);
const store = createPostgresStore({ url, wakeUp: 'poll' });
await store.append('Cart-1', [{ type: 'Added', data: null }]);
console.log('appended');
for await (const _ of process.stdin);
await store.close();
