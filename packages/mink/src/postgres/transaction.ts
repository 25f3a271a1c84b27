import { AsyncLocalStorage } from 'node:async_hooks';
import {
  AppendOutcomeUnknownError,
  atMost,
  DatabaseError,
  DatabaseUnavailableError,
  HandlerTimeoutError,
  InvalidArgumentError,
  MinkError,
  TransactionOpenError,
  typed,
  type AppendCommand,
  type OpenTransaction,
} from '../core/index.ts';
import { ConnectionLostError, sessionOn, type PoolLike, type Session } from './connection.ts';
import { unavailable } from './database-errors.ts';
import { guardNewConnections } from './pools.ts';
import { LONGEST_SILENCE } from './until-silent.ts';

/** What is known of a transaction that `withTransaction` opened. */
interface Scope {
  readonly client: OpenTransaction;
  /** The open transaction around this one. */
  readonly outer: Scope | undefined;
  /** Until its end begins: what is sent afterwards is not a part of it. */
  isOpen: boolean;
  readonly appended: AppendCommand[];
  /** What to do once it is committed. */
  readonly afterCommit: Set<() => void>;
}

/** What a pool hands out. `pg` declares `connect` twice, and inference looks at the second only. */
type ClientOf<P extends PoolLike> = P extends {
  readonly connect: { (): Promise<infer C>; (callback: (...results: never[]) => void): void };
}
  ? C
  : Awaited<ReturnType<P['connect']>>;

/** The network has swallowed a rollback, or its answer. */
class NoAnswer extends Error {}

/** Milliseconds that a rollback may take, longer than the server needs to end a statement. Then its connection is thrown away. */
const LONGEST_ROLLBACK = 10_000;

const scopes = new AsyncLocalStorage<Scope>();

const BEGIN = 'begin isolation level read committed';

/** Begins a transaction of the store's own, of which the server hears nothing for a minute at most. Its snapshot is taken later. */
export const BEGIN_OWN = `${BEGIN}; set local idle_in_transaction_session_timeout = '1min'`;

/**
 * Runs `work` in a transaction on a connection of your pool: commits when it resolves, rolls back when it throws. Give
 * `tx` to your own statements and to the store's calls: all of it is stored, or nothing.
 *
 * Appends hold their streams, and readers of the log, until the end: append late and do no slow work afterwards. An append
 * without `tx` inside is a `TransactionOpenError`.
 *
 * Throws what `work` throws; `DatabaseUnavailableError` when the connection breaks before the commit, and nothing was
 * stored, with what `work` threw as its `cause`; `AppendOutcomeUnknownError` when it breaks during the commit.
 *
 * @example
 * await withTransaction(pool, async (tx) => {
 *   await tx.query('update stock set reserved = reserved + 1 where sku = $1', [sku]);
 *   await store.append('Order-42', [itemAdded], { tx });
 * });
 */
export async function withTransaction<P extends PoolLike, T>(
  pool: P,
  work: (tx: ClientOf<P>) => Promise<T>,
): Promise<T> {
  return transact(pool, BEGIN, work);
}

/**
 * The same for what the store does by itself. A process that freezes in the middle of it, or a machine that is gone without a word,
 * keeps its locks for a minute at most: then the server rolls it back.
 */
export async function withOwnTransaction<P extends PoolLike, T>(
  pool: P,
  work: (tx: ClientOf<P>) => Promise<T>,
): Promise<T> {
  return transact(pool, BEGIN_OWN, work);
}

async function transact<P extends PoolLike, T>(
  pool: P,
  begin: string,
  work: (tx: ClientOf<P>) => Promise<T>,
): Promise<T> {
  guardNewConnections(pool);
  const client = await pool.connect().catch((error: unknown) => {
    throw unavailable(error);
  });
  const session = sessionOn(client, false);
  const scope: Scope = { client, outer: openScope(), isOpen: true, appended: [], afterCommit: new Set() };
  // A connection that breaks also emits an event, which would end the process if nobody listened.
  client.on('error', ignore);
  let broken: Error | undefined;
  try {
    await session.runScript(begin, LONGEST_SILENCE);
    const result = await scopes.run(scope, () => work(typed<ClientOf<P>>(client)));
    scope.isOpen = false;
    // Of somebody else's, the commit may do much: it is their triggers that are deferred.
    await commit(client, scope, begin === BEGIN_OWN ? LONGEST_SILENCE : undefined);
    return result;
  } catch (error) {
    scope.isOpen = false;
    broken = await rollBack(session);
    if (broken === undefined || !isOfConnection(error, broken)) throw error;
    throw new DatabaseUnavailableError(broken.message, { cause: error });
  } finally {
    if (broken === undefined) client.off('error', ignore);
    client.release(broken);
  }
}

