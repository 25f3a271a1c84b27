import type { AnyProjection } from '../projections/define-sql-projection.ts';
import type { Check, DoctorLimits } from './check.ts';
import { DATABASE_CHECKS, FEED_CHECK } from './database-checks.ts';
import { gatherEvidence, type EvidenceSources, type ExaminedFold, type ExaminedStore } from './evidence.ts';
import { CHECKLIST, type Finding } from './finding.ts';
import { LOG_CHECKS } from './log-checks.ts';
import type { Monitoring } from './monitoring.ts';
import { MONITORING_CHECKS } from './monitoring-checks.ts';
import { PERFORMANCE_CHECKS } from './performance-checks.ts';
import { PROCESS_CHECKS } from './process-checks.ts';
import { PROJECTION_CHECKS } from './projection-checks.ts';

/** Options of {@link createDoctor}. */
export interface DoctorOptions<Target> {
  /** Whose code is here: for how far they are behind. */
  readonly projections?: readonly AnyProjection[] | undefined;
  /** Deciders, and definitions of aggregates: shapes are tried with them, and long streams are to have their snapshots. */
  readonly deciders?: readonly (Target & ExaminedFold)[] | undefined;
  /** Asks the monitoring system: `readMonitoring` of mink/prometheus. */
  readonly monitoring?: (() => Promise<Monitoring>) | undefined;
  /** From where on something is said; the rest as it is by default. */
  readonly limits?: Partial<DoctorLimits> | undefined;
}

/** What is to be examined: the store and all around it; the checklist for going to production; or what makes it slow. */
export type ExaminationScope = 'store' | 'production' | 'performance';

/** What a doctor has found. */
export interface Examination {
  /** Nothing has failed. */
  readonly ok: boolean;
  /**
   * One of each check, in the order in which they are to be mended. For production, the lines of the checklist; in front of them only
   * that the database is away, or its schema behind.
   */
  readonly findings: readonly Finding[];
}

/** Examines a store. */
export interface Doctor {
  /**
   * Looks at the database, the log, the projections and what processes report, and judges. Changes nothing, whatever state the schema
   * is in. Reads events of every recorded shape, and the table of streams. Never rejects: what cannot be seen is `unknown`.
   */
  examine(of?: {
    /** @defaultValue 'store' */
    readonly scope?: ExaminationScope | undefined;
    readonly signal?: AbortSignal | undefined;
  }): Promise<Examination>;
}

const HOUR = 3_600_000;
const LIMITS: DoctorLimits = {
  backupAge: 26 * HOUR,
  askedAge: HOUR / 6,
  verifiedAge: 30 * 24 * HOUR,
  snapshotLag: 1_000,
  heldAge: 60_000,
  slowStatement: 100,
};

const OBSTACLES = DATABASE_CHECKS.filter(({ id }) => id === 'connection' || id === 'migrations');
const STORE_CHECKS = [...DATABASE_CHECKS, ...LOG_CHECKS, ...PROJECTION_CHECKS, FEED_CHECK, ...PROCESS_CHECKS];

/** The checks of a scope; those for production are the lines of the checklist, in its order. */
function checksOf(scope: ExaminationScope): readonly Check[] {
  if (scope === 'store') return STORE_CHECKS;
  if (scope === 'performance') return PERFORMANCE_CHECKS;
  const all = [...STORE_CHECKS, ...MONITORING_CHECKS];
  return CHECKLIST.flatMap(({ id }) => all.filter(({ line }) => line === id));
}

/**
 * A doctor for a store: each finding says what was seen, and the command or the code that mends it. The same is shown by `mink doctor`
 * and the console.
 *
 * @example
 * const { ok, findings } = await createDoctor(store, { projections, deciders }).examine({ scope: 'production' });
 */
export function createDoctor<Target>(store: ExaminedStore<Target>, options: DoctorOptions<Target> = {}): Doctor {
  const { projections = [], deciders = [], monitoring } = options;
  const limits = { ...LIMITS, ...options.limits };
  return {
    examine: async ({ scope = 'store', signal } = {}) => {
      const sources: EvidenceSources<Target> = { store, projections, deciders, monitoring, signal };
      const evidence = await gatherEvidence(sources);
      const judge = ({ id, title, line, runbook, examine }: Check): Finding => {
        return { id, title, line, runbook, ...examine(evidence, limits) };
      };
      // Without a database nothing is known, which must not pass for "nothing has failed".
      const obstacles = scope === 'store' ? [] : OBSTACLES.map(judge).filter(({ status }) => status === 'failed');
      const findings = [...obstacles, ...checksOf(scope).map(judge)];
      return { ok: findings.every(({ status }) => status !== 'failed'), findings };
    },
  };
}
