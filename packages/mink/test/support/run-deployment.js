// A server of a deployment: it appends, reads what is live, and works on the projections that its code has.
import { createProjectionEngine } from 'mink';
import { createPostgresStore } from 'mink/postgres';
import { cartEvents, countV1, countV2 } from './versions.js';

const [url, code, seed] = process.argv.slice(2);
const versions = code === 'old' ? [countV1] : [countV1, countV2];
const store = createPostgresStore({ url, categories: { Cart: cartEvents } });
const engine = createProjectionEngine(store, versions, { leaseDuration: 500, batchSize: 20 });
await engine.start();

const failures = [];
let requests = 0;
const over = new AbortController();
process.once('SIGTERM', () => over.abort());

/** One request after another: each appends, and reads. */
for (let n = 0; !over.signal.aborted; n += 1) {
  const name = `Cart-${(Number(seed) + n) % 5}`;
  try {
    await store.append(name, [cartEvents.Numbered({ n: 1 })]);
    const live = code === 'old' ? countV1 : await store.projections.live(versions);
    await store.projections.readModel(live).get(name);
    requests += 1;
  } catch (error) {
    failures.push(`${error.code}: ${error.message}`);
  }
  if (n === 0) process.stdout.write('ready\n');
}
await engine.close();
await store.close();
process.stdout.write(`${JSON.stringify({ requests, failures })}\n`);
