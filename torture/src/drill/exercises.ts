import { rowCorrupted } from './corrupted-row.ts';
import { asynchronousFailover, failover } from './failover.ts';
import { readModelDropped, readModelEmptied } from './lost-read-model.ts';
import { serverLost } from './lost-server.ts';
import { newServer, restoreToYesterday } from './restore.ts';
import type { DrillContext, Outcome } from './scene.ts';

export interface Exercise {
  /** For the table. */
  readonly title: string;
  readonly run: (context: DrillContext) => Promise<Outcome>;
  /** It loses something, which shows that a loss would be seen; without one, it has proven nothing. */
  readonly isControl: boolean;
}

export type ExerciseName = keyof typeof EXERCISES;

/** Everything that is rehearsed. */
export const EXERCISES = {
  'read-model-dropped': { title: 'lost read model: table dropped', run: readModelDropped, isControl: false },
  'read-model-emptied': { title: 'lost read model: table emptied', run: readModelEmptied, isControl: false },
  'server-lost': { title: 'lost server: killed and restarted', run: serverLost, isControl: false },
  'row-corrupted': { title: 'corrupted row: found by its seal', run: rowCorrupted, isControl: false },
  'restore-to-yesterday': { title: 'back to a time, in a second schema', run: restoreToYesterday, isControl: false },
  'new-server': { title: 'new server from backup and increments', run: newServer, isControl: false },
  failover: { title: 'failover to a synchronous standby', run: failover, isControl: false },
  'failover-asynchronous': { title: 'failover to one that lags', run: asynchronousFailover, isControl: true },
} as const satisfies Readonly<Record<string, Exercise>>;

export function isExercise(name: string): name is ExerciseName {
  return Object.hasOwn(EXERCISES, name);
}

/** In their order. */
export const EXERCISE_NAMES: readonly ExerciseName[] = Object.keys(EXERCISES).filter(isExercise);
