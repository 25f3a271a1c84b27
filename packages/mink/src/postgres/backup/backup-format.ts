import { createHash, type Hash } from 'node:crypto';
import { BackupBrokenError, type JsonObject } from '../../core/index.ts';

/**
 * A backup is lines of JSON: a header, events as arrays, rows of other tables as objects, and an end. After every block of events
 * stands the SHA-256 of all lines before it, so that a block is known to be sound before any of it is used.
 *
 * Format 2 has the audit log, too, and a checksum after every block of rows. Format 1 can still be read.
 */
export const FORMAT = 2;
/** Events, or rows, of a block. */
export const BLOCK = 1_000;

/** The first line. */
export interface BackupHeader {
  readonly mink: 'backup';
  readonly format: 1 | typeof FORMAT;
  /** Names the log. */
  readonly storeId: string;
  /** Events behind this position, 0 for all. */
  readonly after: number;
  /** Up to here, every event that there will ever be is in it, or in the backup before it. */
  readonly upTo: number;
  /** ISO 8601. */
  readonly takenAt: string;
}

/** The last line. */
export interface BackupEnd {
  readonly end: true;
  readonly events: number;
  readonly rows: number;
  readonly sum: string;
}

/** Tables that a backup has beside the events: what does not follow from these, or only with the code. */
export const TABLES = ['streams', 'claims', 'idempotency', 'event_shapes', 'seals'] as const;
/** A log of its own: a backup has the lines that were written since the one before it. */
export const AUDIT = 'audit_log';

export interface BackupRow {
  readonly table: (typeof TABLES)[number] | typeof AUDIT;
  readonly row: JsonObject;
}

/** An event, column by column; `data` and `metadata` are texts of JSON, exactly as they are stored. */
export type BackupEvent = readonly [
  globalPosition: number,
  streamVersion: number,
  eventId: string,
  type: string,
  schemaVersion: number,
  streamName: string,
  category: string,
  partitionKey: number,
  recordedAt: string,
  commitId: number,
  commitIndex: number,
  commitSize: number,
  tenantId: string | null,
  encoding: number,
  erasedAt: string | null,
  data: string,
  metadata: string,
];

/** Adds up lines. */
export class RunningSum {
  readonly #hash: Hash = createHash('sha256');

  add(line: string): void {
    this.#hash.update(line).update('\n');
  }

  /** Of all lines so far. */
  get value(): string {
    return this.#hash.copy().digest('hex');
  }
}

/** A block of events that is known to be sound, or what comes at the ends. */
export type BackupPart =
  | { readonly kind: 'header'; readonly header: BackupHeader }
  | { readonly kind: 'events'; readonly lines: readonly string[] }
  | { readonly kind: 'rows'; readonly rows: readonly BackupRow[] }
  | { readonly kind: 'end'; readonly end: BackupEnd };

/** Reads a backup, and gives nothing that was not checked. Throws `BackupBrokenError` where it is cut off or was changed. */
export async function* readBackup(lines: AsyncIterable<string>): AsyncGenerator<BackupPart, void, undefined> {
  const sum = new RunningSum();
  let number = 0;
  let block: string[] = [];
  let rows: BackupRow[] = [];
  let isOver = false;
  for await (const line of lines) {
    number += 1;
    if (isOver) throw new BackupBrokenError(number, 'there is something behind its end');
    if (line.startsWith('[')) {
      sum.add(line);
      block.push(line);
      if (block.length > BLOCK) throw new BackupBrokenError(number, 'a checksum is missing');
      continue;
    }
    const value = parse(line, number);
    if (number === 1) {
      yield { kind: 'header', header: toHeader(value) };
    } else if (isSum(value)) {
      if (value.sum !== sum.value) throw new BackupBrokenError(number, 'the checksum is another one');
      if (block.length > 0) yield { kind: 'events', lines: block };
      block = [];
      if (rows.length > 0) yield { kind: 'rows', rows };
      rows = [];
      if (isEnd(value)) {
        yield { kind: 'end', end: value };
        isOver = true;
      }
      continue;
    } else if (isRow(value)) {
      rows.push(value);
    } else throw new BackupBrokenError(number, 'it is no line of a backup');
    sum.add(line);
  }
  if (!isOver) throw new BackupBrokenError(number + 1, 'it ends too early');
}

function parse(line: string, number: number): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw new BackupBrokenError(number, 'it is no JSON');
  }
}

function toHeader(value: unknown): BackupHeader {
  if (isHeader(value)) return value;
  throw new BackupBrokenError(1, `it is no backup in format ${FORMAT}`);
}

function isHeader(value: unknown): value is BackupHeader {
  if (typeof value !== 'object' || value === null) return false;
  const { mink, format, storeId, after, upTo }: Partial<Record<keyof BackupHeader, unknown>> = value;
  const arePositions = Number.isSafeInteger(after) && Number.isSafeInteger(upTo);
  return mink === 'backup' && (format === 1 || format === FORMAT) && typeof storeId === 'string' && arePositions;
}

function isSum(value: unknown): value is { readonly sum: string } {
  return typeof value === 'object' && value !== null && 'sum' in value && typeof value.sum === 'string';
}

function isEnd(value: object): value is BackupEnd {
  return 'end' in value && 'events' in value && 'rows' in value;
}

function isRow(value: unknown): value is BackupRow {
  if (typeof value !== 'object' || value === null || !('table' in value && 'row' in value)) return false;
  return (
    [...TABLES, AUDIT].some((table) => table === value.table) && typeof value.row === 'object' && value.row !== null
  );
}
