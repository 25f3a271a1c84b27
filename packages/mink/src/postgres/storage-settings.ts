import { settingsOf, type JsonValue, type Setting } from '../core/index.ts';
import type { Database } from './connection.ts';
import type { PostgresStorageOptions } from './create-postgres-store.ts';
import { connectionLimit } from './pools.ts';
import type { PostgresStorageSettings } from './postgres-storage.ts';

/** What is in effect in a PostgreSQL storage: of its pool what that says of itself, and of a pool of the caller's all by option. */
export function storageSettings(
  database: Database,
  settings: Omit<PostgresStorageSettings, 'database' | 'settings'>,
  given: PostgresStorageOptions,
): readonly Setting[] {
  const { min, idleTimeoutMillis, connectionTimeoutMillis } = database.pool.options ?? {};
  const pool: Record<string, JsonValue> = {
    maxConnections: connectionLimit(given),
    minConnections: min ?? null,
    maxIdleTime: idleTimeoutMillis ?? null,
    connectTimeout: connectionTimeoutMillis ?? null,
    prepare: database.isNamed ? 'named' : 'unnamed',
    wakeUp: database.listenPool === undefined ? 'poll' : 'notify',
  };
  const { schema, migrate, pollInterval, holdTimeout, pump } = settings;
  const storage: Record<string, JsonValue> = {
    schema: schema.name,
    migrate,
    pollInterval,
    holdTimeout,
    maxQueuedAppends: pump.maxQueued,
    lockTimeout: pump.slowLockTimeout,
  };
  const isOwn = given.pool === undefined;
  return [
    { name: 'storage.kind', value: 'postgres', source: 'option' },
    ...settingsOf('pool', pool, isOwn ? given : { ...given, ...pool }),
    ...settingsOf('storage', storage, given),
  ];
}
