import {
  allowManyListeners,
  checkOneOf,
  DatabaseError,
  DatabaseUnavailableError,
  InvalidArgumentError,
  StoreClosedError,
  type OpenTransaction,
  type TransactionResult,
  typed,
  untilAborted,
} from '../core/index.ts';
import { Bundle, takesBundles } from './bundle.ts';
import { isConnectionLoss, toDatabaseError, unavailable } from './database-errors.ts';
import { listenPool, workPool } from './pools.ts';
import { answerOf, Silence } from './until-silent.ts';

/** The part of a `pg.Pool` that mink uses; bring your own by shape. */
export interface PoolLike {
  connect(): Promise<PoolClientLike>;
  /** Its size, which `pg` gives a default, too. */
  readonly options?:
    | {
        readonly max?: number | undefined;
        readonly min?: number | undefined;
        readonly idleTimeoutMillis?: number | null | undefined;
        readonly connectionTimeoutMillis?: number | undefined;
      }
    | undefined;
  /** What `pg` tells of its connections, for metrics. */
  readonly totalCount?: number | undefined;
  readonly idleCount?: number | undefined;
  readonly waitingCount?: number | undefined;
  /** Tells of new connections before anybody gets them. */
  on?(event: 'connect', listener: (client: PoolClientLike) => void): unknown;
}

/** The part of a `pg.PoolClient` that mink uses. */
export interface PoolClientLike extends OpenTransaction {
  release(error?: Error | boolean): void;
  /** The server's process id, as the connection was told; without it, nothing is listened for. */
  readonly processID?: number | null | undefined;
  /** Lets the process end while this connection is open. */
  unref?(): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'notification', listener: (notification: NotificationLike) => void): unknown;
  off(event: 'error', listener: (error: Error) => void): unknown;
}

/** The part of a notification of `pg` that mink uses. */
export interface NotificationLike {
  readonly channel: string;
  readonly payload?: string | undefined;
}

/** How to reach the database: a pool of your own, or a URL and the size of the pool to make. */
export interface ConnectionOptions {
  /** A `pg.Pool` of your own. It stays open when the store is closed. Handle its 'error' event. */
  readonly pool?: PoolLike | undefined;
  /** `postgres://user:password@host:5432/database`. */
  readonly url?: string | undefined;
  /**
   * Most connections the store opens.
   * @defaultValue 10
   */
  readonly maxConnections?: number | undefined;
  /**
   * Connections that stay open when idle.
   * @defaultValue 0
   */
  readonly minConnections?: number | undefined;
  /**
   * Milliseconds after which an idle connection above `minConnections` is closed.
   * @defaultValue 10_000
   */
  readonly maxIdleTime?: number | undefined;
  /**
   * Milliseconds to wait for a connection, whether the server is slow or all connections are busy.
   * @defaultValue 10_000
   */
  readonly connectTimeout?: number | undefined;
  /**
   * Whether statements are prepared under a name, which saves planning. `'unnamed'` works behind every pooler; `'auto'`
   * uses names until a pooler turns out not to know them. In a transaction of yours, `'auto'` uses none: a failed try
   * would cost the transaction.
   * @defaultValue 'auto'
   */
  readonly prepare?: 'auto' | 'named' | 'unnamed' | undefined;
  /**
   * How a store learns of appends of other processes: `'notify'` tells and is told at once, by LISTEN on one more
   * connection while subscriptions wait; `'poll'` looks every `pollInterval`. Behind a pooler, and on a pool of yours with
   * less than three connections, listening is left out.
   * @defaultValue 'notify'
   */
  readonly wakeUp?: 'notify' | 'poll' | undefined;
  /**
   * A URL past the pooler, for LISTEN alone.
   * @defaultValue the `url` or `pool` of everything else
   */
  readonly listenUrl?: string | undefined;
}

/** A statement: its text is constant, its values are parameters. */
export interface Statement {
  /** To prepare it under; undefined for one that is planned anew each time. */
  readonly name: string | undefined;
  readonly text: string;
  readonly values: readonly unknown[];
  /**
   * Milliseconds without a word of the server after which its connection counts as lost.
   * @defaultValue as long as TCP goes on trying
   */
  readonly longestSilence?: number | undefined;
}

/** A row as text, column by column: parsing is ours, whatever type parsers the application has set. */
export type Row = readonly (string | null)[];

/** A connection in use. */
export interface Session {
  /** Runs one statement. Throws a typed error. */
  run(statement: Statement): Promise<readonly Row[]>;
  /** Runs statements without parameters, several at once. Returns what a single one did, such as `COMMIT`. Silence as of a statement. */
  runScript(sql: string, longestSilence?: number): Promise<string | undefined>;
  /**
   * Runs statements in their order: without waiting in between, where the connection can do that. Each of `statements` begins one,
   * or a script of one. Throws the first error; those after it have not been run. Silence as of a statement.
   */
  runInOrder(statements: readonly (() => Promise<unknown>)[], longestSilence?: number): Promise<void>;
}

