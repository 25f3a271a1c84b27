// A process that adds to one counter in exclusive mode, many at a time: `go` on its standard input begins.
import { once } from 'node:events';
import { defineDecider, defineEvents, payload } from 'mink';
import { createPostgresStore } from 'mink/postgres';

const [url, writers, each] = [process.argv[2], ...process.argv.slice(3).map(Number)];
const events = defineEvents({ Added: payload() });
const counter = defineDecider({
  category: 'Counter',
  events,
  initialState: () => 0,
  evolve: (total) => total + 1,
  // What is added is what the total comes to: two that decide on one state would add the same.
  decide: (_command, total) => events.Added({ total: total + 1 }),
});
const store = createPostgresStore({ url, categories: { Counter: events } });
await store.streamInfo('Counter-0');
process.stdout.write('ready\n');
await once(process.stdin, 'data');
const counting = Array.from({ length: writers }, async () => {
  for (let n = 0; n < each; n += 1) {
    const { state, events: own } = await store.executeWithRetry(counter, '1', undefined, { exclusive: true });
    process.stdout.write(`${JSON.stringify({ total: own[0].data.total, state })}\n`);
  }
});
await Promise.all(counting);
process.stdin.destroy();
await store.close();