/** What kept the connection from it; undefined where it is done. */
async function rollBack(session: Session): Promise<Error | undefined> {
  let failure: Error | undefined = new NoAnswer('The database cannot be reached: it has not answered a rollback.');
  const rollback = session.runScript('rollback').then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
  );
  await atMost(
    LONGEST_ROLLBACK,
    rollback.then((end) => (failure = end)),
  );
  return failure;
}

/** Whether what `work` threw came of what is wrong with its connection. */
function isOfConnection(error: unknown, broken: Error): boolean {
  // The server ends the statement of a handler whose time is up, and answers: where it does not, that statement got no answer either.
  if (broken instanceof NoAnswer) return error instanceof HandlerTimeoutError;
  // Statements of the caller's own fail with what `pg` says, which has no code, and would be taken for what is wrong with an event.
  return broken instanceof ConnectionLostError && !(error instanceof MinkError);
}

async function commit(client: OpenTransaction, scope: Scope, longestSilence: number | undefined): Promise<void> {
  let done: string | undefined;
  try {
    done = await sessionOn(client, false).runScript('commit', longestSilence);
  } catch (error) {
    if (!(error instanceof ConnectionLostError)) throw error;
    throw commitUnknown(scope, error.cause);
  }
  // A transaction in which a statement has failed is rolled back by its commit, without an error.
  if (done === 'ROLLBACK') {
    throw new DatabaseError(
      'A statement of the transaction has failed, so all of it was rolled back. Let the error of that statement through.',
      '25P02',
      undefined,
    );
  }
  for (const act of scope.afterCommit) act();
}

function commitUnknown({ appended }: Scope, cause: unknown): Error {
  if (appended.length === 0) {
    return new DatabaseUnavailableError(
      'The connection broke during the commit: the transaction may or may not have taken place. Look for what it wrote before you repeat it.',
      { cause },
    );
  }
  const entries = appended.flatMap((command) => command.entries);
  return new AppendOutcomeUnknownError(
    entries.map(({ streamName }) => streamName),
    entries.flatMap(({ events }) => events.map(({ id }) => id)),
    cause,
  );
}

/** Whether this code runs inside a transaction that is not over. */
export function isTransactionOpen(): boolean {
  return openScope() !== undefined;
}

/** Refuses an append that forgot its transaction. */
export function checkOutsideTransaction({ entries }: AppendCommand): void {
  if (!isTransactionOpen()) return;
  throw new TransactionOpenError(entries.map(({ streamName }) => streamName));
}

/** Refuses a transaction that is over: its connection may be in somebody else's by now. */
export function checkNotEnded(tx: OpenTransaction): void {
  if (scopeOf(tx)?.isOpen !== false) return;
  throw new InvalidArgumentError('tx', 'is over. Await every call inside withTransaction before it ends.');
}

/** Refuses a connection on which nothing is open: what is "in" it would be committed at once. */
export function checkTransaction(tx: OpenTransaction): void {
  if (typeof tx !== 'object' || tx === null || typeof tx.query !== 'function') {
    throw new InvalidArgumentError('tx', 'is not a client of pg. Give the one that your transaction was begun on.');
  }
  checkNotEnded(tx);
  if (tx.getTransactionStatus?.() === 'I') {
    throw new InvalidArgumentError('tx', 'has no open transaction. Begin one on it, or use withTransaction.');
  }
}

/** Remembers an append for the end of its transaction. False where that end is not known here. */
export function joinTransaction(tx: OpenTransaction, command: AppendCommand, afterCommit: () => void): boolean {
  const scope = scopeOf(tx);
  if (scope?.isOpen !== true) return false;
  scope.appended.push(command);
  scope.afterCommit.add(afterCommit);
  return true;
}

/** The innermost transaction around this code that is not over. */
function openScope(): Scope | undefined {
  let scope = scopes.getStore();
  while (scope?.isOpen === false) scope = scope.outer;
  return scope;
}

/** The transaction around this code, or before it, that `tx` was handed out for. */
function scopeOf(tx: OpenTransaction): Scope | undefined {
  let scope = scopes.getStore();
  while (scope !== undefined && scope.client !== tx) scope = scope.outer;
  return scope;
}

function ignore(): void {
  // The statement under way is rejected with the same error.
}
