import { Socket } from 'node:net';
import { Pool, type PoolConfig } from 'pg';
import { checkOneOf, checkWhole, InvalidArgumentError, type StorageVitals } from '../core/index.ts';
import type { ConnectionOptions, PoolLike } from './connection.ts';

/** A pool, and how to be done with it. */
export interface UsedPool {
  readonly pool: PoolLike;
  readonly close: () => Promise<void>;
  /** Calls the listener when an idle connection breaks. A pool that was brought tells whoever brought it. */
  readonly onLost: (listener: () => void) => void;
}

const DEFAULT_MAX_CONNECTIONS = 10;
/** One connection less must leave room for appends and reads. */
const LEAST_TO_LISTEN = 3;
/** Milliseconds of silence after which a connection is asked whether it is still there. */
const KEEP_ALIVE = 10_000;
/** Milliseconds that idle connections may take to close. */
const LONGEST_GOODBYE = 1_000;
/** Milliseconds that statements may take to end once their pool is closed. */
const LONGEST_STATEMENT = 30_000;

/** How the connections of a pool are used; undefined for one that cannot tell. */
export function useOf({ totalCount, idleCount, waitingCount }: PoolLike): StorageVitals['connections'] {
  if (totalCount === undefined || idleCount === undefined || waitingCount === undefined) return undefined;
  return { total: totalCount, idle: idleCount, waiting: waitingCount };
}

/** How many connections there can be at once. */
export function connectionLimit({ pool, maxConnections }: ConnectionOptions): number {
  return pool?.options?.max ?? maxConnections ?? DEFAULT_MAX_CONNECTIONS;
}

/** The caller's pool, or one of the store's own. */
export function workPool(options: ConnectionOptions): UsedPool {
  if (options.pool === undefined) return ownPool(options);
  guardNewConnections(options.pool);
  return { pool: options.pool, close: noop, onLost: ignore };
}

const guarded = new WeakSet<PoolLike>();

/**
 * A connection that the server ends in the very moment it is ready emits its error before whoever waits for it can
 * listen. Nobody would hear it, and the process would end.
 */
export function guardNewConnections(pool: PoolLike): void {
  if (guarded.has(pool)) return;
  guarded.add(pool);
  pool.on?.('connect', (client) => {
    client.on('error', ignore);
    setImmediate(() => client.off('error', ignore));
  });
}

function ownPool(
  options: ConnectionOptions,
  { urlOption = 'url', longestStatement = LONGEST_STATEMENT } = {},
): UsedPool {
  const {
    url,
    maxConnections = DEFAULT_MAX_CONNECTIONS,
    minConnections = 0,
    maxIdleTime = 10_000,
    connectTimeout = 10_000,
  } = options;
  checkUrl(urlOption, url);
  checkWhole('maxConnections', maxConnections, 1);
  checkWhole('minConnections', minConnections, 0);
  if (minConnections > maxConnections) {
    throw new InvalidArgumentError('minConnections', `${minConnections} is above maxConnections (${maxConnections})`);
  }
  const sockets = new Set<Socket>();
  const config: PoolConfig = {
    connectionString: url,
    max: maxConnections,
    min: minConnections,
    idleTimeoutMillis: checkWhole('maxIdleTime', maxIdleTime, 0),
    // A peer that is gone without a word is found out.
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE,
    connectionTimeoutMillis: checkWhole('connectTimeout', connectTimeout, 0),
    stream: () => {
      const socket = new Socket();
      sockets.add(socket);
      return socket.once('close', () => sockets.delete(socket));
    },
  };
  const pool = new Pool(config);
  // An idle connection that breaks is replaced when it is needed; without a listener it would end the process.
  pool.on('error', ignore);
  guardNewConnections(pool);
  return {
    pool,
    close: () => end(pool, sockets, longestStatement),
    onLost: (listener) => void pool.on('error', listener),
  };
}

/**
 * Closes the connections of a pool. A statement under way may end, and an idle connection waits for the server to hang up; but not for
 * ever, as they would where the network swallows all that is sent: then they are cut.
 */
async function end(pool: Pool, sockets: ReadonlySet<Socket>, longestStatement: number): Promise<void> {
  const longest = pool.idleCount === pool.totalCount ? LONGEST_GOODBYE : longestStatement;
  const timer = setTimeout(() => {
    for (const socket of sockets) socket.destroy();
  }, longest);
  await pool.end();
  // One that was thrown away before may still be there; it keeps a process for as long, and the timer does not.
  timer.unref();
}

/** A pool of one, apart from the one that works; or a connection of the caller's pool, if it can do without. */
export function listenPool(options: ConnectionOptions): UsedPool | undefined {
  const { pool, url, listenUrl, connectTimeout } = options;
  if (checkOneOf('wakeUp', options.wakeUp ?? 'notify', ['notify', 'poll']) === 'poll') return undefined;
  const direct = listenUrl ?? (pool === undefined ? url : undefined);
  if (direct !== undefined) {
    // What it would still say is of no use to a store that closes.
    const own = { urlOption: 'listenUrl', longestStatement: 0 };
    return ownPool({ url: direct, maxConnections: 1, connectTimeout }, own);
  }
  return pool !== undefined && connectionLimit(options) >= LEAST_TO_LISTEN
    ? { pool, close: noop, onLost: ignore }
    : undefined;
}

function checkUrl(option: string, url: string | undefined): void {
  const hint = 'Give a URL such as postgres://user:password@localhost:5432/database, or a pool.';
  if (url === undefined || url === '') throw new InvalidArgumentError(option, `is missing. ${hint}`);
  if (!URL.canParse(url)) throw new InvalidArgumentError(option, `is not a URL. ${hint}`);
  const { protocol } = new URL(url);
  if (protocol !== 'postgres:' && protocol !== 'postgresql:') {
    throw new InvalidArgumentError(option, `begins with "${protocol}". ${hint}`);
  }
}

async function noop(): Promise<void> {
  // A pool that was brought belongs to whoever brought it.
}

function ignore(): void {
  // Idle connections that break are replaced; whoever uses one is told by its statement.
}
