import type { Lease, LeaseAnswer, LeaseRequest, ProjectionId } from '../../core/index.ts';
import type { Row, Statement } from '../connection.ts';
import { inSchema, type SchemaName } from '../schema-name.ts';
import { HISTORY_PARTS } from './checkpoint-history.ts';

/**
 * Renews what the owner holds, and takes what nobody holds, up to its share: the partitions of a projection, divided by the
 * processes that have code for it. Takes samples for the history of checkpoints, too, so that these cost no statement of their own. By
 * the clock of the database.
 */
export function leaseProjectionsQuery(schema: SchemaName, request: LeaseRequest): Statement {
  const sql = `
    with wanted as (
      select w.name collate "C" as name, w.version
      from rows from (pg_catalog.unnest($3::text[]), pg_catalog.unnest($4::int[])) w (name, version)
    ),
    held as (
      select h.name collate "C" as name, h.version, h.from_slot, h.epoch
      from rows from (
        pg_catalog.unnest($5::text[]), pg_catalog.unnest($6::int[]), pg_catalog.unnest($7::smallint[]), pg_catalog.unnest($8::bigint[])
      ) h (name, version, from_slot, epoch)
    ),
    sizes as (
      select
        w.name, w.version, count(p.name) as partitions, coalesce(sum(p.to_slot - p.from_slot), 0) as slots,
        j.wanted_partitions as wanted, j.is_inline, min(p.position) as position, sum(p.events) as events,
        max(p.moved_at) as moved_at, pg_catalog.bool_or(p.from_slot = 0 and p.owner = $1) as is_first
      from wanted w
        left join :schema.projections j on j.name = w.name and j.version = w.version
        left join :schema.projection_partitions p on p.name = w.name and p.version = w.version
      group by w.name, w.version, j.wanted_partitions, j.is_inline
    ),${HISTORY_PARTS},
    announced as (
      insert into :schema.projection_workers as k (name, version, owner, expires_at)
      select s.name, s.version, $1, pg_catalog.clock_timestamp() + $2 * interval '1 millisecond'
      from sizes s
      where s.partitions > 1 and not $9
      on conflict (name, version, owner) do update
      set expires_at = excluded.expires_at
    ),
    forgotten as (
      delete from :schema.projection_workers k
      where k.owner <> $1 and k.expires_at < pg_catalog.clock_timestamp() - interval '1 hour'
    ),
    shares as (
      -- What is left when they are divided goes to the first of the owners; who only passes by takes what it finds.
      select
        s.name, s.version,
        case
          when $9 then s.partitions
          else s.partitions / (1 + count(k.owner))
            + case when count(k.owner) filter (where k.owner < $1) < s.partitions % (1 + count(k.owner)) then 1 else 0 end
        end as share
      from sizes s
        left join :schema.projection_workers k
          on k.name = s.name and k.version = s.version and k.owner <> $1 and k.expires_at > pg_catalog.clock_timestamp()
      group by s.name, s.version, s.partitions
    ),
    found as (
      select p.name, p.version, p.from_slot, p.owner = $1 and p.epoch = h.epoch and h.epoch is not null as is_renewed
      from wanted w
        join :schema.projections j on j.name = w.name and j.version = w.version
        join :schema.projection_partitions p on p.name = w.name and p.version = w.version
        left join held h on h.name = p.name and h.version = p.version and h.from_slot = p.from_slot
      where not j.is_paused
        and not j.is_inline
        and (
          p.owner is null
          -- Its own, too, where it has lost track of it.
          or p.owner = $1
          or p.expires_at <= pg_catalog.clock_timestamp()
        )
        -- It waits to be merged; or whoever asks has failed there.
        and p.position is distinct from p.hold_at
        and $1 <> all (p.faulted_by)
      order by p.name, p.version, p.from_slot
      -- A batch holds its own row, and a handler may take its time: nobody waits for that.
      for update of p skip locked
    ),
    ranked as (
      select
        f.name, f.version, f.from_slot, f.is_renewed, s.share,
        pg_catalog.row_number() over (partition by f.name, f.version order by f.is_renewed desc, f.from_slot) as place
      from found f
        join shares s on s.name = f.name and s.version = f.version
    ),
    leased as (
      update :schema.projection_partitions p
      set
        owner = $1,
        expires_at = pg_catalog.clock_timestamp() + $2 * interval '1 millisecond',
        epoch = p.epoch + case when r.is_renewed then 0 else 1 end,
        state = case when r.is_renewed then p.state else 'working' end,
        error = case when r.is_renewed then p.error end
      from ranked r
      where r.name = p.name
        and r.version = p.version
        and r.from_slot = p.from_slot
        and (r.is_renewed or r.place <= r.share)
      returning p.name, p.version, p.from_slot, p.to_slot, p.epoch, p.position, p.hold_at, r.place > r.share as is_spare
    )
    select l.* from leased l
    union all
    -- Held by a batch of its owner's, which renews the lease itself.
    select p.name, p.version, p.from_slot, p.to_slot, p.epoch, p.position, p.hold_at, false
    from held h
      join :schema.projection_partitions p
        on p.name = h.name and p.version = h.version and p.from_slot = h.from_slot and p.epoch = h.epoch and p.owner = $1
    where not exists (select from found f where f.name = h.name and f.version = h.version and f.from_slot = h.from_slot)
    union all
    select s.name, s.version, null, null, null, null, null, null from sizes s where s.slots <> 1024
    union all
    select s.name, s.version, null, s.wanted, null, null, null, null
    from sizes s
    where s.slots = 1024 and s.partitions <> s.wanted`;
  const { owner, duration, projections, held, isPassing = false } = request;
  const values = [
    owner,
    duration,
    projections.map(({ name }) => name),
    projections.map(({ version }) => version),
    held.map(({ name }) => name),
    held.map(({ version }) => version),
    held.map(({ partition }) => partition.from),
    held.map(({ epoch }) => epoch),
    isPassing,
  ];
  return { ...inSchema(schema, 'lease_projections', sql), values };
}