/** A connection that is taken out of the pool, and may break at any time without ending the process. */
export interface OpenSession {
  readonly session: Session;
  /** The server's process id, as the connection was told. */
  readonly processID: number | null | undefined;
  /** Gives it back; after a failure it is thrown away. */
  readonly release: (failure?: Error) => void;
}

/** The database behind a store. */
export interface Database {
  run(statement: Statement): Promise<readonly Row[]>;
  /** Statements in a transaction of the caller's, on its connection. */
  within(tx: OpenTransaction): Session;
  /** A connection for as long as one wants. */
  openSession(): Promise<OpenSession>;
  /** A connection for several statements; it is thrown away if `work` fails. */
  withSession<T>(work: (session: Session) => Promise<T>): Promise<T>;
  /**
   * A transaction of the store's own, which `work` begins and ends. Where the server refuses a statement it is rolled back; it is
   * done again where a pooler turns out not to know names.
   */
  transact<T>(work: (session: Session) => Promise<T>): Promise<T>;
  /** Connections that were asked for, and seconds until they were there, in all. */
  readonly connecting: { readonly calls: number; readonly seconds: number };
  /** Whether statements are prepared under names: a pooler may have turned out not to know them. */
  readonly isNamed: boolean;
  /** Where its connections come from. */
  readonly pool: PoolLike;
  /** Calls the listener when an idle connection of a pool of the store's own breaks. */
  onLost(listener: () => void): void;
  /** Where a connection for LISTEN can be had; undefined if there is none to spare. */
  readonly listenPool: PoolLike | undefined;
  close(): Promise<void>;
}

/**
 * Thrown when the connection broke after the statement was sent: whether it took effect is unknown. To whom that makes no difference,
 * it is as if the database could not be reached.
 */
export class ConnectionLostError extends DatabaseUnavailableError {
  constructor(cause: unknown) {
    super(unavailable(cause).message, { cause });
    this.name = 'DatabaseUnavailableError';
  }
}

/** A name that the pooler's connection does not know, and one that somebody else has given there already. */
const NAME_TROUBLE = new Set(['26000', '42P05']);

const NOT_PREPARED = '26000';

const asText = { getTypeParser: () => (value: string) => value };

/** Opens nothing yet; connections are made when they are needed. */
export function createDatabase(options: ConnectionOptions): Database {
  const prepare = checkOneOf('prepare', options.prepare ?? 'auto', ['auto', 'named', 'unnamed']);
  const { pool, close, onLost } = workPool(options);
  const listening = listenPool(options);
  let isNamed = prepare !== 'unnamed';
  const closing = new AbortController();
  let closed: Promise<void> | undefined;
  let [connectingCalls, connectingSeconds] = [0, 0];
  allowManyListeners(closing.signal);

  /** A pool that is ended never serves those who wait for it: closing the store answers them. */
  async function connect(): Promise<PoolClientLike> {
    const connecting = pool.connect();
    const begun = performance.now();
    connectingCalls += 1;
    try {
      return await untilAborted(connecting, closing.signal);
    } catch (error) {
      if (!(error instanceof StoreClosedError)) throw unavailable(error);
      // It may still come, and must not stay out for ever.
      connecting.then((client) => client.release()).catch(ignore);
      throw error;
    } finally {
      connectingSeconds += (performance.now() - begun) / 1_000;
    }
  }

  async function openSession(named: boolean): Promise<OpenSession> {
    closing.signal.throwIfAborted();
    const client = await connect();
    if (isInTransaction(client)) {
      const reason = 'handed out a connection with an open transaction. End transactions before releasing connections.';
      const error = new InvalidArgumentError('pool', reason);
      client.release(error);
      throw error;
    }
    // A connection that breaks also emits an event, which would end the process if nobody listened.
    client.on('error', ignore);
    const release = (failure?: Error): void => {
      if (failure === undefined) client.off('error', ignore);
      client.release(failure);
    };
    return { session: sessionOn(client, named), processID: client.processID, release };
  }

  async function withSession<T>(
    work: (session: Session) => Promise<T>,
    { named, isSound }: { readonly named: boolean; readonly isSound: (error: unknown) => boolean },
  ): Promise<T> {
    const { session, release } = await openSession(named);
    let failure: Error | undefined;
    try {
      return await work(session);
    } catch (error) {
      if (!isSound(error)) failure = error instanceof Error ? error : new Error(String(error));
      throw error;
    } finally {
      release(failure);
    }
  }

  // A statement that was refused leaves nothing open behind.
  const runOnce = (statement: Statement): Promise<readonly Row[]> =>
    withSession((session) => session.run(statement), { named: isNamed, isSound: isRefusal });

  /** The connection serves on after a rollback. */
  const transactOnce = async <T>(work: (session: Session) => Promise<T>): Promise<T> => {
    const attempt = async (session: Session): Promise<{ readonly result: T } | { readonly refusal: DatabaseError }> => {
      try {
        return { result: await work(session) };
      } catch (error) {
        if (!isRefusal(error)) throw error;
        await session.runScript('rollback');
        return { refusal: error };
      }
    };
    const done = await withSession(attempt, { named: isNamed, isSound: () => false });
    if ('refusal' in done) throw done.refusal;
    return done.result;
  };

  /** Twice, where the first try finds that names are not known. */
  const withNames = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      const isPooled = error instanceof DatabaseError && NAME_TROUBLE.has(error.sqlState);
      if (!isPooled || prepare !== 'auto') throw error;
      // Refused before it was executed: there is a pooler in between, which is no place for names.
      isNamed = false;
      return work();
    }
  };

  return {
    run: (statement) => withNames(() => runOnce(statement)),
    transact: (work) => withNames(() => transactOnce(work)),
    // In the middle of something, a name that is not known cannot be tried again without it.
    within: (tx) => sessionOn(tx, prepare === 'named'),
    openSession: () => openSession(prepare === 'named'),
    withSession: (work) => withSession(work, { named: prepare === 'named', isSound: () => false }),
    get connecting() {
      return { calls: connectingCalls, seconds: connectingSeconds };
    },
    get isNamed() {
      return isNamed;
    },
    pool,
    onLost,
    listenPool: listening?.pool,
    close: () => {
      closing.abort(new StoreClosedError());
      return (closed ??= Promise.all([close(), listening?.close()]).then(() => undefined));
    },
  };
}

