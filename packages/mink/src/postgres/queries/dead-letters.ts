import type {
  DiscardedKey,
  JsonObject,
  ListParkedQuery,
  ParkedKey,
  ProjectionId,
  ProjectionModel,
  RetriedStep,
  TableSpec,
} from '../../core/index.ts';
import type { Row, Statement } from '../connection.ts';
import { inSchema, type SchemaName } from '../schema-name.ts';
import { wasDiscarded, withoutNul } from './projection-commit.ts';
import { columnValues, keyColumn, rowTable } from './projection-rows.ts';
import { arrayType, quoted, tableOf } from './read-model-tables.ts';

/** Parked keys, with how many events wait and where the first one is. */
export function listParkedQuery(schema: SchemaName, query: ListParkedQuery): Statement {
  const { name, version, key, after, limit } = query;
  const values: unknown[] = [limit];
  const conditions = ['true'];
  if (name !== undefined) conditions.push(`k.name = $${values.push(name)}`);
  if (version !== undefined) conditions.push(`k.version = $${values.push(version)}`);
  if (key !== undefined) conditions.push(`k.key = $${values.push(key)}`);
  if (after !== undefined) {
    const from = [after.name, after.version, after.key].map((value) => `$${values.push(value)}`);
    conditions.push(`(k.name, k.version, k.key) > (${from.join(', ')})`);
  }
  const sql = `
    select
      k.name, k.version, k.key, k.error, k.attempts,
      (pg_catalog.date_part('epoch', k.first_failed_at) * 1000)::bigint,
      (pg_catalog.date_part('epoch', k.last_failed_at) * 1000)::bigint,
      l.events, l.position
    from :schema.parked_keys k
      cross join lateral (
        select count(*) as events, pg_catalog.min(l.position) as position
        from :schema.dead_letters l
        where l.name = k.name and l.version = k.version and l.key = k.key
      ) l
    where ${conditions.join('\n      and ')}
    order by k.name, k.version, k.key
    limit $1`;
  return { ...inSchema(schema, 'list_parked', sql), values };
}

export function toParkedKey(row: Row): ParkedKey {
  const [name, version, key, error, attempts, firstFailedAt, lastFailedAt, events, position] = row;
  return {
    name: name ?? '',
    version: Number(version),
    key: key ?? '',
    error: error ?? '',
    attempts: Number(attempts),
    firstFailedAt: Number(firstFailedAt),
    lastFailedAt: Number(lastFailedAt),
    events: Number(events),
    position: Number(position),
  };
}

/** Keeps others from retrying a parked key for some time: whether it did, and whether the key is parked at all. */
export function claimParkedQuery(
  schema: SchemaName,
  { name, version }: ProjectionId,
  { key, owner, duration }: { readonly key: string; readonly owner: string; readonly duration: number },
): Statement {
  const sql = `
    with claimed as (
      update :schema.parked_keys k
      set retried_by = $4, retried_until = pg_catalog.clock_timestamp() + $5 * interval '1 millisecond'
      where k.name = $1
        and k.version = $2
        and k.key = $3
        and (k.retried_by = $4 or k.retried_until <= pg_catalog.clock_timestamp())
      returning 1
    )
    select
      exists (select from claimed),
      exists (select from :schema.parked_keys k where k.name = $1 and k.version = $2 and k.key = $3)`;
  return { ...inSchema(schema, 'claim_parked', sql), values: [name, version, key, owner, duration] };
}

/** Positions of the events of a parked key. */
export function listDeadLettersQuery(
  schema: SchemaName,
  { name, version }: ProjectionId,
  { key, after, limit }: { readonly key: string; readonly after: number; readonly limit: number },
): Statement {
  const sql = `
    select l.position
    from :schema.dead_letters l
    where l.name = $1 and l.version = $2 and l.key = $3 and l.position > $4
    order by l.position
    limit $5`;
  return { ...inSchema(schema, 'list_dead_letters', sql), values: [name, version, key, after, limit] };
}

/** The first event of each parked key between two positions: one look-up a key. */
export function findDeadLettersQuery(
  schema: SchemaName,
  { name, version }: ProjectionId,
  { after, upTo }: { readonly after: number; readonly upTo: number },
): Statement {
  const sql = `
    select k.key, l.position
    from :schema.parked_keys k
      cross join lateral (
        select l.position
        from :schema.dead_letters l
        where l.name = k.name and l.version = k.version and l.key = k.key and l.position > $3 and l.position <= $4
        order by l.position
        limit 1
      ) l
    where k.name = $1 and k.version = $2
    order by k.key
    limit 1000`;
  return { ...inSchema(schema, 'find_dead_letters', sql), values: [name, version, after, upTo] };
}

/**
 * Keeps the tables of a projection from being emptied until the transaction ends. A reset locks them before it waits for checkpoints
 * and parked keys; whoever holds one of these and then waits for tables would meet it.
 */
export function holdTablesQuery(schema: SchemaName, projection: ProjectionModel): Statement | undefined {
  if (projection.tables.length === 0) return undefined;
  const all = projection.tables.map((table) => tableOf(projection, table)).join(', ');
  return { ...inSchema(schema, 'hold_tables', `lock table ${all} in access share mode`), values: [] };
}

/** Holds a parked key alone: no worker adds to it until the transaction ends. */
export function holdParkedQuery(schema: SchemaName, { name, version }: ProjectionId, key: string): Statement {
  const sql = `
    select 1
    from :schema.parked_keys k
    where k.name = $1 and k.version = $2 and k.key = $3
    for update`;
  return { ...inSchema(schema, 'hold_parked', sql), values: [name, version, key] };
}

