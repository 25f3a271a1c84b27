import type { ProcessReport } from '../operations/process-report.ts';
import type { DatabaseFacts, StoreFacts } from './database-facts.ts';
import type { Evidence, Seen } from './evidence.ts';
import { failed, unknown, type ChecklistLine, type Verdict } from './finding.ts';

/** From where on something is said. */
export interface DoctorLimits {
  /**
   * Milliseconds since the last backup.
   * @defaultValue 26 hours: one a day, and two hours for it
   */
  readonly backupAge: number;
  /**
   * Milliseconds since anybody has asked for health or metrics.
   * @defaultValue 10 minutes
   */
  readonly askedAge: number;
  /**
   * Milliseconds since a projection was verified.
   * @defaultValue 30 days
   */
  readonly verifiedAge: number;
  /**
   * Events of a stream since its last snapshot.
   * @defaultValue 1_000
   */
  readonly snapshotLag: number;
  /**
   * Milliseconds that a transaction may hold readers back.
   * @defaultValue 60_000
   */
  readonly heldAge: number;
  /**
   * Milliseconds that a statement may take on average.
   * @defaultValue 100
   */
  readonly slowStatement: number;
}

/** One thing that is looked at. */
export interface Check {
  /** Never changes. */
  readonly id: string;
  readonly title: string;
  readonly line?: ChecklistLine | undefined;
  /** A page of docs/runbooks. */
  readonly runbook?: string | undefined;
  readonly examine: (evidence: Evidence, limits: DoctorLimits) => Verdict;
}

/** What a check says of something that was seen; `unknown`, and why, where it was not. */
export function given<T>(seen: Seen<T>, judge: (value: T) => Verdict): Verdict {
  if ('value' in seen) return judge(seen.value);
  const reason = seen.error instanceof Error ? seen.error.message : String(seen.error);
  return unknown(reason, 'mend what is above first, and run it again');
}

/** The same of what the database says; a storage without one says nothing. */
export function givenFacts({ facts }: Evidence, judge: (facts: DatabaseFacts) => Verdict): Verdict {
  return given(facts, (value) =>
    value === undefined
      ? unknown('This storage is no database.', 'examine a store on PostgreSQL: createPostgresStore')
      : judge(value),
  );
}

/** The same of what the tables of the store say. */
export function givenStore(evidence: Evidence, judge: (facts: StoreFacts, all: DatabaseFacts) => Verdict): Verdict {
  return givenFacts(evidence, (all) =>
    all.store === undefined ? failed('The schema is behind the code.', 'mink migrate') : judge(all.store, all),
  );
}

/** Processes that live: what those say that are silent is of another time. None where they could not be seen. */
export function aliveOf({ processes }: Pick<Evidence, 'processes'>): readonly ProcessReport[] {
  return 'value' in processes ? processes.value.filter(({ isSilent }) => !isSilent) : [];
}

/** A setting that is in effect in a process. */
export function valueOf({ configuration }: ProcessReport, wanted: string): unknown {
  return configuration.find(({ name }) => name === wanted)?.value;
}

/** Names, the first of them. */
export function listed(names: readonly string[], most = 5): string {
  const rest = names.length - most;
  return rest > 0 ? `${names.slice(0, most).join(', ')} and ${rest} more` : names.join(', ');
}

/** A time span for people. */
export function spanText(milliseconds: number): string {
  const units = [
    [86_400_000, 'day'],
    [3_600_000, 'hour'],
    [60_000, 'minute'],
    [1_000, 'second'],
  ] as const;
  const [unit, name] = units.find(([length]) => milliseconds >= 2 * length) ?? [1, 'ms'];
  const count = Math.round(milliseconds / unit);
  return name === 'ms' ? `${count} ms` : `${count} ${name}s`;
}
