import type { AppliedState, ArrangedPartition, ProjectionId } from '../../core/index.ts';
import type { Row, Statement } from '../connection.ts';
import { inSchema, type SchemaName } from '../schema-name.ts';

/** Holds a projection until the transaction ends: whoever changes several of its partitions does it alone. */
export function holdProjectionQuery(schema: SchemaName, { name, version }: ProjectionId): Statement {
  const sql = `
    select 1
    from :schema.projections j
    where j.name = $1 and j.version = $2
    for no key update`;
  return { ...inSchema(schema, 'hold_projection', sql), values: [name, version] };
}

/** Stores how many partitions a projection is to have, if a number is given, and gives back what it is. No row: there is none. */
export function wantPartitionsQuery(
  schema: SchemaName,
  { name, version }: ProjectionId,
  wanted: number | undefined,
): Statement {
  const sql = `
    update :schema.projections j
    set wanted_partitions = coalesce($3, j.wanted_partitions)
    where j.name = $1 and j.version = $2
    returning j.wanted_partitions`;
  return { ...inSchema(schema, 'want_partitions', sql), values: [name, version, wanted ?? null] };
}

/** All partitions of a projection, held until the transaction ends: batches under way are stored first. */
export function holdPartitionsQuery(schema: SchemaName, { name, version }: ProjectionId): Statement {
  const sql = `
    select
      p.from_slot, p.to_slot, p.position, p.epoch, p.events, p.hold_at,
      (pg_catalog.date_part('epoch', p.moved_at) * 1000)::bigint
    from :schema.projection_partitions p
    where p.name = $1 and p.version = $2
    order by p.from_slot
    for update`;
  return { ...inSchema(schema, 'hold_partitions', sql), values: [name, version] };
}

export function toArrangedPartition([from, to, position, epoch, events, holdAt, movedAt]: Row): ArrangedPartition {
  return {
    from: Number(from),
    to: Number(to),
    position: Number(position),
    epoch: Number(epoch),
    events: Number(events),
    holdAt: holdAt === null || holdAt === undefined ? undefined : Number(holdAt),
    movedAt: Number(movedAt),
  };
}

/** Puts partitions in the place of others. */
export function replacePartitionsQueries(
  schema: SchemaName,
  { name, version }: ProjectionId,
  { gone, made }: { readonly gone: readonly ArrangedPartition[]; readonly made: readonly ArrangedPartition[] },
): readonly Statement[] {
  const remove = `
    delete from :schema.projection_partitions p
    where p.name = $1 and p.version = $2 and p.from_slot = any ($3::smallint[])`;
  const insert = `
    insert into :schema.projection_partitions
      (name, version, from_slot, to_slot, position, epoch, events, hold_at, moved_at)
    select
      $1, $2, m.from_slot, m.to_slot, m.position, m.epoch, m.events, m.hold_at,
      pg_catalog.to_timestamp(m.moved_at::double precision / 1000)
    from rows from (
      pg_catalog.unnest($3::smallint[]),
      pg_catalog.unnest($4::smallint[]),
      pg_catalog.unnest($5::bigint[]),
      pg_catalog.unnest($6::bigint[]),
      pg_catalog.unnest($7::bigint[]),
      pg_catalog.unnest($8::bigint[]),
      pg_catalog.unnest($9::bigint[])
    ) m (from_slot, to_slot, position, epoch, events, hold_at, moved_at)`;
  const values = [
    made.map(({ from }) => from),
    made.map(({ to }) => to),
    made.map(({ position }) => position),
    made.map(({ epoch }) => epoch),
    made.map(({ events }) => events),
    made.map(({ holdAt }) => holdAt ?? null),
    made.map(({ movedAt }) => movedAt),
  ];
  return [
    { ...inSchema(schema, 'remove_partitions', remove), values: [name, version, gone.map(({ from }) => from)] },
    { ...inSchema(schema, 'insert_partitions', insert), values: [name, version, ...values] },
  ];
}

/** What was applied, what waits and what was given up: one statement sees one moment. */
export function readAppliedQuery(schema: SchemaName, { name, version }: ProjectionId): Statement {
  const sql = `
    select 'partition', p.from_slot::bigint, p.to_slot::bigint, p.position, null::bigint, null::text
    from :schema.projection_partitions p
    where p.name = $1 and p.version = $2
    union all
    select 'digest', d.bucket, sum(d.count)::bigint, (sum(d.low) % 4294967296)::bigint, (sum(d.high) % 4294967296)::bigint, null
    from :schema.projection_digests d
    where d.name = $1 and d.version = $2
    group by d.bucket
    union all
    select 'parked', l.position, null, null, null, l.key
    from :schema.dead_letters l
    where l.name = $1 and l.version = $2
    union all
    select 'discarded', l.position, null, null, null, l.key
    from :schema.discarded_letters l
    where l.name = $1 and l.version = $2 and not l.is_outdated
    union all
    select 'inline', pg_catalog.lower(r.range), pg_catalog.upper(r.range) - 1, null, null, null
    from :schema.projections j, pg_catalog.unnest(j.inline_ranges) r (range)
    where j.name = $1 and j.version = $2`;
  return { ...inSchema(schema, 'read_applied', sql), values: [name, version] };
}

/** Undefined where there is no such projection. */
export function toAppliedState(rows: readonly Row[]): AppliedState | undefined {
  const of = (kind: string): readonly Row[] => rows.filter((row) => row[0] === kind);
  const partitions = of('partition').map(([, from, to, position]) => {
    return { from: Number(from), to: Number(to), position: Number(position) };
  });
  if (partitions.length === 0) return undefined;
  const letters = (kind: string): AppliedState['parked'] =>
    of(kind).map((row) => ({ key: row[5] ?? '', position: Number(row[1]) }));
  return {
    partitions,
    digests: of('digest').map(([, bucket, count, low, high]) => {
      return { bucket: Number(bucket), count: Number(count), low: Number(low), high: Number(high) };
    }),
    parked: letters('parked'),
    discarded: letters('discarded'),
    inline: of('inline').map(([, from, to]) => ({ from: Number(from), to: Number(to) })),
  };
}
