import { Pool, type PoolConfig } from 'pg';
import {
  allowManyListeners,
  checkWhole,
  DatabaseError,
  InvalidArgumentError,
  StoreClosedError,
  type OpenTransaction,
  type TransactionQuery,
  type TransactionResult,
  typed,
  untilAborted,
} from '../core/index.ts';
import { isConnectionLoss, toDatabaseError, unavailable } from './database-errors.ts';

/** The part of a `pg.Pool` that mink uses; bring your own by shape. */
export interface PoolLike {
  connect(): Promise<PoolClientLike>;
  /** Its size, which `pg` gives a default, too. */
  readonly options?: { readonly max?: number | undefined } | undefined;
}

/** The part of a `pg.PoolClient` that mink uses. */
export interface PoolClientLike extends OpenTransaction {
  release(error?: Error | boolean): void;
  on(event: 'error', listener: (error: Error) => void): unknown;
  off(event: 'error', listener: (error: Error) => void): unknown;
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
   * Whether statements are prepared under a name. `'unnamed'` costs planning time and works behind every pooler.
   * @defaultValue 'named'
   */
  readonly prepare?: 'named' | 'unnamed' | undefined;
}

/** A statement: its text is constant, its values are parameters. */
export interface Statement {
  /** To prepare it under; undefined for one that is planned anew each time. */
  readonly name: string | undefined;
  readonly text: string;
  readonly values: readonly unknown[];
}

/** A row as text, column by column: parsing is ours, whatever type parsers the application has set. */
export type Row = readonly (string | null)[];

/** A connection in use. */
export interface Session {
  /** Runs one statement. Throws a typed error. */
  run(statement: Statement): Promise<readonly Row[]>;
  /** Runs statements without parameters, several at once. Returns what a single one did, such as `COMMIT`. */
  runScript(sql: string): Promise<string | undefined>;
}

/** The database behind a store. */
export interface Database {
  run(statement: Statement): Promise<readonly Row[]>;
  /** Statements in a transaction of the caller's, on its connection. */
  within(tx: OpenTransaction): Session;
  /** A connection for several statements; it is thrown away if `work` fails. */
  withSession<T>(work: (session: Session) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** Thrown when the connection broke after the statement was sent: whether it took effect is unknown. */
export class ConnectionLostError extends Error {}

const DEFAULT_MAX_CONNECTIONS = 10;

/** How many connections there can be at once. */
export function connectionLimit({ pool, maxConnections }: ConnectionOptions): number {
  return pool?.options?.max ?? maxConnections ?? DEFAULT_MAX_CONNECTIONS;
}

const NOT_PREPARED = '26000';

const asText = { getTypeParser: () => (value: string) => value };

/** Opens nothing yet; connections are made when they are needed. */
export function createDatabase(options: ConnectionOptions): Database {
  const { pool, close } = options.pool === undefined ? ownPool(options) : { pool: options.pool, close: noop };
  const named = (options.prepare ?? 'named') === 'named';
  const closing = new AbortController();
  let closed: Promise<void> | undefined;
  allowManyListeners(closing.signal);

  /** A pool that is ended never serves those who wait for it: closing the store answers them. */
  async function connect(): Promise<PoolClientLike> {
    const connecting = pool.connect();
    try {
      return await untilAborted(connecting, closing.signal);
    } catch (error) {
      if (!(error instanceof StoreClosedError)) throw unavailable(error);
      // It may still come, and must not stay out for ever.
      connecting.then((client) => client.release()).catch(ignore);
      throw error;
    }
  }

  async function withSession<T>(
    work: (session: Session) => Promise<T>,
    isSound: (error: unknown) => boolean = () => false,
  ): Promise<T> {
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
    let failure: Error | undefined;
    try {
      return await work(sessionOn(client, named));
    } catch (error) {
      if (!isSound(error)) failure = error instanceof Error ? error : new Error(String(error));
      throw error;
    } finally {
      if (failure === undefined) client.off('error', ignore);
      client.release(failure);
    }
  }

  return {
    // A statement that was refused leaves nothing open behind.
    run: (statement) => withSession((session) => session.run(statement), isRefusal),
    within: (tx) => sessionOn(tx, named),
    withSession: (work) => withSession(work),
    close: () => {
      closing.abort(new StoreClosedError());
      return (closed ??= close());
    },
  };
}

/** Whatever is written in somebody else's open transaction is not durable, and holds every reader back. */
function isInTransaction(client: OpenTransaction): boolean {
  const status = client.getTransactionStatus?.();
  return status === 'T' || status === 'E';
}

/** A connection that has lost what was prepared on it would refuse for ever: it is no use any more. */
function isRefusal(error: unknown): boolean {
  return error instanceof DatabaseError && error.sqlState !== NOT_PREPARED;
}

function ignore(): void {
  // The statement under way is rejected with the same error.
}

async function noop(): Promise<void> {
  // A pool that was brought belongs to whoever brought it.
}

/** Statements on a connection, with typed errors. */
export function sessionOn(client: OpenTransaction, named: boolean): Session {
  const query = async (config: Omit<TransactionQuery, 'rowMode' | 'types'>): Promise<TransactionResult> => {
    try {
      return await client.query({ ...config, rowMode: 'array', types: asText });
    } catch (error) {
      // Thrown before anything was sent: a string or a buffer that is too long.
      if (error instanceof RangeError) {
        throw new InvalidArgumentError('events', 'are too large to be sent at once. Append fewer at a time.', {
          cause: error,
        });
      }
      if (isConnectionLoss(error)) throw new ConnectionLostError('the connection was lost', { cause: error });
      throw toDatabaseError(error);
    }
  };
  return {
    run: async ({ name, text, values }) => {
      const { rows } = await query({ ...(named && name !== undefined ? { name } : {}), text, values: [...values] });
      // `rowMode: 'array'` and the text parser above make every row an array of text and null.
      return typed<readonly Row[]>(rows);
    },
    runScript: async (sql) => (await query({ text: sql, values: [] })).command,
  };
}

function ownPool(options: ConnectionOptions): { readonly pool: PoolLike; readonly close: () => Promise<void> } {
  const {
    url,
    maxConnections = DEFAULT_MAX_CONNECTIONS,
    minConnections = 0,
    maxIdleTime = 10_000,
    connectTimeout = 10_000,
  } = options;
  checkUrl(url);
  checkWhole('maxConnections', maxConnections, 1);
  checkWhole('minConnections', minConnections, 0);
  if (minConnections > maxConnections) {
    throw new InvalidArgumentError('minConnections', `${minConnections} is above maxConnections (${maxConnections})`);
  }
  const config: PoolConfig = {
    connectionString: url,
    max: maxConnections,
    min: minConnections,
    idleTimeoutMillis: checkWhole('maxIdleTime', maxIdleTime, 0),
    connectionTimeoutMillis: checkWhole('connectTimeout', connectTimeout, 0),
  };
  const pool = new Pool(config);
  // An idle connection that breaks is replaced when it is needed; without a listener it would end the process.
  pool.on('error', ignore);
  return { pool, close: () => pool.end() };
}

function checkUrl(url: string | undefined): void {
  const hint = 'Give a URL such as postgres://user:password@localhost:5432/database, or a pool.';
  if (url === undefined || url === '') throw new InvalidArgumentError('url', `is missing. ${hint}`);
  if (!URL.canParse(url)) throw new InvalidArgumentError('url', `is not a URL. ${hint}`);
  const { protocol } = new URL(url);
  if (protocol !== 'postgres:' && protocol !== 'postgresql:') {
    throw new InvalidArgumentError('url', `begins with "${protocol}". ${hint}`);
  }
}
