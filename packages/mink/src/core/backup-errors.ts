import { MinkError } from './errors.ts';

/** A backup that cannot be used: cut off, changed, or something else. Nothing of the broken part was restored. */
export class BackupBrokenError extends MinkError {
  readonly code = 'BACKUP_BROKEN';
  /** The line of the backup, from 1. */
  readonly line: number;
  readonly reason: string;

  constructor(line: number, reason: string) {
    super(`The backup is broken at line ${line}: ${reason}. Take another one; what came before that line is sound.`);
    this.line = line;
    this.reason = reason;
  }
}

/** A backup that does not belong into this store. Nothing was changed. */
export class RestoreRefusedError extends MinkError {
  readonly code = 'RESTORE_REFUSED';
  /** The last position of the store. */
  readonly position: number;
  readonly reason: string;

  constructor(position: number, reason: string) {
    super(`The backup is not restored into this store, which ends at position ${position}: ${reason}.`);
    this.position = position;
    this.reason = reason;
  }
}
