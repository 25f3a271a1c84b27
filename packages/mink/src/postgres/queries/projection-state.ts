import {
  ofPartitions,
  type LagQuery,
  type Lease,
  type ProjectionId,
  type ProjectionModel,
  type ProjectionState,
  type StoredPartition,
  type StoredProjection,
} from '../../core/index.ts';
import type { Row, Statement } from '../connection.ts';
import { inSchema, type SchemaName } from '../schema-name.ts';
import { forgetInlineQuery } from './inline-projections.ts';
import { withoutNul } from './projection-commit.ts';
import { holdProjectionQuery } from './projection-partitions.ts';
import { logSource } from './read-log.ts';
import { tableOf } from './read-model-tables.ts';

/** What keeps a projection from going on. */
export function reportProjectionQuery(
  schema: SchemaName,
  lease: Lease,
  { state, error, attempts }: Pick<StoredPartition, 'state' | 'error' | 'attempts'>,
): Statement {
  const sql = `
    update :schema.projection_partitions p
    set
      state = $5,
      error = $6,
      attempts = $7,
      faulted_by = case when $5 = 'faulted' then pg_catalog.array_append(p.faulted_by, p.owner) else p.faulted_by end
    where p.name = $1 and p.version = $2 and p.from_slot = $3 and p.epoch = $4`;
  const { name, version, partition, epoch } = lease;
  const message = error === undefined ? null : withoutNul(error);
  return {
    ...inSchema(schema, 'report_projection', sql),
    values: [name, version, partition.from, epoch, state, message, attempts],
  };
}

/** Pauses a projection or lets it go on; whoever works on it finds its epoch gone. What is faulted may be tried by all again. */
export function pauseProjectionQuery(
  schema: SchemaName,
  { name, version }: ProjectionId,
  isPaused: boolean,
): Statement {
  const sql = `
    with changed as (
      update :schema.projections p
      set is_paused = $3
      where p.name = $1 and p.version = $2 and p.is_paused <> $3 and not p.is_inline
      returning 1
    ),
    fenced as (
      update :schema.projection_partitions p
      set
        epoch = p.epoch + 1,
        owner = null,
        faulted_by = case when $3 then p.faulted_by else '{}' end
      from changed
      where p.name = $1 and p.version = $2
    ),
    forgiven as (
      update :schema.projection_partitions p
      set faulted_by = '{}'
      where p.name = $1
        and p.version = $2
        and not $3
        and p.faulted_by <> '{}'
        -- A row can be changed once.
        and not exists (select from changed)
    )
    select 1 from :schema.projections p where p.name = $1 and p.version = $2 and not p.is_inline and p.retired_at is null`;
  return { ...inSchema(schema, 'pause_projection', sql), values: [name, version, isPaused] };
}

/** Keeps whether what was applied is what the log says, as of now. */
export function saveVerificationQuery(schema: SchemaName, { name, version }: ProjectionId, ok: boolean): Statement {
  const sql = `
    update :schema.projections j
    set verified_at = pg_catalog.clock_timestamp(), is_verified = $3
    where j.name = $1 and j.version = $2`;
  return { ...inSchema(schema, 'save_verification', sql), values: [name, version, ok] };
}

/** Makes sure that a projection is there, and stays one of workers until the transaction ends. */
export function holdAsyncQuery(schema: SchemaName, { name, version }: ProjectionId): Statement {
  const sql = `
    select 1
    from :schema.projections j
    where j.name = $1 and j.version = $2 and not j.is_inline and j.retired_at is null
    for share`;
  return { ...inSchema(schema, 'hold_async', sql), values: [name, version] };
}

/** Holds all parked keys of a projection until the transaction ends, in the order in which batches do. */
function holdAllParkedQuery(schema: SchemaName, { name, version }: ProjectionId): Statement {
  const sql = `
    select 1
    from :schema.parked_keys k
    where k.name = $1 and k.version = $2
    order by k.key
    for update`;
  return { ...inSchema(schema, 'hold_all_parked', sql), values: [name, version] };
}

/** Empties a read model and lets its projection begin anew: in one transaction, and whoever works on it is refused from then on. */
export function resetProjectionQueries(schema: SchemaName, projection: ProjectionModel): readonly Statement[] {
  const { name, version, tables } = projection;
  const begin = `
    update :schema.projection_partitions p
    set
      position = 0, events = 0, epoch = p.epoch + 1, owner = null, expires_at = '-infinity', state = 'working',
      error = null, attempts = 0, hold_at = null, faulted_by = '{}', moved_at = pg_catalog.clock_timestamp()
    where p.name = $1 and p.version = $2`;
  const remove = (table: string): Statement => ({
    ...inSchema(schema, 'reset', `delete from :schema.${table} k where k.name = $1 and k.version = $2`),
    values: [name, version],
  });
  const all = tables.map((table) => tableOf(projection, table)).join(', ');
  const outdate = `
    update :schema.discarded_letters l
    set is_outdated = true
    where l.name = $1 and l.version = $2`;
  // The tables first, then parked keys: a batch locks both before it waits for the checkpoint.
  return [
    ...(tables.length === 0 ? [] : [{ ...inSchema(schema, 'reset_tables', `truncate ${all}`), values: [] }]),
    holdAllParkedQuery(schema, { name, version }),
    holdProjectionQuery(schema, { name, version }),
    { ...inSchema(schema, 'reset_projection', begin), values: [name, version] },
    { ...inSchema(schema, 'outdate_discarded', outdate), values: [name, version] },
    forgetInlineQuery(schema, { name, version }),
    remove('parked_keys'),
    remove('projection_digests'),
  ];
}

/**
 * Lets a subscription go on behind a position; whoever works on it is refused from then on. Dead letters behind it come again.
 * Parked keys first, as a batch holds them before the checkpoint.
 */
