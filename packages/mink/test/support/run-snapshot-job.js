// A process with a snapshot job, which tells of each of its runs.
import { createSnapshotJob, defineDecider, defineEvents, payload } from 'mink';
import { createPostgresStore } from 'mink/postgres';

const [url, interval] = [process.argv[2], Number(process.argv[3])];
const events = defineEvents({ Added: payload() });
const cart = defineDecider({
  category: 'Cart',
  events,
  initialState: () => 0,
  evolve: (sum) => sum + 1,
  decide: () => events.Added({}),
  snapshots: { schemaVersion: 1, when: () => false },
});
const store = createPostgresStore({ url, categories: { Cart: events } });
const job = createSnapshotJob(store, [cart], {
  interval,
  minEvents: 1,
  onRun: (run) => process.stdout.write(`${JSON.stringify(run)}\n`),
  onError: (error) => process.stdout.write(`${JSON.stringify({ status: 'failed', message: error.message })}\n`),
});
process.on('SIGTERM', () => {
  void job.close().then(() => store.close());
});
