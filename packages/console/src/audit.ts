import { randomUUID } from 'node:crypto';
import type { AuditEntry, AuditLog, JsonObject } from 'mink';
import { whyNot } from './access/actions.ts';
import type { ActionName, User } from './api-types.ts';
import { Refusal } from './http/problem.ts';

/** Something that somebody wants to do. */
export interface Wanted {
  readonly action: ActionName;
  readonly user: User;
  /** What it is done to, and how. */
  readonly details: JsonObject;
}

/** What the {@link Auditor} works with. */
export interface AuditorOptions {
  /** Undefined where nothing can be kept: then nothing is done, and nothing shown in full. */
  readonly log: Pick<AuditLog, 'write'> | undefined;
  readonly isReadOnly: boolean;
  readonly onError: (error: unknown, what: string) => void;
  readonly now: () => number;
}

/** Says who did and saw what, and lets nobody do what they may not. */
export class Auditor {
  readonly #options: AuditorOptions;

  constructor(options: AuditorOptions) {
    this.#options = options;
  }

  /** Says that somebody sees payloads in full. Throws where that cannot be written: then they do not. */
  async viewed(user: User, what: string, details: JsonObject): Promise<void> {
    await this.#write({ kind: 'view', type: what, user, details, id: randomUUID(), status: 'succeeded' });
  }

  /**
   * Does something, and says so before and after; what may not be done is said, too. Throws a {@link Refusal} where it may not, or
   * cannot be written.
   */
  async act<T>(wanted: Wanted, work: () => Promise<T>): Promise<T> {
    const finish = await this.attempt(wanted);
    try {
      const result = await work();
      await finish();
      return result;
    } catch (error) {
      await finish(error);
      throw error;
    }
  }

  /** Like {@link act}, for what goes on for a while: gives back how to say what came of it, which never rejects. */
  async attempt(wanted: Wanted): Promise<(error?: unknown) => Promise<void>> {
    const { action, user, details } = wanted;
    const entry = { kind: 'action', type: AUDITED_AS[action], user, details, id: randomUUID() } as const;
    const reason = whyNot(user, action, this.#options.isReadOnly);
    if (reason !== undefined) {
      const refusal = new Refusal(403, reason.code, reason.message);
      await this.#finish({ ...entry, status: 'refused', error: refusal });
      throw refusal;
    }
    await this.#write({ ...entry, status: 'attempted' });
    return async (error) => {
      if (error === undefined) await this.#finish({ ...entry, status: 'succeeded' });
      else await this.#finish({ ...entry, status: error instanceof Refusal ? 'refused' : 'failed', error });
    };
  }

  async #finish(outcome: Line): Promise<void> {
    try {
      await this.#write(outcome);
    } catch (error) {
      this.#options.onError(error, `the outcome of ${outcome.type} by ${outcome.user.name} could not be audited`);
    }
  }

  async #write({ kind, type, id, user, details, status, error }: Line): Promise<void> {
    const { log, now } = this.#options;
    if (log === undefined) {
      throw new Refusal(
        503,
        'AUDIT_UNAVAILABLE',
        'This store keeps no audit log, so it is not done. Give one: "audit".',
      );
    }
    const entry: AuditEntry = {
      kind,
      type,
      id,
      at: new Date(now()),
      userId: user.name,
      tenantId: undefined,
      correlationId: undefined,
      status,
      errorCode: error === undefined ? undefined : codeOf(error),
      streamName: typeof details['streamName'] === 'string' ? details['streamName'] : undefined,
      streamVersion: undefined,
      details: { ...details, role: user.role, client: 'console' },
    };
    try {
      await log.write(entry);
    } catch (failure) {
      this.#options.onError(failure, `${type} by ${user.name} could not be audited, so it was not done`);
      throw new Refusal(503, 'AUDIT_UNAVAILABLE', 'It could not be audited, so it is not done. Try again.');
    }
  }
}

/** As the command line calls the same. */
const AUDITED_AS: Readonly<Record<ActionName, string>> = {
  pause: 'projections.pause',
  resume: 'projections.resume',
  reset: 'projections.reset',
  partition: 'projections.partition',
  plan: 'projections.plan',
  build: 'projections.build',
  rebuild: 'projections.rebuild',
  compare: 'projections.compare',
  'what-if': 'projections.what-if',
  verify: 'projections.verify',
  switch: 'projections.switch',
  rollback: 'projections.rollback',
  retire: 'projections.retire',
  'dry-run': 'deadletters.dry-run',
  retry: 'deadletters.retry',
  'retry-all': 'deadletters.retry-all',
  discard: 'deadletters.discard',
  'check-schema': 'schema.check',
  'cancel-job': 'jobs.cancel',
};

interface Line {
  readonly kind: 'action' | 'view';
  readonly type: string;
  readonly id: string;
  readonly user: User;
  readonly details: JsonObject;
  readonly status: AuditEntry['status'];
  readonly error?: unknown;
}

function codeOf(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string')
    return error.code;
  return error instanceof Error ? error.name : 'UNKNOWN';
}
