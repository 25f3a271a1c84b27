import {
  checkOneOf,
  checkWhole,
  createEventStore,
  type Categories,
  type EventStorage,
  type EventStore,
  type Metadata,
  type Observer,
  type StoreOptions,
  type UntypedCategories,
} from '../core/index.ts';
import { createDatabase, type ConnectionOptions } from './connection.ts';
import { connectionLimit } from './pools.ts';
import { PostgresStorage, type PostgresStorageSettings } from './postgres-storage.ts';
import { schemaName } from './schema-name.ts';
import { storageSettings } from './storage-settings.ts';

/** Options of the PostgreSQL storage. */
export interface PostgresStorageOptions extends ConnectionOptions {
  /**
   * The schema that holds the log. One schema is one store.
   * @defaultValue 'mink'
   */
  readonly schema?: string | undefined;
  /**
   * Whether the first call brings the schema up to date. With `'never'`, run `mink migrate` before a deployment; a schema
   * that is behind is a `SchemaVersionError`.
   * @defaultValue 'auto'
   */
  readonly migrate?: 'auto' | 'never' | undefined;
  /**
   * Milliseconds between two looks at the log while a subscription waits and nothing tells of appends; with notifications
   * the net below them, which is one second at least. Appends of this store are seen at once.
   * @defaultValue 100
   */
  readonly pollInterval?: number | undefined;
  /**
   * Most appends that wait to be sent, or for a held stream; above it, an append is an `OverloadedError`.
   * @defaultValue 10_000
   */
  readonly maxQueuedAppends?: number | undefined;
  /**
   * Milliseconds an append may wait for a stream that another process holds, before it is a `DatabaseError` (55P03). Counts
   * from the call on, so it covers the wait behind earlier appends to that stream, too.
   * @defaultValue 30_000
   */
  readonly lockTimeout?: number | undefined;
  /**
   * Milliseconds that a transaction of yours may be idle after an append in it (`tx`), before the server ends it: it holds
   * readers back. 0 leaves the server's setting.
   * @defaultValue 10_000
   */
  readonly holdTimeout?: number | undefined;
  /**
   * Hears how many appends travel together.
   * @defaultValue that of the store
   */
  readonly observer?: Observer | undefined;
}

const DEFAULT_POLL_INTERVAL = 100;
const LANES = 2;
const MAX_COMMANDS = 400;

/** The storage alone, for `createEventStore`. */
export function createPostgresStorage(options: PostgresStorageOptions): EventStorage {
  const { pollInterval = DEFAULT_POLL_INTERVAL } = options;
  const migrate = checkOneOf('migrate', options.migrate ?? 'auto', ['auto', 'never']);
  const database = createDatabase(options);
  const settings: Omit<PostgresStorageSettings, 'database' | 'settings'> = {
    schema: schemaName(options.schema),
    migrate,
    isNotifying: options.wakeUp !== 'poll',
    pollInterval: checkWhole('pollInterval', pollInterval, 1),
    holdTimeout: checkWhole('holdTimeout', options.holdTimeout ?? 10_000, 0),
    pump: {
      lanes: LANES,
      maxCommands: MAX_COMMANDS,
      slowLanes: Math.max(1, Math.floor(connectionLimit(options) / 2)),
      maxQueued: checkWhole('maxQueuedAppends', options.maxQueuedAppends ?? 10_000, 1),
      lockTimeout: 50,
      observer: options.observer,
      slowLockTimeout: checkWhole('lockTimeout', options.lockTimeout ?? 30_000, 1),
    },
  };
  return new PostgresStorage({
    ...settings,
    database,
    settings: () => storageSettings(database, settings, options),
  });
}

/**
 * A store on PostgreSQL 14 or later. Nothing is connected until the first call; the schema is created or migrated then.
 *
 * Guarantees: an append is durable when its promise resolves, under PostgreSQL's own settings; nothing that was appended
 * is lost, and no reader skips an event, however writers interleave, crash or roll back.
 *
 * @example
 * const store = createPostgresStore({ url: process.env.DATABASE_URL, categories: { Order: orderEvents } });
 */
export function createPostgresStore<C extends Categories = UntypedCategories, Meta = Metadata>(
  options: StoreOptions<C, Meta> & PostgresStorageOptions,
): EventStore<C, Meta> {
  return createEventStore(createPostgresStorage(options), options);
}
