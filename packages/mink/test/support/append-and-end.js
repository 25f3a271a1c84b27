// Appends one event after another, and ends.
import { createPostgresStore } from 'mink/postgres';

const [url, count] = process.argv.slice(2);
const store = createPostgresStore({ url });
for (let n = 0; n < Number(count); n += 1) await store.append(`Ended-${n}`, [{ type: 'Noted', data: null }]);
await store.close();
