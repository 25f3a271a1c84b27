import type { ProjectionId } from '../projections/projection-storage.ts';
import type { JsonObject } from '../json.ts';
import { typed } from '../typed.ts';
import type { StoredProcessReport } from './operations-storage.ts';
import type { ProcessVitals } from './process-vitals.ts';
import type { Setting } from './setting.ts';

/** When somebody last asked a process something, in milliseconds since 1970; undefined where nobody ever has. */
export interface LastAsked {
  readonly live?: number | undefined;
  readonly ready?: number | undefined;
  readonly details?: number | undefined;
  readonly metrics?: number | undefined;
}

/** What a process says of itself; it is kept as JSON. */
export interface ReportedProcess {
  /** Of the code that runs, as its author counts. */
  readonly release?: string | undefined;
  readonly host: string;
  readonly pid: number;
  readonly nodeVersion: string;
  readonly minkVersion: string;
  readonly configuration: readonly Setting[];
  /** Of the last interval; undefined where nobody counts. */
  readonly vitals?: ProcessVitals | undefined;
  /** Health and metrics that nobody asks for are not mounted, or nobody looks. */
  readonly asked: LastAsked;
  /** What its store knows; empty where it takes any. */
  readonly categories: readonly string[];
  /** What its engine has code for. */
  readonly projections: readonly ProjectionId[];
}

/** A process that reports, as of its last report. */
export interface ProcessReport extends ReportedProcess {
  /** A UUID. */
  readonly id: string;
  readonly name: string;
  readonly startedAt: Date;
  readonly reportedAt: Date;
  /** Nothing has come for three intervals: it has died, or cannot reach the database. */
  readonly isSilent: boolean;
}

const SILENT_INTERVALS = 3;

/** The report of a process, with what the database says about it. */
export function toProcessReport(stored: StoredProcessReport): ProcessReport {
  const { id, name, startedAt, reportedAt, age, interval, report, server } = stored;
  // Written by `createProcessReport`; a newer release may say more.
  const reported = typed<ReportedProcess>(report);
  return {
    ...reported,
    id,
    name,
    startedAt: new Date(startedAt),
    reportedAt: new Date(reportedAt),
    isSilent: age > SILENT_INTERVALS * interval,
    configuration: [...reported.configuration, ...serverSettings(server)],
  };
}

function serverSettings(server: JsonObject): readonly Setting[] {
  return Object.entries(server).map(([name, value]) => ({ name: `database.${name}`, value, source: 'database' }));
}
