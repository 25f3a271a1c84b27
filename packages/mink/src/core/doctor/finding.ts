/**
 * A line of the checklist of the series for going to production: nine before the launch, five of monitoring.
 */
export type ChecklistLine = (typeof CHECKLIST)[number]['id'];

/** The checklist of the series, in its order and words. */
export const CHECKLIST = [
  { id: 'connection-pooling', text: 'PostgreSQL adapter configured with connection pooling' },
  { id: 'events-registered', text: 'All events registered with the store' },
  { id: 'snapshots', text: 'Snapshots implemented for high-traffic aggregates' },
  { id: 'checkpoints', text: 'Projections checkpointing to persistent store' },
  { id: 'dead-letters', text: 'Dead letter queue for failed events' },
  { id: 'metrics', text: 'Metrics exposed (Prometheus, DataDog, etc.)' },
  { id: 'health', text: 'Health check endpoints' },
  { id: 'logging', text: 'Structured logging configured' },
  { id: 'backups', text: 'Backup strategy in place' },
  { id: 'dashboard', text: 'Dashboard for command/event rates' },
  { id: 'alert-lag', text: 'Alerts for projection lag > threshold' },
  { id: 'alert-errors', text: 'Alerts for error rate > threshold' },
  { id: 'alert-latency', text: 'Alerts for latency p99 > threshold' },
  { id: 'storage-growth', text: 'Storage growth trending' },
] as const;

/** `unknown`: it could not be seen, which is no good sign either. */
export type FindingStatus = 'ok' | 'warning' | 'failed' | 'unknown';

/** What a check has come to. */
export interface Verdict {
  readonly status: FindingStatus;
  /** What was seen, as a sentence. */
  readonly seen: string;
  /** The command, or the code, that mends it; undefined where nothing is to be done. */
  readonly mend: string | undefined;
}

/** What a doctor has found with one check. */
export interface Finding extends Verdict {
  /** Names the check, and never changes. */
  readonly id: string;
  readonly title: string;
  /** The line of the checklist that it is for, if any. */
  readonly line: ChecklistLine | undefined;
  /** A page of docs/runbooks that says more. */
  readonly runbook: string | undefined;
}

export const ok = (seen: string): Verdict => ({ status: 'ok', seen, mend: undefined });
export const warning = (seen: string, mend: string): Verdict => ({ status: 'warning', seen, mend });
export const failed = (seen: string, mend: string): Verdict => ({ status: 'failed', seen, mend });
export const unknown = (seen: string, mend: string): Verdict => ({ status: 'unknown', seen, mend });
