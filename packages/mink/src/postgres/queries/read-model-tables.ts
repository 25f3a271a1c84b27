import { createHash } from 'node:crypto';
import {
  equalRanges,
  type ColumnType,
  type Beginning,
  type ProjectionKind,
  type ProjectionId,
  type ProjectionModel,
  type Shadow,
  type TableSpec,
} from '../../core/index.ts';
import type { Statement } from '../connection.ts';
import { inSchema, type SchemaName } from '../schema-name.ts';

/** A projection's name as it is written in SQL. */
function sqlName(name: string): string {
  return name.replaceAll('-', '_');
}

/** The table of a version, in the schema of read models and quoted. */
export function tableOf(projection: ProjectionId, table: Pick<TableSpec, 'name'>): string {
  return `:read_schema.${tableNameOf(projection, table)}`;
}

/** The same, without its schema. */
export function tableNameOf({ name, version }: ProjectionId, table: Pick<TableSpec, 'name'>): string {
  const suffix = version < 0 ? `_shadow_${-version}` : `_v${version}`;
  return `"${sqlName(name)}${suffix}${suffixOf(table)}"`;
}

/** The view of the version that is live. */
export function viewOf({ name }: Pick<ProjectionId, 'name'>, table: Pick<TableSpec, 'name'>): string {
  return `:read_schema."${sqlName(name)}${suffixOf(table)}"`;
}

function suffixOf({ name }: Pick<TableSpec, 'name'>): string {
  return name === '' ? '' : `_${name}`;
}

/** An identifier in SQL. */
export function quoted(identifier: string): string {
  return `"${identifier}"`;
}

/** The types of columns, and of the arrays that they are sent as. */
const SQL_TYPES: Readonly<Record<ColumnType, string>> = {
  text: 'text collate "C"',
  integer: 'bigint',
  number: 'double precision',
  boolean: 'boolean',
  timestamp: 'timestamptz',
  json: 'jsonb',
  document: 'json',
};

/** A list of values of a column as one parameter. */
export function arrayType(type: ColumnType): string {
  return type === 'text' ? 'text[]' : `${SQL_TYPES[type]}[]`;
}

function createTable(projection: ProjectionId, table: TableSpec): string {
  const columns = table.columns.map(({ name, type, isNullable }) => {
    return `${quoted(name)} ${SQL_TYPES[type]}${isNullable ? '' : ' not null'}`;
  });
  // Of a table with rows of its own, mink keeps what it needs to know of each.
  const own =
    table.name === '' ? ['mink_position bigint not null', 'mink_is_stale boolean not null default false'] : [];
  const key = `primary key (${table.primaryKey.map(quoted).join(', ')})`;
  const name = tableOf(projection, table);
  const indexes = table.indexes.map(({ columns: of, isUnique }) => {
    return `create ${isUnique ? 'unique ' : ''}index on ${name} (${of.map(quoted).join(', ')});`;
  });
  return `create table ${name} (${[...columns, ...own, key].join(', ')});\n${indexes.join('\n')}`;
}

/** Makes the tables of a version. */
function createTables(projection: ProjectionModel): string {
  return projection.tables.map((table) => createTable(projection, table)).join('\n');
}

/** Lets the name stand for a version. */
function createViews(projection: ProjectionModel): string {
  return projection.tables.map((table) => `create view ${viewDefinition(projection, table)};`).join('\n');
}

/** What follows `create view`. */
export function viewDefinition(projection: ProjectionId, table: TableSpec): string {
  const columns = table.columns.map(({ name }) => quoted(name)).join(', ');
  return `${viewOf(projection, table)} as select ${columns} from ${tableOf(projection, table)}`;
}

/** What is needed to run a script in the schemas of a store. */
export function script(schema: SchemaName, sql: string): string {
  return inSchema(schema, 'script', sql).text;
}

/** Keeps others from making, switching and dropping read models of the schema until the transaction ends. */
export function lockReadModels(schema: SchemaName): string {
  const lock = createHash('sha256').update(`read models of ${schema.name}`).digest().readInt32BE();
  return `select pg_catalog.pg_advisory_xact_lock(${lock});`;
}

