import { sendSignal } from '../cluster/send-signal.ts';
import { retrySql } from '../cluster/sql.ts';
import { becomes, pause } from '../waiting.ts';
import type { Scene } from './projection-round.ts';

const terminate = `
  select pg_terminate_backend(pid)
  from pg_catalog.pg_stat_activity
  where datname = $1 and backend_type = 'client backend' and pid <> pg_backend_pid()`;

/** What a round does to those in it; another one is another line here. */
export const disturbances = {
  'kill worker': ({ group }) => group.kill(),
  'freeze worker': ({ group }) => group.freeze(),
  'kill server': async ({ run: { cluster } }) => {
    await cluster.kill();
    await cluster.restart();
  },
  reset: ({ operator, random }) => operator.reset(random),
  retry: async ({ operator }) => {
    await operator.retryAll();
  },
  /** All of them; those that listen for appends learn of none until they listen again. */
  'cut connections': async ({ run: { cluster }, database }) => {
    await retrySql(cluster.url('postgres'), terminate, [database]);
  },
  pause: async ({ operator, random }) => {
    await operator.pause(random);
    await pause(random.int(0, 300));
    await operator.resumeAll();
  },
  'kill worker in a retry': ({ group }) => group.killWhileRetrying(),
  /** As soon as something is parked. */
  discard: async ({ operator, random, run: { signal } }) => {
    await becomes(async () => (await operator.discardOne(random)) > 0, { timeout: 3_000, interval: 50, signal });
  },
  /** The server throws everybody out, and recovers. */
  'kill backend': async ({ run: { cluster }, database, random }) => {
    const busy = await cluster.backends(database, `state = 'active'`);
    const pids = busy.length > 0 ? busy : await cluster.backends(database);
    const pid = pids[random.int(0, pids.length - 1)];
    if (pid !== undefined) sendSignal(pid, 'SIGKILL');
  },
  'close worker': ({ group }) => group.close(),
  cure: async ({ group, operator }) => {
    group.cure += 1;
    operator.cure = group.cure;
    group.tell('retry');
  },
  /** Split and merged, while somebody works on it. */
  partition: ({ operator, random }) => operator.partition(random),
  'reset in a freeze': async ({ group, operator, random }) => {
    await Promise.all([group.freeze(), pause(random.int(0, 500)).then(() => operator.reset(random))]);
  },
} as const satisfies Readonly<Record<string, (scene: Scene) => Promise<void>>>;

export type Disturbance = keyof typeof disturbances;
