import type { Lease, LiveVersion, ProjectionId, ProjectionModel, StoredPosition, TableSpec } from '../../core/index.ts';
import type { Row, Statement } from '../connection.ts';
import { inSchema, type SchemaName } from '../schema-name.ts';
import { script, tableOf, viewDefinition, viewOf } from './read-model-tables.ts';

/** What a name stands for. */
export function liveVersionQuery(schema: SchemaName, name: string): Statement {
  const sql = 'select m.live_version, m.previous_version from :schema.read_models m where m.name = $1';
  return { ...inSchema(schema, 'live_version', sql), values: [name] };
}

export function toLiveVersion([version, previous]: Row): LiveVersion {
  return {
    version: Number(version),
    previous: previous === null || previous === undefined ? undefined : Number(previous),
  };
}

/** A script of one statement, run in a transaction. */
export function block(schema: SchemaName, sql: string): Statement {
  return { name: undefined, text: script(schema, sql), values: [] };
}

/** Takes the partitions of a projection from whoever has them. */
export function seizeQuery(
  schema: SchemaName,
  { name, version }: ProjectionId,
  { owner, duration }: { readonly owner: string; readonly duration: number },
): Statement {
  const sql = `
    update :schema.projection_partitions p
    set
      owner = $3,
      epoch = p.epoch + 1,
      expires_at = pg_catalog.clock_timestamp() + $4 * interval '1 millisecond'
    where p.name = $1 and p.version = $2
    returning p.name, p.version, p.from_slot, p.to_slot, p.epoch, p.position, p.hold_at`;
  return { ...inSchema(schema, 'seize', sql), values: [name, version, owner, duration] };
}

/** Reads how far a partition is that is held. */
export function toStoredPosition([from, to, position]: Row): StoredPosition {
  return { from: Number(from), to: Number(to), position: Number(position) };
}

/** Whether leases are the last ones, of all partitions that were held. */
export function areHeld(rows: readonly Row[], leases: readonly Lease[]): boolean {
  const epochs = new Map(leases.map(({ partition, epoch }) => [partition.from, epoch]));
  if (rows.length === 0 || rows.length !== leases.length) return false;
  return rows.every(([from, , , epoch]) => epochs.get(Number(from)) === Number(epoch));
}

/** Lets the views of a name show another version. What has no view any more is dropped. */
export function switchViews(from: ProjectionModel, to: ProjectionModel): string {
  const gone = from.tables.filter(({ name }) => !to.tables.some((table) => table.name === name));
  return `do $switch$
    declare
      granted text[];
      statement text;
    begin
      ${gone.map((table) => `drop view ${viewOf(from, table)};`).join('\n')}
      ${to.tables.map((table) => replaceView(to, table)).join('\n')}
    end
    $switch$`;
}

/**
 * Readers that come meanwhile wait, and find the new view. Columns that go, or change their type, need a view made anew: the rights
 * that others have to it are given to them again.
 */
export function replaceView(projection: ProjectionId, table: TableSpec): string {
  const view = viewOf(projection, table);
  return `begin
        create or replace view ${viewDefinition(projection, table)};
      exception when invalid_table_definition then
        select pg_catalog.array_agg(
          'grant ' || a.privilege_type || ' on ' || c.oid::regclass || ' to '
          || case when a.grantee = 0 then 'public' else pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) end
          || case when a.is_grantable then ' with grant option' else '' end
        )
        into granted
        from pg_catalog.pg_class c
          cross join lateral pg_catalog.aclexplode(c.relacl) a
        where c.oid = '${view}'::regclass and a.grantee <> c.relowner;
        drop view ${view};
        create view ${viewDefinition(projection, table)};
        foreach statement in array coalesce(granted, '{}') loop
          execute statement;
        end loop;
      end;`;
}

/** Keeps which version is live. No row where another one was than was thought. */
export function setLiveVersionQuery(
  schema: SchemaName,
  { name, from, to }: { readonly name: string; readonly from: number; readonly to: number },
): Statement {
  const sql = `
    update :schema.read_models m
    set live_version = $3, previous_version = m.live_version, switched_at = pg_catalog.clock_timestamp()
    where m.name = $1 and m.live_version = $2
    returning 1`;
  return { ...inSchema(schema, 'set_live_version', sql), values: [name, from, to] };
}

/** Who works on a version, if anybody does. */
export function ownersQuery(schema: SchemaName, { name, version }: ProjectionId): Statement {
  const sql = `
    select p.owner
    from :schema.projection_partitions p
    where p.name = $1 and p.version = $2 and p.owner is not null and p.expires_at > pg_catalog.clock_timestamp()
    limit 1`;
  return { ...inSchema(schema, 'owners', sql), values: [name, version] };
}

/** Drops the tables of a version. Before its rows elsewhere: a batch locks them first. */
export function dropTables(projection: ProjectionModel): string {
  return projection.tables.map((table) => `drop table if exists ${tableOf(projection, table)};`).join('\n');
}

/** Forgets a version, but for that it was there. */
export function retireQueries(schema: SchemaName, { name, version }: ProjectionId): readonly Statement[] {
  const forget = (table: string): Statement => ({
    ...inSchema(schema, 'retire', `delete from :schema.${table} k where k.name = $1 and k.version = $2`),
    values: [name, version],
  });
  const keep = `
    update :schema.projections p
    set retired_at = pg_catalog.clock_timestamp(), is_paused = false
    where p.name = $1 and p.version = $2`;
  const previous = `
    update :schema.read_models m
    set previous_version = null
    where m.name = $1 and m.previous_version = $2`;
  const tables = ['projection_partitions', 'projection_workers', 'projection_digests', 'parked_keys'] as const;
  return [
    ...tables.map(forget),
    { ...inSchema(schema, 'retire', keep), values: [name, version] },
    { ...inSchema(schema, 'retire', previous), values: [name, version] },
  ];
}

/** Bytes of the tables of a version, with their indexes. */
export function measureSizeQuery(schema: SchemaName, projection: ProjectionModel): Statement {
  const sizes = projection.tables.map((table) => {
    return `coalesce(pg_catalog.pg_total_relation_size(pg_catalog.to_regclass('${tableOf(projection, table)}')), 0)`;
  });
  return { ...inSchema(schema, 'measure_size', `select ${['0', ...sizes].join(' + ')}`), values: [] };
}