/**
 * Makes the tables of a projection and its checkpoint. Several processes may do it at once. Where the checkpoint is missing, the
 * tables are made anew: what may be in them would be applied twice. A subscription has a checkpoint only.
 */
export function prepareProjectionScript(schema: SchemaName, projection: ProjectionModel, beginning: Beginning): string {
  return script(schema, `begin; ${lockReadModels(schema)} ${prepareBlock(projection, { beginning })}; commit`);
}

/** Makes the tables of a projection and its checkpoint, in a transaction that holds the lock of read models. */
export function prepareBlock(
  projection: ProjectionModel,
  {
    beginning: { kind, from } = { kind: 'projection', from: 0 },
    shadow,
  }: {
    readonly beginning?: Beginning | undefined;
    readonly shadow?: Pick<Shadow, 'of' | 'purpose'> | undefined;
  },
): string {
  const { name, version, tables, partitions = 1 } = projection;
  const ranges = equalRanges(partitions).map((range) => `(${range.from}, ${range.to})`);
  const id = `name = '${name}' and version = ${version}`;
  const [of, purpose] = shadow === undefined ? ['null', 'null'] : [String(shadow.of), `'${shadow.purpose}'`];
  return `do $prepare$
    declare
      is_active constant boolean := exists (
        select
        from :schema.meta m, pg_catalog.json_array_elements(m.inline_set) s
        where s ->> 'name' = '${name}' and (s ->> 'version')::int = ${version}
      );
      is_known constant boolean := is_active or exists (select from :schema.projections where ${id});
    begin
      if ${isWhole(`where ${id}`)}
        or exists (select from :schema.projections where ${id} and retired_at is not null)
      then
        return;
      end if;
      -- What appends go on from stays, whatever was removed of what is known of it.
      if not is_active then
        ${createSchema()}
        ${emptyTables(projection)}
      end if;
      insert into :schema.projections
        (name, version, tables, kind, from_position, wanted_partitions, shadow_of, shadow_for, is_inline)
      values (
        '${name}', ${version}, $json$${JSON.stringify(tables)}$json$, '${kind}', ${from}, ${partitions}, ${of}, ${purpose},
        is_active
      )
      on conflict do nothing;
      delete from :schema.parked_keys where ${id};
      delete from :schema.projection_digests where ${id};
      update :schema.discarded_letters set is_outdated = true where ${id};
      update :schema.projections set inline_ranges = '{}' where ${id};
      delete from :schema.projection_partitions where ${id};
      -- Above every epoch that there ever was: whoever worked on what is gone is refused.
      insert into :schema.projection_partitions (name, version, from_slot, to_slot, epoch, position)
      select
        p.name, p.version, r.from_slot, r.to_slot,
        pg_catalog.date_part('epoch', pg_catalog.clock_timestamp())::bigint, p.from_position
      from :schema.projections p, (values ${ranges.join(', ')}) r (from_slot, to_slot)
      where p.name = '${name}' and p.version = ${version};
      ${kind === 'projection' && shadow === undefined ? makeLive(projection) : ''}
    end
    $prepare$`;
}

/** Whether there are checkpoints for all slots: without one of them, what is in its slots would never be applied. */
function isWhole(condition: string): string {
  return `(select coalesce(sum(to_slot - from_slot), 0) = 1024 from :schema.projection_partitions ${condition})`;
}

/** A statement of a block. Not "if not exists", which would ask for the right to create schemas even where it exists. */
function createSchema(): string {
  return `if not exists (
          select from pg_catalog.pg_namespace n
          where '"' || pg_catalog.replace(n.nspname, '"', '""') || '"' = $name$:read_schema$name$
        ) then
          create schema :read_schema;
        end if;`;
}