/** What a retry has come to: the row, and the first events that wait no more. */
export function storeRetryQueries(
  schema: SchemaName,
  projection: ProjectionModel,
  of: {
    readonly key: string;
    readonly positions: readonly number[];
    readonly step: RetriedStep;
    readonly left: number;
  },
): readonly Statement[] {
  const { key, positions, step, left } = of;
  const { name, version } = projection;
  const statements: Statement[] = [];
  const last = positions[step.applied - 1];
  if (last !== undefined) {
    const table = rowTable(projection);
    if (table !== undefined) {
      const { row } = step;
      statements.push(storeRow(schema, projection, { table, key, row, position: last, isStale: left > 0 }));
    }
    statements.push(...step.digests.map((digest) => addDigest(schema, projection, digest)), {
      ...inSchema(
        schema,
        'take_dead_letters',
        'delete from :schema.dead_letters l where l.name = $1 and l.version = $2 and l.key = $3 and l.position <= $4',
      ),
      values: [name, version, key, last],
    });
  }
  const id = [name, version, key];
  if (left === 0) {
    const sql = 'delete from :schema.parked_keys k where k.name = $1 and k.version = $2 and k.key = $3';
    statements.push({ ...inSchema(schema, 'unpark', sql), values: id });
  } else if (step.error !== undefined) {
    const sql = `
      update :schema.parked_keys k
      set
        error = $4,
        attempts = case when $5 then 1 else k.attempts + 1 end,
        last_failed_at = pg_catalog.clock_timestamp()
      where k.name = $1 and k.version = $2 and k.key = $3`;
    statements.push({
      ...inSchema(schema, 'still_parked', sql),
      values: [...id, withoutNul(step.error), step.applied > 0],
    });
  }
  return statements;
}

function storeRow(
  schema: SchemaName,
  projection: ProjectionId,
  of: {
    readonly table: TableSpec;
    readonly key: string;
    readonly row: JsonObject | null;
    readonly position: number;
    readonly isStale: boolean;
  },
): Statement {
  const { table, key, row, position, isStale } = of;
  const name = tableOf(projection, table);
  const column = keyColumn(table);
  if (row === null) {
    return { ...inSchema(schema, 'retry_remove', `delete from ${name} t where t.${column} = $1`), values: [key] };
  }
  const columns = table.columns.map((spec) => quoted(spec.name));
  const given = table.columns.map((spec, index) => `($${index + 6}::${arrayType(spec.type)})[1]`);
  const set = [...columns.filter((other) => other !== column), 'mink_position', 'mink_is_stale'];
  const sql = `
    insert into ${name} (${columns.join(', ')}, mink_position, mink_is_stale)
    values (${given.join(', ')}, $1, $2 or ${wasDiscarded({ name: '$3', version: '$4' }, '$5')})
    on conflict (${column}) do update
    set ${set.map((other) => `${other} = excluded.${other}`).join(', ')}`;
  const id = [projection.name, projection.version, key];
  const values = [position, isStale, ...id, ...table.columns.map((spec) => columnValues(spec, [row]))];
  return { ...inSchema(schema, 'retry_write', sql), values };
}

/** What is retried is of no partition: it counts apart. */
function addDigest(
  schema: SchemaName,
  { name, version }: ProjectionId,
  digest: RetriedStep['digests'][number],
): Statement {
  const sql = `
    insert into :schema.projection_digests as d (name, version, from_slot, bucket, count, low, high)
    values ($1, $2, -1, $3, $4, $5, $6)
    on conflict (name, version, from_slot, bucket) do update
    set
      count = d.count + excluded.count,
      low = (d.low + excluded.low) % 4294967296,
      high = (d.high + excluded.high) % 4294967296`;
  const { bucket, count, low, high } = digest;
  return { ...inSchema(schema, 'retry_digest', sql), values: [name, version, bucket, count, low, high] };
}

/**
 * Gives up the events of a parked key, as many as there have to be, and keeps that it did. Its row stays stale: it lacks them. The key must be held
 * already, by a statement before this one, which then sees every event that a worker has added to it.
 */
export function discardParkedQuery(
  schema: SchemaName,
  { name, version }: ProjectionId,
  { key, reason, events }: DiscardedKey,
): Statement {
  const sql = `
    with parked as (
      select k.name, k.version, k.key, k.error
      from :schema.parked_keys k
      where k.name = $1 and k.version = $2 and k.key = $3
        and (
          $5::bigint is null
          or $5::bigint = (
            select count(*) from :schema.dead_letters l where l.name = $1 and l.version = $2 and l.key = $3
          )
        )
    ),
    kept as (
      insert into :schema.discarded_letters (name, version, key, position, error, reason, discarded_at)
      select k.name, k.version, k.key, l.position, k.error, $4, pg_catalog.clock_timestamp()
      from parked k
        join :schema.dead_letters l on l.name = k.name and l.version = k.version and l.key = k.key
      -- Given up once more, after a reset.
      on conflict (name, version, key, position) do update
      set
        error = excluded.error,
        reason = excluded.reason,
        discarded_by = default,
        discarded_at = excluded.discarded_at,
        is_outdated = false
      returning 1
    ),
    gone as (
      delete from :schema.parked_keys k
      using parked p
      where k.name = p.name and k.version = p.version and k.key = p.key
    )
    select count(*) from kept`;
  return { ...inSchema(schema, 'discard_parked', sql), values: [name, version, key, reason, events ?? null] };
}
