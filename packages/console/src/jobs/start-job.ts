import type { JsonObject } from 'mink';
import type { ActionName, User } from '../api-types.ts';
import type { ConsoleContext } from '../console-context.ts';
import type { Live } from '../live/live.ts';
import type { JobProgress, KeptJob } from './jobs.ts';

/** A job that somebody wants. */
export interface WantedWork {
  readonly action: ActionName;
  readonly subject: string;
  /** What nobody else may work on meanwhile. */
  readonly holds: string;
  readonly user: User;
  readonly details: JsonObject;
  /** Checks what is asked for, and gives back what is to be done. */
  readonly prepare: () => Run | Promise<Run>;
}

/** Does it. */
export type Run = (signal: AbortSignal, onProgress: (progress: JobProgress) => void) => Promise<unknown>;

/** Begins a job, if the user may. It is said when it begins, and what came of it. */
export async function startJob({ auditor, jobs, live }: ConsoleContext, wanted: WantedWork): Promise<KeptJob> {
  const { action, subject, holds, user, details, prepare } = wanted;
  const finish = await auditor.attempt({ action, user, details });
  try {
    jobs.checkFree(holds);
    const run = await prepare();
    return jobs.start({ action, subject, holds, user, run, onEnd: (error) => end(live, finish(error)) });
  } catch (error) {
    await finish(error);
    throw error;
  }
}

/** What it has changed is seen at once. */
async function end(live: Live, said: Promise<void>): Promise<void> {
  await said;
  await live.fresh().catch(() => undefined);
}