/** Statements of a block. What is known stays, with the rights to its views; what is there by chance is something else. */
function emptyTables(projection: ProjectionModel): string {
  const { tables } = projection;
  const parts = tables.map((table) => {
    const own = tableOf(projection, table);
    return `if ${isMissing(own)} then
            ${createTables({ ...projection, tables: [table] })}
          else
            truncate ${own};
          end if;`;
  });
  return `if is_known then
          ${parts.join('\n          ')}
        else
          ${tables.map((table) => `drop table if exists ${tableOf(projection, table)} cascade;`).join('\n')}
          ${createTables(projection)}
        end if;`;
}

/** The first version of a name is the one that it stands for. */
function makeLive(projection: ProjectionModel): string {
  const { name, version, tables } = projection;
  // Of what is new, a view that is there is somebody else's.
  const views = tables.map((table) => {
    return `if not is_known or ${isMissing(viewOf(projection, table))} then
          ${createViews({ ...projection, tables: [table] })}
        end if;`;
  });
  return `insert into :schema.read_models (name, sql_name, live_version)
      values ('${name}', '${sqlName(name)}', ${version})
      on conflict (name) do nothing;
      if (select live_version from :schema.read_models where name = '${name}') = ${version} then
        ${views.join('\n        ')}
      end if;`;
}

function isMissing(relation: string): string {
  return `pg_catalog.to_regclass('${relation}') is null`;
}

/** Makes what somebody has dropped of a version, unless it is retired: its tables, and the views of its name if it is live. */
export function restoreTablesScript(schema: SchemaName, projection: ProjectionModel): string {
  const isLive = `(select live_version from :schema.read_models where name = '${projection.name}') = ${projection.version}`;
  const parts = projection.tables.map((table) => {
    const own = { ...projection, tables: [table] };
    return `if ${isMissing(tableOf(projection, table))} then
        ${createTables(own)}
      end if;
      if ${isLive} then
        if ${isMissing(viewOf(projection, table))} then
          ${createViews(own)}
        end if;
      end if;`;
  });
  return script(
    schema,
    `begin;
    ${lockReadModels(schema)}
    do $restore$
    begin
      if not exists (
        select from :schema.projections
        where name = '${projection.name}' and version = ${projection.version} and retired_at is null
      ) then
        return;
      end if;
      ${createSchema()}
      ${parts.join('\n      ')}
    end
    $restore$;
    commit`,
  );
}

/** What has a name already that a projection would need; no row where nothing has. */
export function nameHolderQuery(schema: SchemaName, name: string, kind: ProjectionKind): Statement {
  const sql = `
    select 'it is a ' || p.kind || ' already'
    from :schema.projections p
    where p.name = $1 and p.kind <> $2
    union all
    select 'projection "' || m.name || '" has the same name in SQL'
    from :schema.read_models m
    where $2 = 'projection' and m.sql_name = $3 and m.name <> $1
    limit 1`;
  return { ...inSchema(schema, 'name_holder', sql), values: [name, kind, sqlName(name)] };
}

/** The tables of a projection as it was made; no row where it was not. */
export function preparedTablesQuery(schema: SchemaName, { name, version }: ProjectionId): Statement {
  const sql = `
    select
      p.tables,
      ${isWhole('s where s.name = p.name and s.version = p.version')},
      p.retired_at is not null
    from :schema.projections p
    where p.name = $1 and p.version = $2`;
  return { ...inSchema(schema, 'prepared_tables', sql), values: [name, version] };
}

/** Another projection that is live with a view of the same name as one that a version needs; no row where none is. */
export function viewHolderQuery(schema: SchemaName, { name, tables }: ProjectionModel): Statement {
  const sql = `
    select m.name
    from :schema.read_models m
      join :schema.projections p on p.name = m.name and p.version = m.live_version
      cross join lateral pg_catalog.json_array_elements(p.tables) t
    where m.name <> $1
      and m.sql_name || case when t ->> 'name' = '' then '' else '_' || (t ->> 'name') end = any ($2::text[])
    limit 1`;
  const views = tables.map((table) => `${sqlName(name)}${suffixOf(table)}`);
  return { ...inSchema(schema, 'view_holder', sql), values: [name, views] };
}
