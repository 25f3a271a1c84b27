import { randomUUID } from 'node:crypto';
import type { Job, Problem, User } from '../api-types.ts';
import { Refusal } from '../http/problem.ts';

/** How far something is. */
export interface JobProgress {
  /** From 0 to 1; undefined while nobody can tell. */
  readonly progress?: number | undefined;
  /** Events of a second. */
  readonly rate?: number | undefined;
  /** Milliseconds. */
  readonly timeLeft?: number | undefined;
}

/** Something that takes a while. */
export interface Work {
  readonly action: string;
  /** What it is done to, for people. */
  readonly subject: string;
  /** What nobody else may work on meanwhile. */
  readonly holds: string;
  readonly user: User;
  run(signal: AbortSignal, onProgress: (progress: JobProgress) => void): Promise<unknown>;
  /** Told when it has ended. Never rejects. */
  onEnd(error?: unknown): Promise<void>;
}

/** A job, with what came of it as it was. */
export interface KeptJob extends Omit<Job, 'error' | 'result'> {
  readonly result: unknown;
  readonly error: unknown;
}

const MOST_RUNNING = 4;
const MOST_KEPT = 100;
/** Milliseconds that an ended job is shown. */
const KEPT_FOR = 60 * 60_000;

interface Running {
  job: KeptJob;
  readonly holds: string;
  readonly stop: AbortController;
  readonly done: Promise<void>;
}

/** What is done by this process in the background: a few at a time, one of a kind. Ended jobs are kept for an hour. */
export class Jobs {
  readonly #jobs = new Map<string, Running>();
  readonly #now: () => number;
  #isClosed = false;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** All that run, and those that have ended within the last hour; the newest first. */
  list(): readonly KeptJob[] {
    this.#forget();
    return Array.from(this.#jobs.values(), ({ job }) => job).toReversed();
  }

  get(id: string): KeptJob {
    return this.#find(id).job;
  }

  /** Throws a {@link Refusal} where nothing more can begin. */
  checkFree(holds: string): void {
    if (this.#isClosed) throw new Refusal(503, 'CLOSING', 'The console is closing.');
    const running = [...this.#jobs.values()].filter(({ job }) => job.state === 'running');
    const other = running.find((it) => it.holds === holds);
    if (other !== undefined) {
      const { action, subject } = other.job;
      throw new Refusal(409, 'JOB_RUNNING', `${action} of ${subject} is running. Wait for it, or cancel it.`);
    }
    if (running.length >= MOST_RUNNING) {
      throw new Refusal(409, 'TOO_MANY_JOBS', `${MOST_RUNNING} jobs are running. Wait for one, or cancel it.`);
    }
  }

  /** Begins a job. */
  start(work: Work): KeptJob {
    this.checkFree(work.holds);
    const { action, subject, user, holds } = work;
    const stop = new AbortController();
    const id = randomUUID();
    const startedAt = this.#now();
    const begun = { id, action, subject, startedBy: user.name, startedAt, state: 'running' } as const;
    const running: Running = {
      job: { ...begun, result: undefined, error: undefined },
      holds,
      stop,
      // A turn later, so that it is listed before it can end.
      done: Promise.resolve().then(() => this.#run(running, work)),
    };
    this.#jobs.set(id, running);
    return running.job;
  }

  /** Asks a job to stop, and waits until it has. One that has ended stays as it was. */
  async cancel(id: string): Promise<KeptJob> {
    const running = this.#find(id);
    running.stop.abort();
    await running.done;
    return running.job;
  }

  /** Stops all jobs, and waits until they have. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const { stop } of this.#jobs.values()) stop.abort();
    await Promise.all(Array.from(this.#jobs.values(), ({ done }) => done));
  }

  async #run(running: Running, work: Work): Promise<void> {
    const { signal } = running.stop;
    const end = (outcome: Pick<KeptJob, 'state' | 'result' | 'error'>): void => {
      running.job = { ...running.job, ...outcome, endedAt: this.#now() };
    };
    try {
      const result = await work.run(signal, ({ progress, rate, timeLeft }) => {
        if (running.job.state !== 'running') return;
        const { progress: _p, rate: _r, timeLeft: _t, ...rest } = running.job;
        running.job = {
          ...rest,
          ...(progress === undefined ? {} : { progress }),
          ...(rate === undefined ? {} : { rate }),
          ...(timeLeft === undefined ? {} : { timeLeft }),
        };
      });
      await work.onEnd();
      end({ state: 'done', result, error: undefined });
    } catch (error) {
      const isCancelled = signal.aborted;
      const cancelled = new Refusal(409, 'CANCELLED', 'It was cancelled.');
      await work.onEnd(isCancelled ? cancelled : error);
      end({ state: isCancelled ? 'cancelled' : 'failed', result: undefined, error: isCancelled ? cancelled : error });
    }
  }

  #find(id: string): Running {
    this.#forget();
    const running = this.#jobs.get(id);
    if (running === undefined) throw new Refusal(404, 'JOB_NOT_FOUND', 'There is no such job, or it ended long ago.');
    return running;
  }

  #forget(): void {
    const ended = [...this.#jobs].filter(([, { job }]) => job.endedAt !== undefined);
    const tooMany = Math.max(0, this.#jobs.size - MOST_KEPT);
    for (const [index, [id, { job }]] of ended.entries()) {
      if (index < tooMany || this.#now() - (job.endedAt ?? 0) >= KEPT_FOR) this.#jobs.delete(id);
    }
  }
}

/** A job as somebody may see it. */
export function toJob(job: KeptJob, result: unknown, problem: Problem | undefined): Job {
  const { result: _result, error: _error, ...rest } = job;
  return {
    ...rest,
    ...(result === undefined ? {} : { result }),
    ...(problem === undefined ? {} : { error: problem }),
  };
}
