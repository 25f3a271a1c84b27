import { pause } from '../waiting.ts';
import type { Builder } from './builders.ts';
import type { Scene } from './projection-round.ts';

/** Who is interrupted, and how another one does the same meanwhile. */
export interface Interrupted {
  readonly scene: Scene;
  readonly builder: Builder;
  readonly another: () => Promise<void>;
  /** Milliseconds. */
  readonly lease: number;
  /** The version begins anew. */
  readonly forget: () => void;
}

/** What happens to whoever builds or changes a version; another one is another line here. */
export const interruptions = {
  kill: ({ builder }) => builder.child.kill(),
  /** For longer than its lease, while another one goes on with its work; then it wakes, beside the other or after it. */
  freeze: async ({ scene: { random }, builder, another, lease }) => {
    builder.child.freeze();
    const wakes = pause(lease * random.int(2, 6)).then(() => builder.child.thaw());
    await Promise.all([wakes, pause(random.int(0, lease)).then(another)]);
  },
  'cut connections': ({ scene: { run, database } }) => run.cluster.cutConnections(database),
  'kill server': async ({ scene: { run } }) => {
    await run.cluster.kill();
    await run.cluster.restart();
  },
  /** What is being built, or gone back to, is emptied. */
  reset: async ({ scene: { operator }, builder: { job }, forget }) => {
    await operator.resetThis({ name: job.name, version: job.version });
    forget();
  },
} as const satisfies Readonly<Record<string, (interrupted: Interrupted) => Promise<void>>>;

export type Interruption = keyof typeof interruptions;
