import type { ProjectionId, ProjectionModel, Shadow, StoredPosition } from '../../core/index.ts';
import { typed } from '../../core/index.ts';
import type { Row, Statement } from '../connection.ts';
import { inSchema, type SchemaName } from '../schema-name.ts';
import { forgetInlineQuery } from './inline-projections.ts';
import { replaceView } from './projection-versions.ts';
import { tableNameOf, tableOf, viewOf } from './read-model-tables.ts';

/** The next version below zero. None is used again: the last one stays known when it is dropped. */
export function nextShadowQuery(schema: SchemaName, name: string): Statement {
  const sql = `
    select least(pg_catalog.min(p.version), 0) - 1
    from :schema.projections p
    where p.name = $1`;
  return { ...inSchema(schema, 'next_shadow', sql), values: [name] };
}

export function listShadowsQuery(schema: SchemaName, name: string | undefined): Statement {
  const sql = `
    select
      p.name, p.version, p.tables, p.shadow_of, p.shadow_for,
      (
        select pg_catalog.min(s.owner)
        from :schema.projection_partitions s
        where s.name = p.name and s.version = p.version and s.expires_at > pg_catalog.clock_timestamp()
      ),
      p.created_at < pg_catalog.clock_timestamp() - interval '1 minute'
    from :schema.projections p
    where p.version < 0 and p.retired_at is null and ($1::text is null or p.name = $1)
    order by p.name, p.version desc`;
  return { ...inSchema(schema, 'list_shadows', sql), values: [name ?? null] };
}

export function toShadow([name, version, tables, of, purpose, owner, isOld]: Row): Shadow {
  return {
    name: name ?? '',
    version: Number(version),
    tables: typed<Shadow['tables']>(JSON.parse(tables ?? '[]')),
    of: Number(of),
    purpose: purpose === 'rebuild' ? 'rebuild' : 'what_if',
    owner: owner ?? undefined,
    isLeft: (owner ?? undefined) === undefined && isOld === 't',
  };
}

/**
 * Forgets a shadow, but for that it was there, until there is a later one: whoever wakes and still works on it must neither make it
 * anew nor take another one for it.
 */
export function forgetShadowQueries(schema: SchemaName, { name, version }: ProjectionId): readonly Statement[] {
  const values = [name, version];
  const forget = (table: string): Statement => ({
    ...inSchema(schema, 'forget_shadow', `delete from :schema.${table} k where k.name = $1 and k.version = $2`),
    values,
  });
  const keep = `
    update :schema.projections p
    set retired_at = pg_catalog.clock_timestamp()
    where p.name = $1 and p.version = $2 and p.version < 0`;
  const earlier = `
    delete from :schema.projections p
    where p.name = $1 and p.version > $2 and p.version < 0 and p.retired_at is not null`;
  return [
    ...['projection_partitions', 'projection_workers', 'projection_digests', 'parked_keys'].map(forget),
    { ...inSchema(schema, 'forget_shadow', keep), values },
    { ...inSchema(schema, 'forget_shadow', earlier), values },
  ];
}

/**
 * Puts the tables of a shadow in the place of those of its version. The views first: whoever reads one holds it to the end, and
 * whoever comes later finds the new tables. What somebody has dropped by hand is there again afterwards.
 */
export function swapTables(shadow: ProjectionModel, version: ProjectionModel, isLive: boolean): string {
  const views = isLive ? version.tables.map((table) => viewOf(version, table)) : [];
  const swaps = version.tables.map((table) => {
    const name = tableOf(version, table);
    const swap = [
      `drop table if exists ${name};`,
      `alter table ${tableOf(shadow, table)} rename to ${tableNameOf(version, table)};`,
    ];
    return [...(isLive ? [replaceView(shadow, table)] : []), ...swap].join('\n      ');
  });
  return `do $swap$
    declare
      granted text[];
      statement text;
    begin
      ${views.map(lockView).join('\n      ')}
      ${swaps.join('\n      ')}
    end
    $swap$`;
}

function lockView(view: string): string {
  return `if pg_catalog.to_regclass('${view}') is not null then
        lock table ${view} in access exclusive mode;
      end if;`;
}

/** Gives a version what is known of its shadow: checkpoints above all earlier epochs, dead letters and digests. */
export function adoptStateQueries(
  schema: SchemaName,
  shadow: ProjectionId,
  version: ProjectionId,
): readonly Statement[] {
  const of = [shadow.name, version.version];
  const both = [...of, shadow.version];
  const forget = (table: string): Statement => ({
    ...inSchema(schema, 'adopt', `delete from :schema.${table} k where k.name = $1 and k.version = $2`),
    values: of,
  });
  const outdate = `
    update :schema.discarded_letters l
    set is_outdated = true
    where l.name = $1 and l.version = $2`;
  const take = (sql: string): Statement => ({ ...inSchema(schema, 'adopt', sql), values: both });
  return [
    take(`
      update :schema.projection_partitions p
      set
        owner = null,
        expires_at = '-infinity',
        epoch = 1 + (select pg_catalog.max(s.epoch) from :schema.projection_partitions s where s.name = $1 and s.version in ($2, $3))
      where p.name = $1 and p.version = $3`),
    ...['projection_partitions', 'projection_workers', 'projection_digests', 'parked_keys'].map(forget),
    { ...inSchema(schema, 'adopt', outdate), values: of },
    forgetInlineQuery(schema, { name: shadow.name, version: version.version }),
    take('update :schema.projection_partitions p set version = $2 where p.name = $1 and p.version = $3'),
    take('update :schema.projection_digests d set version = $2 where d.name = $1 and d.version = $3'),
    take(`
      insert into :schema.parked_keys (name, version, key, error, attempts, first_failed_at, last_failed_at)
      select k.name, $2, k.key, k.error, k.attempts, k.first_failed_at, k.last_failed_at
      from :schema.parked_keys k
      where k.name = $1 and k.version = $3`),
    take(`
      insert into :schema.dead_letters (name, version, key, position)
      select l.name, $2, l.key, l.position
      from :schema.dead_letters l
      where l.name = $1 and l.version = $3`),
    ...forgetShadowQueries(schema, shadow),
  ];
}

/** Of a scratch: partitions of the same slots, cut where others are. */
export function setPartitionsQueries(
  schema: SchemaName,
  { name, version }: ProjectionId,
  { partitions, epoch }: { readonly partitions: readonly StoredPosition[]; readonly epoch: number },
): readonly Statement[] {
  const remove = 'delete from :schema.projection_partitions p where p.name = $1 and p.version = $2';
  const insert = `
    insert into :schema.projection_partitions (name, version, from_slot, to_slot, position, epoch)
    select $1, $2, n.from_slot, n.to_slot, n.position, $3
    from rows from (
      pg_catalog.unnest($4::smallint[]), pg_catalog.unnest($5::smallint[]), pg_catalog.unnest($6::bigint[])
    ) n (from_slot, to_slot, position)`;
  const columns = [
    partitions.map(({ from }) => from),
    partitions.map(({ to }) => to),
    partitions.map(({ position }) => position),
  ];
  return [
    { ...inSchema(schema, 'set_partitions', remove), values: [name, version] },
    { ...inSchema(schema, 'set_partitions', insert), values: [name, version, epoch, ...columns] },
  ];
}