export function replaySubscriptionQueries(
  schema: SchemaName,
  { name, version }: ProjectionId,
  from: number,
): readonly Statement[] {
  const forget = `
    delete from :schema.dead_letters l
    where l.name = $1 and l.version = $2 and l.position > $3`;
  const unpark = `
    delete from :schema.parked_keys k
    where k.name = $1
      and k.version = $2
      and not exists (
        select from :schema.dead_letters l where l.name = k.name and l.version = k.version and l.key = k.key
      )`;
  const move = `
    update :schema.projection_partitions p
    set
      position = $3, epoch = p.epoch + 1, owner = null, expires_at = '-infinity', state = 'working',
      error = null, attempts = 0, hold_at = null, faulted_by = '{}', moved_at = pg_catalog.clock_timestamp()
    where p.name = $1 and p.version = $2
    returning 1`;
  const id = [name, version];
  return [
    holdAllParkedQuery(schema, { name, version }),
    holdProjectionQuery(schema, { name, version }),
    { ...inSchema(schema, 'replay_forget', forget), values: [...id, from] },
    { ...inSchema(schema, 'replay_unpark', unpark), values: id },
    { ...inSchema(schema, 'replay_move', move), values: [...id, from] },
  ];
}

/** All partitions of all projections, by name, version and slot. */
export function listProjectionsQuery(schema: SchemaName): Statement {
  const sql = `
    select
      j.name, j.version, p.from_slot, p.to_slot, p.position, p.epoch, p.events, p.error, p.attempts,
      (pg_catalog.date_part('epoch', p.moved_at) * 1000)::bigint,
      case when p.expires_at > pg_catalog.clock_timestamp() then p.owner end,
      case
        when j.is_inline then 'inline'
        when j.retired_at is not null then 'retired'
        when j.is_paused then 'paused'
        -- What waits to be merged waits for others that work.
        when p.state <> 'faulted'
          and (p.owner is null or p.expires_at <= pg_catalog.clock_timestamp())
          and p.position is distinct from p.hold_at
        then 'stopped'
        else p.state
      end,
      k.keys,
      coalesce(m.live_version = j.version, j.kind = 'subscription'),
      j.wanted_partitions,
      p.hold_at,
      j.kind,
      (pg_catalog.date_part('epoch', j.verified_at) * 1000)::bigint,
      j.is_verified,
      (pg_catalog.date_part('epoch', k.oldest) * 1000)::bigint
    from :schema.projections j
      left join :schema.projection_partitions p on p.name = j.name and p.version = j.version
      left join :schema.read_models m on m.name = j.name
      cross join lateral (
        select count(*) as keys, pg_catalog.min(o.first_failed_at) as oldest
        from :schema.parked_keys o
        where o.name = j.name and o.version = j.version
      ) k
    where p.name is not null or j.retired_at is not null
    order by j.name, j.version, p.from_slot`;
  return { ...inSchema(schema, 'list_projections', sql), values: [] };
}

export function toStoredProjections(rows: readonly Row[]): readonly StoredProjection[] {
  const all = new Map<string, Row[]>();
  for (const row of rows) {
    const key = `${row[0]} ${row[1]}`;
    const known = all.get(key);
    if (known === undefined) all.set(key, [row]);
    else known.push(row);
  }
  return Array.from(all.values(), (own) => {
    const [name, version] = own[0] ?? [];
    const [parkedKeys, isLive, wantedPartitions, , kind, verifiedAt, isVerified, oldestParkedAt] = (own[0] ?? []).slice(
      12,
    );
    // What is retired has none any more.
    const partitions = own.filter(([, , from]) => from !== null).map(toStoredPartition);
    return {
      name: name ?? '',
      version: Number(version),
      kind: kind === 'subscription' ? 'subscription' : 'projection',
      ...ofPartitions(partitions),
      parkedKeys: Number(parkedKeys),
      oldestParkedAt: typeof oldestParkedAt === 'string' ? Number(oldestParkedAt) : undefined,
      isLive: isLive === 't',
      wantedPartitions: Number(wantedPartitions),
      partitions,
      ...(typeof verifiedAt === 'string' && { verifiedAt: Number(verifiedAt), isVerified: isVerified === 't' }),
    };
  });
}

function toStoredPartition(row: Row): StoredPartition {
  const [from, to, position, epoch, events, error, attempts, movedAt, owner, state] = row.slice(2);
  const holdAt = row[15] ?? undefined;
  return {
    from: Number(from),
    to: Number(to),
    position: Number(position),
    epoch: Number(epoch),
    events: Number(events),
    error: error ?? undefined,
    attempts: Number(attempts),
    movedAt: Number(movedAt),
    owner: owner ?? undefined,
    state: toState(state),
    holdAt: holdAt === undefined ? undefined : Number(holdAt),
  };
}

function toState(state: string | null | undefined): ProjectionState {
  switch (state) {
    case 'inline':
    case 'working':
    case 'retrying':
    case 'faulted':
    case 'paused':
    case 'retired':
      return state;
    default:
      return 'stopped';
  }
}

/** How many events a projection has not applied, and when the first of them was recorded. */
export function measureLagQuery(schema: SchemaName, { after, upTo, filter, limit }: LagQuery): Statement {
  const values: unknown[] = [after, upTo, limit];
  const sql = `
    select count(*), (pg_catalog.min(pg_catalog.date_part('epoch', l.recorded_at)) * 1000)::bigint
    from (
      select e.recorded_at
      from ${logSource(filter, 'asc', values)}
      order by e.global_position
      limit $3
    ) l`;
  return { ...inSchema(schema, 'measure_lag', sql), values };
}
