import { createHash } from 'node:crypto';
import { deflateSync, inflateSync } from 'node:zlib';
import { InvalidArgumentError } from '../../core/index.ts';

/** An event as it was sealed: enough to say which one was changed, or is gone. */
export interface SealedEntry {
  readonly position: number;
  readonly streamName: string;
  readonly streamVersion: number;
  /** The first 16 hexadecimal digits of its hash: the root guards the rest. */
  readonly mark: string;
}

/** An event of the log, and the hash of everything that is stored of it. */
export interface HashedEvent extends SealedEntry {
  readonly hash: Buffer;
}

/** Proves what the log was up to a position, when it is kept where nobody who may change the log can change it. */
export interface Receipt {
  /** Position of the last event that it covers. */
  readonly position: number;
  /** 64 hexadecimal digits. */
  readonly root: string;
}

export const MARK_LENGTH = 16;
const RECEIPT = /^(?<position>[1-9]\d{0,15}):(?<root>[0-9a-f]{64})$/u;

/** What a log begins with: events of another store never lead to the same root. */
export function firstRoot(storeId: string): Buffer {
  return createHash('sha256').update(`mink seal 1 ${storeId}`).digest();
}

/** The root with one more event. It does not depend on where seals end, so that a receipt needs nothing but the log. */
export function nextRoot(root: Buffer, event: HashedEvent): Buffer {
  return createHash('sha256').update(root).update(event.hash).digest();
}

export function packEntries(events: readonly SealedEntry[]): Buffer {
  const rows = events.map(({ position, streamName, streamVersion, mark }) => [
    position,
    streamVersion,
    mark,
    streamName,
  ]);
  return deflateSync(JSON.stringify(rows));
}

/** Undefined where somebody has changed them so that they cannot be read any more. */
export function unpackEntries(packed: Buffer): readonly SealedEntry[] | undefined {
  try {
    const rows: unknown = JSON.parse(inflateSync(packed).toString());
    return Array.isArray(rows) ? rows.map(toEntry) : undefined;
  } catch {
    return undefined;
  }
}

function toEntry(row: unknown): SealedEntry {
  const [position, streamVersion, mark, streamName]: readonly unknown[] = Array.isArray(row) ? row : [];
  return {
    position: Number(position),
    streamVersion: Number(streamVersion),
    mark: String(mark),
    streamName: String(streamName),
  };
}

/** `POSITION:ROOT`, to be kept elsewhere. */
export function receiptText({ position, root }: Receipt): string {
  return `${position}:${root}`;
}

/** What {@link receiptText} has written. Throws `InvalidArgumentError` for anything else. */
export function parseReceipt(text: string): Receipt {
  const groups = RECEIPT.exec(text.trim())?.groups;
  const position = Number(groups?.['position']);
  if (groups === undefined || !Number.isSafeInteger(position)) {
    throw new InvalidArgumentError('receipt', `"${text}" is not POSITION:ROOT, as "mink seal" prints it`);
  }
  return { position, root: groups['root'] ?? '' };
}