export function toLeaseAnswer(rows: readonly Row[]): LeaseAnswer {
  const leased = rows
    .filter(([, , from]) => from !== null)
    .map((row) => ({ lease: toLease(row), isSpare: row[7] === 't' }));
  const others = rows.filter(([, , from]) => from === null);
  return {
    leases: leased.map(({ lease }) => lease),
    spare: leased.filter(({ isSpare }) => isSpare).map(({ lease }) => lease),
    unknown: others.filter(([, , , wanted]) => wanted === null).map(toId),
    unsettled: others.filter(([, , , wanted]) => wanted !== null).map(toId),
  };
}

function toId([name, version]: Row): ProjectionId {
  return { name: name ?? '', version: Number(version) };
}

/** A lease by its columns: name, version, slots, epoch, position, where it has to wait. */
export function toLease([name, version, from, to, epoch, position, holdAt]: Row): Lease {
  return {
    name: name ?? '',
    version: Number(version),
    partition: { from: Number(from), to: Number(to) },
    epoch: Number(epoch),
    position: Number(position),
    holdAt: holdAt === null || holdAt === undefined ? undefined : Number(holdAt),
  };
}

/** Lets leases go that are still the owner's. */
export function releaseProjectionsQuery(schema: SchemaName, owner: string, leases: readonly Lease[]): Statement {
  const sql = `
    update :schema.projection_partitions p
    set owner = null, expires_at = '-infinity'
    from rows from (
      pg_catalog.unnest($2::text[]), pg_catalog.unnest($3::int[]), pg_catalog.unnest($4::smallint[]), pg_catalog.unnest($5::bigint[])
    ) l (name, version, from_slot, epoch)
    where p.name = l.name collate "C"
      and p.version = l.version
      and p.from_slot = l.from_slot
      and p.epoch = l.epoch
      and p.owner = $1`;
  const values = [
    owner,
    leases.map(({ name }) => name),
    leases.map(({ version }) => version),
    leases.map(({ partition }) => partition.from),
    leases.map(({ epoch }) => epoch),
  ];
  return { ...inSchema(schema, 'release_projections', sql), values };
}

/** Lets all leases of an owner go, and its share with them. */
export function leaveProjectionsQuery(schema: SchemaName, owner: string): Statement {
  const sql = `
    with gone as (
      delete from :schema.projection_workers k
      where k.owner = $1
    ),
    held as (
      select p.name, p.version, p.from_slot
      from :schema.projection_partitions p
      where p.owner = $1
      order by p.name, p.version, p.from_slot
      for update
    )
    update :schema.projection_partitions p
    set owner = null, expires_at = '-infinity'
    from held h
    where p.name = h.name and p.version = h.version and p.from_slot = h.from_slot`;
  return { ...inSchema(schema, 'leave_projections', sql), values: [owner] };
}

/** Makes sure that a lease is the last one, and holds its checkpoint until the transaction ends. */
export function holdLeaseQuery(schema: SchemaName, { name, version, partition, epoch, position }: Lease): Statement {
  const sql = `
    select 1
    from :schema.projection_partitions p
    where p.name = $1 and p.version = $2 and p.from_slot = $3 and p.to_slot = $4 and p.epoch = $5 and p.position = $6
    for update`;
  const values = [name, version, partition.from, partition.to, epoch, position];
  return { ...inSchema(schema, 'hold_lease', sql), values };
}
