import { InvalidArgumentError } from '../errors.ts';
import type { AnyEvents } from '../events/define-events.ts';
import type { Categories, StoredEvent } from '../store/categories.ts';
import type { OpenTransaction } from '../storage/event-storage.ts';
import type { Subscription } from '../subscriptions/define-subscription.ts';
import { typed } from '../typed.ts';
import type { Columns } from './columns.ts';
import {
  checkTypes,
  projectionBase,
  type ProjectedEvent,
  type Projection,
  type ProjectionBase,
} from './define-projection.ts';
import { tableSpec, type TableDefinition } from './read-model.ts';

/** A table of a projection that writes SQL; its key may be several columns. */
export type SqlTableDefinition<C extends Columns = Columns> = TableDefinition<C, string | readonly string[]>;

/** What a batch handler writes with. All of it is stored with the checkpoint, or nothing. */
export interface ProjectionTransaction<Table extends string = string> {
  /** The tables of the definition, as identifiers for SQL: schema, name and version, quoted. */
  readonly tables: Readonly<Record<Table, string>>;
  /** Rises with every take-over of the projection: what has to be done outside can be refused by it when it comes too late. */
  readonly epoch: number;
  /** The connection, of `pg`: for Kysely, Drizzle and the like. It belongs to the projection: end nothing on it. */
  readonly client: OpenTransaction;
  /**
   * Runs a statement in the transaction, and gives back its rows.
   *
   * @example
   * await tx.query(`insert into ${tx.tables.lines} (order_id, sku) values ($1, $2)`, [orderId, sku]);
   */
  query<Row = Readonly<Record<string, unknown>>>(text: string, values?: readonly unknown[]): Promise<readonly Row[]>;
}

/** A projection that gets its events in batches, and writes its tables itself. */
export interface SqlProjection<Name extends string = string, C extends Categories = Categories> extends ProjectionBase<
  Name,
  C
> {
  readonly kind: 'sql';
  /** Applies events, in the order of the log. */
  apply(events: readonly StoredEvent[], tx: ProjectionTransaction): Promise<void>;
}

/** What {@link defineSqlProjection} takes. */
export interface SqlProjectionDefinition<
  Name extends string,
  C extends Categories,
  Type extends string,
  Table extends string,
> {
  /** As of `defineProjection`. */
  readonly name: Name;
  /** @defaultValue 1 */
  readonly version?: number | undefined;
  readonly events: C;
  /**
   * The types that `apply` gets.
   * @defaultValue all types of `events`
   */
  readonly types?: readonly Type[] | undefined;
  /** The tables that it writes: made, versioned, emptied and dropped by the library. */
  readonly tables: Readonly<Record<Table, SqlTableDefinition>>;
  /**
   * What has to stay in order: when an event fails for good, later ones of the same key wait behind it, and all others go on. One
   * key, because an event is applied once, not once for each key.
   * @defaultValue the stream name
   */
  readonly key?: ((event: ProjectedEvent<C>) => string | null) | undefined;
  /** Gets the events of a batch, in the order of the log, and writes in their transaction. */
  readonly apply: (
    events: readonly Extract<ProjectedEvent<C>, { readonly type: Type }>[],
    tx: ProjectionTransaction<Table>,
  ) => Promise<void>;
  /**
   * As of `defineProjection`; partitions write the same tables at the same time.
   * @defaultValue 1
   */
  readonly partitions?: number | undefined;
}

/** What an engine runs; its events are known to fit. */
export type AnyProjection = Projection | SqlProjection | Subscription;

const TABLE = /^[a-z][a-z0-9_]{0,29}$/u;

/**
 * Defines a read model that is written by SQL of your own, in the transaction of its checkpoint: for several tables, or for what
 * a row for each key cannot say. Needs PostgreSQL.
 *
 * A batch in which something fails is rolled back and applied again in halves, until the event that fails is known.
 *
 * @example
 * const orderLines = defineSqlProjection({
 *   name: 'order-lines',
 *   events: { Order: orderEvents },
 *   types: ['ItemAdded'],
 *   tables: { lines: { columns: { order_id: column.text(), sku: column.text() }, key: ['order_id', 'sku'] } },
 *   apply: async (events, tx) => {
 *     for (const { streamName, data } of events) {
 *       const insert = `insert into ${tx.tables.lines} (order_id, sku) values ($1, $2) on conflict do nothing`;
 *       await tx.query(insert, [streamName, data.sku]);
 *     }
 *   },
 * });
 */
export function defineSqlProjection<
  const Name extends string,
  C extends Readonly<Record<string, AnyEvents>>,
  const Type extends ProjectedEvent<C>['type'],
  Table extends string,
>(definition: SqlProjectionDefinition<Name, C, Type, Table>): SqlProjection<Name, C> {
  const { name, events, apply } = definition;
  const types = checkTypes(name, events, definition.types);
  if (typeof apply !== 'function') throw new InvalidArgumentError('apply', 'is not a function');
  const tables = Object.entries<SqlTableDefinition>(definition.tables).map(
    ([table, { columns, key, indexes = [] }]) => {
      if (!TABLE.test(table)) throw new InvalidArgumentError(`tables.${table}`, `does not match ${TABLE.source}`);
      return tableSpec(table, columns, { key: typeof key === 'string' ? [key] : key, indexes });
    },
  );
  if (tables.length === 0) throw new InvalidArgumentError('tables', `of projection "${name}" is empty`);
  const base = projectionBase<Name, C>({ ...definition, tables });
  return Object.freeze({
    ...base,
    kind: 'sql',
    types,
    keysOf: (event: StoredEvent) => oneKey(name, event, base.keysOf(event)),
    apply: typed<SqlProjection['apply']>(apply),
  });
}

function oneKey(name: string, { type }: StoredEvent, keys: readonly string[]): readonly string[] {
  if (keys.length < 2) return keys;
  throw new InvalidArgumentError('key', `of projection "${name}" gives several for event "${type}": give one, or null`);
}
