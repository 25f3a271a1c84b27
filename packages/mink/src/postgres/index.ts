export type { ConnectionOptions, PoolClientLike, PoolLike } from './connection.ts';
export { createMigrator } from './create-migrator.ts';
export type { Migrator, MigratorOptions } from './create-migrator.ts';
export { createPostgresStorage, createPostgresStore } from './create-postgres-store.ts';
export type { PostgresStorageOptions } from './create-postgres-store.ts';
export { CODE_LEVEL } from './migrate.ts';
export type { MigrationStatus, SchemaStatus } from './migrate.ts';
export type { Migration } from './migration.ts';
export { withTransaction } from './transaction.ts';
