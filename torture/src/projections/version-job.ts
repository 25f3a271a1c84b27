import { numberIn, recordIn, textIn, toRecord, type JsonRecord } from '../processes/json.ts';
import { isTallyName, type TallyVersion } from './tally-projections.ts';

/** What is done about versions of projections. */
export const VERBS = ['build', 'rebuild', 'switch', 'roll back', 'retire', 'plan', 'compare', 'what if'] as const;
export type Verb = (typeof VERBS)[number];

/** What a builder process is to do. */
export interface VersionJob extends TallyVersion {
  readonly verb: Verb;
  /** Events of a second. */
  readonly rate: number;
  readonly batchSize: number;
  /** Whether parked keys, or processes that work on it, are in nobody's way. */
  readonly isForced: boolean;
}

/** What a builder process says: where it is, and how it ended. */
export type BuilderLine =
  | { readonly line: 'begun' }
  | { readonly line: 'progress'; readonly version: number; readonly position: number; readonly left: number }
  | { readonly line: 'done' }
  /** `isAway`: the database was, or has ended a transaction. */
  | { readonly line: 'failed'; readonly code: string; readonly message: string; readonly isAway: boolean };

export function jobIn(record: JsonRecord): VersionJob {
  const job = recordIn(record, 'job');
  const { name } = job;
  const verb = VERBS.find((known) => known === job['verb']);
  if (!isTallyName(name) || verb === undefined) throw new Error(`cannot do ${JSON.stringify(job)}`);
  const [version, rate, batchSize] = [numberIn(job, 'version'), numberIn(job, 'rate'), numberIn(job, 'batchSize')];
  return { name, verb, version, rate, batchSize, isForced: job['isForced'] === true };
}

/** What such a process has printed; undefined for anything else. */
export function toBuilderLine(text: string): BuilderLine | undefined {
  if (!text.startsWith('{')) return undefined;
  const record = toRecord(JSON.parse(text)) ?? {};
  switch (record['line']) {
    case 'begun':
    case 'done':
      return { line: record['line'] };
    case 'progress': {
      const [version, position] = [numberIn(record, 'version'), numberIn(record, 'position')];
      return { line: 'progress', version, position, left: numberIn(record, 'left') };
    }
    case 'failed': {
      const [code, message] = [textIn(record, 'code'), textIn(record, 'message')];
      return { line: 'failed', code, message, isAway: record['isAway'] === true };
    }
    default:
      return undefined;
  }
}
