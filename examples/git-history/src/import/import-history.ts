import { setTimeout as delay } from 'node:timers/promises';
import {
  AppendOutcomeUnknownError,
  ConcurrencyConflictError,
  DatabaseUnavailableError,
  IdempotencyMismatchError,
} from 'mink';
import { GitHistoryError } from '../errors.ts';
import type { HistoryStore } from '../events.ts';
import type { GitRepository } from '../git/repository.ts';
import { repositoryStream } from '../streams.ts';
import { toBatches, type Batch } from './batches.ts';
import { checkpoint, type Checkpoint } from './checkpoint.ts';
import { DEFAULT_LIMITS, type ImportLimits } from './limits.ts';
import { planImport } from './plan-import.ts';

const MAX_TRIES = 5;

/** Where an import is now: commits of this run. */
export interface ImportProgress {
  readonly commits: number;
  readonly total: number;
  readonly events: number;
}

/** What an import did. */
export interface ImportResult {
  /** Interrupted: everything that was appended stays, and the next import goes on from there. */
  readonly status: 'complete' | 'interrupted';
  /** What was in the store before. */
  readonly before: Checkpoint;
  /** What this run added. */
  readonly appended: { readonly commits: number; readonly changes: number; readonly events: number };
  /** How many commits this run set out to import. */
  readonly total: number;
  /** Commits imported earlier that are not in this history any more: it was rewritten, or another branch is checked out. */
  readonly left: number;
}

/** Options of {@link importHistory}. */
export interface ImportOptions {
  readonly limits?: Partial<ImportLimits> | undefined;
  /** Aborting it ends the import after the batch under way. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: ImportProgress) => void) | undefined;
  /**
   * The first wait before an append whose outcome is unknown is sent again, in milliseconds; it doubles each time.
   * @defaultValue 200
   */
  readonly retryDelay?: number | undefined;
}

/**
 * Imports the commits that are not in the store yet.
 *
 * Guarantee: the events of every commit are in the log exactly once, whatever ends the import and whenever, and however
 * often it is run. Each batch is one append that holds the events of its commits **and** the checkpoint that says so, and
 * it is only accepted while the checkpoint is the one it was made for. So there is no moment at which the log and the
 * checkpoint disagree, and of two imports at once one gets `ANOTHER_IMPORT`.
 */
export async function importHistory(
  store: HistoryStore,
  { git, id }: { readonly git: GitRepository; readonly id: string },
  options: ImportOptions = {},
): Promise<ImportResult> {
  const { signal, onProgress, retryDelay = 200 } = options;
  const { state: before, streamVersion } = await store.load(checkpoint, id);
  const { commits, total, left } = await planImport(store, { git, id, before }, signal);
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const batches = toBatches(commits, { repository: id, checkpoint: before, limits });
  let appended = { commits: 0, changes: 0, events: 0 };
  const summary = (status: ImportResult['status']): ImportResult => ({ status, before, appended, total, left });

  onProgress?.({ ...appended, total });
  try {
    let next = await nextOf(batches);
    for (let version = streamVersion; !isAborted(signal); version += 1) {
      if (next.error !== undefined) throw next.error;
      const { batch } = next;
      if (batch === undefined) return summary('complete');
      // Git and the batch after this one go on while the store writes.
      const [following] = await Promise.all([nextOf(batches), send(store, batch.entries(version), { id, retryDelay })]);
      appended = sum(appended, batch.imported);
      onProgress?.({ ...appended, total });
      next = following;
    }
    return summary('interrupted');
  } finally {
    // Ends git, also where the import failed.
    await batches.return();
  }
}

/** The next batch, none at the end, or what went wrong: an append under way is waited for before that counts. */
async function nextOf(
  batches: AsyncGenerator<Batch, void, undefined>,
): Promise<{ readonly batch: Batch | undefined; readonly error: unknown }> {
  try {
    const { value } = await batches.next();
    return { batch: value ?? undefined, error: undefined };
  } catch (error) {
    return { batch: undefined, error };
  }
}

/** The batch carries its own ids, so sending it again after a lost connection stores it once. */
async function send(
  store: HistoryStore,
  entries: ReturnType<Batch['entries']>,
  { id, retryDelay }: { readonly id: string; readonly retryDelay: number },
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const { repeated } = await store.appendMany(entries);
      if (repeated && attempt === 1) throw anotherImport(id);
      return;
    } catch (error) {
      if (error instanceof ConcurrencyConflictError || error instanceof IdempotencyMismatchError) {
        throw anotherImport(id, error);
      }
      const isTransient = error instanceof AppendOutcomeUnknownError || error instanceof DatabaseUnavailableError;
      if (!isTransient || attempt === MAX_TRIES) throw error;
      await delay(retryDelay * 2 ** (attempt - 1));
    }
  }
}

/** Two imports of one history cut the same batches: the second is a repeat, or comes too late for its checkpoint. */
function anotherImport(id: string, cause?: unknown): GitHistoryError {
  return new GitHistoryError(
    'ANOTHER_IMPORT',
    `Another import of this repository (${repositoryStream(id)}) is under way. Nothing was imported twice; let it finish, then run this again.`,
    { cause },
  );
}

function sum(left: ImportResult['appended'], right: ImportResult['appended']): ImportResult['appended'] {
  return {
    commits: left.commits + right.commits,
    changes: left.changes + right.changes,
    events: left.events + right.events,
  };
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted ?? false;
}
