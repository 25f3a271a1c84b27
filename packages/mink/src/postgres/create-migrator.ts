import { createDatabase, type ConnectionOptions } from './connection.ts';
import { migrate, pendingMigrations, schemaStatus, type SchemaStatus } from './migrate.ts';
import type { Migration } from './migration.ts';
import { schemaName } from './schema-name.ts';

/** Options of {@link createMigrator}. */
export interface MigratorOptions extends ConnectionOptions {
  /** @defaultValue 'mink' */
  readonly schema?: string | undefined;
}

/** Brings a schema up to date, apart from any store. */
export interface Migrator extends AsyncDisposable {
  /** Where the database stands. Changes nothing. */
  status(): Promise<SchemaStatus>;
  /** What `up` would run. Changes nothing. */
  pending(): Promise<readonly Migration[]>;
  /** Applies what is pending, all or nothing, and returns it. Safe to run in several processes at once. */
  up(): Promise<readonly Migration[]>;
  close(): Promise<void>;
}

/**
 * For deployments that migrate in a step of their own.
 *
 * @example
 * await using migrator = createMigrator({ url });
 * await migrator.up();
 */
export function createMigrator(options: MigratorOptions): Migrator {
  const database = createDatabase({ maxConnections: 1, ...options });
  const schema = schemaName(options.schema);
  const close = (): Promise<void> => database.close();
  return {
    status: () => schemaStatus(database, schema),
    pending: () => pendingMigrations(database, schema),
    up: () => migrate(database, schema),
    close,
    [Symbol.asyncDispose]: close,
  };
}
