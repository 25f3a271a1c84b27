import { randomUUID } from 'node:crypto';
import { hostname, userInfo } from 'node:os';
import type { Command } from 'commander';
import type { AuditEntry, JsonObject } from 'mink';
import type { Context } from './context.ts';
import { InterruptedError } from './interrupt.ts';
import type { ReadableStore } from './readable-store.ts';

/** Commands that change something, and so leave lines in the audit log, as `mink COMMAND` says them. */
export const AUDITED: ReadonlySet<string> = new Set([
  'audit prune',
  'deadletters discard',
  'deadletters retry',
  'projections async',
  'projections build',
  'projections inline',
  'projections partition',
  'projections pause',
  'projections rebuild',
  'projections rebuild-all-projections',
  'projections reset',
  'projections resume',
  'projections retire',
  'projections rollback',
  'projections switch',
  'rebuild-all-projections',
  'snapshots prune',
  'snapshots recreate',
  'subscriptions pause',
  'subscriptions replay',
  'subscriptions resume',
  'unique-sets rebuild',
]);
/** Options that say how to reach a store, and nothing of what is done. */
const REACHING = new Set(['url', 'schema', 'config', 'json', 'yes']);

/** What somebody does on the command line. */
export interface Action {
  /** The command with dots: `projections.reset`. */
  readonly type: string;
  readonly details: JsonObject;
}

/** The action of a command that is about to run; undefined for one that changes nothing. */
export function actionOf(command: Command): Action | undefined {
  const path: string[] = [];
  for (let at: Command | null = command; at?.parent; at = at.parent) path.unshift(at.name());
  const options = command.opts();
  if (!AUDITED.has(path.join(' ')) || options['dryRun'] === true) return undefined;
  const given = Object.entries(options).filter(([name]) => !REACHING.has(name));
  const details = { arguments: command.args, options: Object.fromEntries(given) };
  return { type: path.join('.'), details: JSON.parse(JSON.stringify(details)) };
}

/**
 * Does something with a store, with a line in its audit log before, without which nothing is done, and one after it. Commands that
 * change nothing are done alone.
 */
export async function audited<T>({ action }: Context, store: ReadableStore, work: () => Promise<T>): Promise<T> {
  if (action === undefined) return work();
  const id = randomUUID();
  const write = (status: AuditEntry['status'], errorCode?: string): Promise<void> =>
    store.operations.audit.write({ ...nothing, ...action, id, at: new Date(), userId: userId(), status, errorCode });
  await write('attempted');
  try {
    const result = await work();
    await write('succeeded');
    return result;
  } catch (error) {
    // The first error is the one that counts.
    await write('failed', codeOf(error)).catch(() => undefined);
    throw error;
  }
}

const nothing = {
  kind: 'action',
  tenantId: undefined,
  correlationId: undefined,
  streamName: undefined,
  streamVersion: undefined,
} as const;

/** Who is at the terminal: the account, and the machine. */
function userId(): string {
  return `${userInfo().username}@${hostname()}`;
}

function codeOf(error: unknown): string {
  if (error instanceof InterruptedError) return 'INTERRUPTED';
  if (!(error instanceof Error)) return typeof error;
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
