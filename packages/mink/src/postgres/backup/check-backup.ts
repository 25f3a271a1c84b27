import { BackupBrokenError } from '../../core/index.ts';
import { readBackup } from './backup-format.ts';

/** What a backup holds, and that it is sound. */
export interface CheckedBackup {
  /** Names the log. */
  readonly storeId: string;
  /** It holds the events behind this position: 0 for the whole log. */
  readonly after: number;
  /** Where it ends. */
  readonly upTo: number;
  readonly takenAt: Date;
  readonly events: number;
}

/**
 * Reads a backup to its end and checks every sum in it, without a database. Throws `BackupBrokenError` where it is cut off or was changed.
 *
 * @example
 * const { events, takenAt } = await checkBackup(lines);
 */
export async function checkBackup(lines: AsyncIterable<string>): Promise<CheckedBackup> {
  let checked: CheckedBackup | undefined;
  let events = 0;
  for await (const part of readBackup(lines)) {
    if (part.kind === 'header') {
      const { storeId, after, upTo, takenAt } = part.header;
      checked = { storeId, after, upTo, takenAt: new Date(takenAt), events };
    } else if (part.kind === 'events') events += part.lines.length;
    else if (part.kind === 'end' && part.end.events !== events) {
      throw new BackupBrokenError(1, `it should have ${part.end.events} events, and has ${events}`);
    }
  }
  if (checked === undefined) throw new BackupBrokenError(1, 'it has no header');
  return { ...checked, events };
}