/** Whatever is written in somebody else's open transaction is not durable, and holds every reader back. */
function isInTransaction(client: OpenTransaction): boolean {
  const status = client.getTransactionStatus?.();
  return status === 'T' || status === 'E';
}

/** A connection that has lost what was prepared on it would refuse for ever: it is no use any more. */
function isRefusal(error: unknown): error is DatabaseError {
  return error instanceof DatabaseError && error.sqlState !== NOT_PREPARED;
}

function ignore(): void {
  // The statement under way is rejected with the same error.
}

/** Statements on a connection, with typed errors. */
export function sessionOn(client: OpenTransaction, named: boolean): Session {
  const query = (text: string, values: readonly unknown[], name: string | undefined): Promise<TransactionResult> =>
    client.query({
      ...(name === undefined ? {} : { name }),
      text,
      values: [...values],
      rowMode: 'array',
      types: asText,
    });
  /** Where what is sent now is gathered. */
  let bundle: Bundle | undefined;
  const send = async (text: string, values: readonly unknown[], name?: string): Promise<TransactionResult> => {
    try {
      return await (bundle === undefined ? query(text, values, name) : bundle.add(text, { name, values }));
    } catch (error) {
      throw toTypedError(error);
    }
  };
  const heard = async <T>(sent: Promise<T>, longestSilence: number | undefined): Promise<T> => {
    if (longestSilence === undefined) return sent;
    try {
      return await answerOf(client, longestSilence, sent);
    } catch (error) {
      throw error instanceof Silence ? new ConnectionLostError(error) : error;
    }
  };
  return {
    run: async ({ name, text, values, longestSilence }) => {
      const sent = send(text, values, named ? name : undefined);
      const { rows } = await heard(sent, longestSilence);
      // `rowMode: 'array'` and the text parser above make every row an array of text and null.
      return typed<readonly Row[]>(rows);
    },
    runScript: async (sql, longestSilence) => (await heard(send(sql, []), longestSilence)).command,
    runInOrder: async (statements, longestSilence) => {
      if (!takesBundles(client)) {
        for (const run of statements) await run();
        return;
      }
      const own = (bundle = new Bundle());
      const running = statements.map((run) => run());
      bundle = undefined;
      if (own.isPrepared(client.connection)) client.query(own);
      else await own.runOneByOne(({ name, text, values }) => query(text, values, name === '' ? undefined : name));
      const done = await heard(Promise.allSettled(running), longestSilence);
      for (const result of done) if (result.status === 'rejected') throw result.reason;
    },
  };
}

function toTypedError(error: unknown): Error {
  // Thrown before anything was sent: a string or a buffer that is too long.
  if (error instanceof RangeError) {
    return new InvalidArgumentError('events', 'are too large to be sent at once. Append fewer at a time.', {
      cause: error,
    });
  }
  if (isConnectionLoss(error)) return new ConnectionLostError(error);
  return toDatabaseError(error);
}
