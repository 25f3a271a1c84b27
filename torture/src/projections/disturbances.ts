import type { ProjectionSabotage } from '../cluster/sabotage.ts';
import { sendSignal } from '../cluster/send-signal.ts';
import { becomes, pause } from '../waiting.ts';
import type { Scene } from './projection-round.ts';

/** What a round does to those in it; another one is another line here. */
export const disturbances = {
  'kill worker': ({ group }) => group.kill(),
  'freeze worker': ({ group }) => group.freeze(),
  'kill server': async ({ run: { cluster } }) => {
    await cluster.kill();
    await cluster.restart();
  },
  reset: async ({ operator, changes, random }) => changes.forget(await operator.reset(random)),
  retry: async ({ operator }) => {
    await operator.retryAll();
  },
  /** All of them; those that listen for appends learn of none until they listen again. */
  'cut connections': ({ run: { cluster }, database }) => cluster.cutConnections(database),
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
  cure: async ({ group, builders, operator }) => {
    group.cure += 1;
    operator.cure = group.cure;
    builders.cure = group.cure;
    group.tell('retry');
  },
  /** Split and merged, while somebody works on it. */
  partition: ({ operator, random }) => operator.partition(random),
  'reset in a freeze': async ({ group, operator, changes, random }) => {
    const reset = async (): Promise<void> => changes.forget(await operator.reset(random));
    await Promise.all([group.freeze(), pause(random.int(0, 500)).then(reset)]);
  },
  'build version': (scene) => slowly(scene, () => scene.changes.build(scene)),
  'switch version': (scene) => slowly(scene, () => scene.changes.switch(scene)),
  'roll back': (scene) => slowly(scene, () => scene.changes.rollBack(scene)),
  'retire version': (scene) => slowly(scene, () => scene.changes.retire(scene)),
  rebuild: (scene) => slowly(scene, () => scene.changes.rebuild(scene)),
  'abandon rebuild': (scene) => slowly(scene, () => scene.changes.abandon(scene)),
  'compare version': (scene) => slowly(scene, () => scene.changes.inspect(scene)),
} as const satisfies Readonly<Record<string, (scene: Scene) => Promise<void>>>;

/** Versions are changed in processes of their own, which take their time to start. */
function slowly({ writer }: Scene, change: () => Promise<void>): Promise<void> {
  return writer.slowly(change);
}

export type Disturbance = keyof typeof disturbances;

/** What shows a sabotage soonest; undefined for all. */
export const TELLING: Readonly<Partial<Record<ProjectionSabotage, readonly Disturbance[]>>> = {
  'no-catch-up': ['switch version'],
  'one-too-far': ['build version', 'rebuild'],
};
