import { createHash } from 'node:crypto';
import type {
  BatchState,
  CommitOutcome,
  JsonValue,
  LagQuery,
  Lease,
  LeaseRequest,
  ProjectionCommit,
  ProjectionId,
  ProjectionState,
  StoredDocument,
  StoredProjection,
} from '../../core/index.ts';
import type { Row, Statement } from '../connection.ts';
import { inSchema, type SchemaName } from '../schema-name.ts';
import { logSource } from './read-log.ts';

/** The table of a projection's documents, in the schema and quoted. */
export function documentsTable({ name, version }: ProjectionId): string {
  // The name is one of projections: it needs no quotes but for "-".
  return `:schema."documents_${name}_v${version}"`;
}

/** Makes the table of a projection's documents, and its row. Several processes may do it at once. */
export function prepareProjectionScript(schema: SchemaName, projection: ProjectionId): string {
  const { name, version } = projection;
  const [lock] = [createHash('sha256').update(`${schema.name} ${name} ${version}`).digest().readInt32BE()];
  return `
    begin;
    select pg_catalog.pg_advisory_xact_lock(${lock});
    create table if not exists ${documentsTable(projection)} (
      key text collate "C" primary key,
      document json not null,
      position bigint not null,
      is_stale boolean not null default false
    );
    insert into :schema.projections (name, version, moved_at)
    values ('${name}', ${version}, pg_catalog.clock_timestamp())
    on conflict do nothing;
    commit`.replaceAll(':schema', schema.quoted);
}

/** Whether a projection has its row. */
export function projectionExistsQuery(schema: SchemaName, { name, version }: ProjectionId): Statement {
  const sql = 'select 1 from :schema.projections p where p.name = $1 and p.version = $2';
  return { ...inSchema(schema, 'projection_exists', sql), values: [name, version] };
}

/** Renews what the owner holds, and takes what nobody holds. */
export function leaseProjectionsQuery(schema: SchemaName, request: LeaseRequest): Statement {
  const sql = `
    with found as (
      select p.name, p.version, p.owner = $1 and p.epoch = w.epoch as is_renewed
      from rows from (pg_catalog.unnest($3::text[]), pg_catalog.unnest($4::int[]), pg_catalog.unnest($5::bigint[])) w (name, version, epoch)
        join :schema.projections p on p.name = w.name collate "C" and p.version = w.version
      where not p.is_paused
        and (
          p.owner = $1 and p.epoch = w.epoch
          or w.epoch is null
            and (p.owner is null or p.owner = $1 or p.expires_at <= pg_catalog.clock_timestamp())
        )
      order by p.name, p.version
      for update of p
    )
    update :schema.projections p
    set
      owner = $1,
      expires_at = pg_catalog.clock_timestamp() + $2 * interval '1 millisecond',
      epoch = p.epoch + case when f.is_renewed then 0 else 1 end,
      state = case when f.is_renewed then p.state else 'running' end,
      error = case when f.is_renewed then p.error end
    from found f
    where f.name = p.name and f.version = p.version
    returning p.name, p.version, p.epoch, p.position`;
  const { owner, duration, projections } = request;
  const values = [
    owner,
    duration,
    projections.map(({ name }) => name),
    projections.map(({ version }) => version),
    projections.map(({ epoch = null }) => epoch),
  ];
  return { ...inSchema(schema, 'lease_projections', sql), values };
}

export function toLease([name, version, epoch, position]: Row): Lease {
  return { name: name ?? '', version: Number(version), epoch: Number(epoch), position: Number(position) };
}

/** Lets leases go that are still the owner's. */
export function releaseProjectionsQuery(schema: SchemaName, owner: string, leases: readonly Lease[]): Statement {
  const sql = `
    update :schema.projections p
    set owner = null, expires_at = '-infinity'
    from rows from (pg_catalog.unnest($2::text[]), pg_catalog.unnest($3::int[]), pg_catalog.unnest($4::bigint[])) l (name, version, epoch)
    where p.name = l.name collate "C" and p.version = l.version and p.epoch = l.epoch and p.owner = $1`;
  const values = [
    owner,
    leases.map(({ name }) => name),
    leases.map(({ version }) => version),
    leases.map(({ epoch }) => epoch),
  ];
  return { ...inSchema(schema, 'release_projections', sql), values };
}

/** Documents by key. */
export function readDocumentsQuery(schema: SchemaName, projection: ProjectionId, keys: readonly string[]): Statement {
  const sql = `
    select d.key, d.document::text, d.position, d.is_stale
    from ${documentsTable(projection)} d
    where d.key = any ($1::text[])`;
  return { ...inSchema(schema, 'read_documents', sql), values: [keys] };
}

/** Documents in the order of their keys. */
export function listDocumentsQuery(
  schema: SchemaName,
  projection: ProjectionId,
  { after, limit }: { readonly after: string | undefined; readonly limit: number },
): Statement {
  const sql = `
    select d.key, d.document::text, d.position, d.is_stale
    from ${documentsTable(projection)} d
    where d.key > $1
    order by d.key
    limit $2`;
  return { ...inSchema(schema, 'list_documents', sql), values: [after ?? '', limit] };
}

export function toStoredDocument([key, document, position, isStale]: Row): StoredDocument {
  const value: JsonValue = JSON.parse(document ?? 'null');
  return { key: key ?? '', document: value, position: Number(position), isStale: isStale === 't' };
}

/** Documents by key, and rows without a document for keys that are parked. */
export function readBatchQuery(schema: SchemaName, projection: ProjectionId, keys: readonly string[]): Statement {
  const sql = `
    select d.key, d.document::text, d.position, d.is_stale
    from ${documentsTable(projection)} d
    where d.key = any ($1::text[])
    union all
    select k.key, null, null, true
    from :schema.parked_keys k
    where k.name = $2 and k.version = $3 and k.key = any ($1::text[])`;
  return { ...inSchema(schema, 'read_batch', sql), values: [keys, projection.name, projection.version] };
}

export function toBatchState(rows: readonly Row[]): BatchState {
  return {
    documents: rows.filter(([, document]) => document !== null).map(toStoredDocument),
    parkedKeys: rows.filter(([, document]) => document === null).map(([key]) => key ?? ''),
  };
}

/**
 * A batch and its checkpoint in one statement. The checkpoint moves only from where the lease says, in its epoch, and only if
 * the keys that further events wait for are still parked; where it does not, nothing else happens. There is no transaction
 * that a frozen process could leave open.
 */
export function commitProjectionQuery(schema: SchemaName, commit: ProjectionCommit): Statement {
  const table = documentsTable(commit.lease);
  const sql = `
    with held as (
      select k.key
      from :schema.parked_keys k
      where k.name = $1 and k.version = $2 and k.key = any ($11::text[])
      order by k.key
      for share
    ),
    moved as (
      update :schema.projections p
      set
        position = $5,
        events = p.events + $6,
        moved_at = pg_catalog.clock_timestamp(),
        expires_at = pg_catalog.clock_timestamp() + $7 * interval '1 millisecond'
      where p.name = $1
        and p.version = $2
        and p.epoch = $3
        and p.position = $4
        and (select count(*) from held) = pg_catalog.cardinality($11::text[])
      returning 1
    ),
    written as (
      insert into ${table} as d (key, document, position, is_stale)
      select w.key, w.document, $5, w.key = any ($12::text[])
      from moved, rows from (pg_catalog.unnest($8::text[]), pg_catalog.unnest($9::json[])) w (key, document)
      on conflict (key) do update
      set document = excluded.document, position = excluded.position, is_stale = excluded.is_stale
    ),
    removed as (
      delete from ${table} d
      using moved, pg_catalog.unnest($10::text[]) r (key)
      where d.key = r.key collate "C"
    ),
    outdated as (
      update ${table} d
      set is_stale = true
      from moved, pg_catalog.unnest($12::text[]) k (key)
      where d.key = k.key collate "C" and d.key <> all ($8::text[]) and d.key <> all ($10::text[])
    ),
    parked as (
      insert into :schema.parked_keys (name, version, key, error, attempts, first_failed_at, last_failed_at)
      select $1, $2, k.key, k.error, k.attempts, pg_catalog.clock_timestamp(), pg_catalog.clock_timestamp()
      from moved,
        rows from (pg_catalog.unnest($12::text[]), pg_catalog.unnest($13::text[]), pg_catalog.unnest($14::int[]))
          k (key, error, attempts)
    ),
    letters as (
      insert into :schema.dead_letters (name, version, key, position)
      select $1, $2, l.key, l.position
      from moved, rows from (pg_catalog.unnest($15::text[]), pg_catalog.unnest($16::bigint[])) l (key, position)
    )
    select (select count(*) from moved), (select count(*) from held)`;
  const { lease, to, events, duration, writes, deadLetters } = commit;
  const kept = writes.filter(({ document }) => document !== null);
  const failed = deadLetters.filter(({ error }) => error !== undefined);
  const values = [
    lease.name,
    lease.version,
    lease.epoch,
    lease.position,
    to,
    events,
    duration,
    kept.map(({ key }) => key),
    kept.map(({ document }) => JSON.stringify(document)),
    writes.filter(({ document }) => document === null).map(({ key }) => key),
    followedKeys(commit),
    failed.map(({ key }) => key),
    failed.map(({ error }) => withoutNul(error ?? '')),
    failed.map(({ attempts }) => attempts),
    deadLetters.map(({ key }) => key),
    deadLetters.map(({ position }) => position),
  ];
  return { ...inSchema(schema, 'commit_projection', sql), values };
}

/** Keys that were parked before this batch, and of which it has further events. */
function followedKeys({ deadLetters }: ProjectionCommit): readonly string[] {
  const parkedNow = new Set(deadLetters.filter(({ error }) => error !== undefined).map(({ key }) => key));
  return [...new Set(deadLetters.map(({ key }) => key).filter((key) => !parkedNow.has(key)))];
}

/** What PostgreSQL can keep as text. */
function withoutNul(text: string): string {
  return text.replaceAll('\0', '\u{FFFD}');
}

export function toCommitOutcome(commit: ProjectionCommit, [moved, held]: Row): CommitOutcome {
  if (moved === '1') return 'stored';
  return Number(held) < followedKeys(commit).length ? 'unparked' : 'lost';
}

/** What keeps a projection from going on. */
export function reportProjectionQuery(
  schema: SchemaName,
  lease: Lease,
  { state, error, attempts }: Pick<StoredProjection, 'state' | 'error' | 'attempts'>,
): Statement {
  const sql = `
    update :schema.projections p
    set state = $4, error = $5, attempts = $6
    where p.name = $1 and p.version = $2 and p.epoch = $3`;
  const { name, version, epoch } = lease;
  return {
    ...inSchema(schema, 'report_projection', sql),
    values: [name, version, epoch, state, error === undefined ? null : withoutNul(error), attempts],
  };
}

/** Pauses a projection or lets it go on; whoever works on it finds its epoch gone. */
export function pauseProjectionQuery(
  schema: SchemaName,
  { name, version }: ProjectionId,
  isPaused: boolean,
): Statement {
  const sql = `
    update :schema.projections p
    set
      is_paused = $3,
      epoch = p.epoch + case when p.is_paused = $3 then 0 else 1 end,
      owner = case when p.is_paused = $3 then p.owner end
    where p.name = $1 and p.version = $2
    returning 1`;
  return { ...inSchema(schema, 'pause_projection', sql), values: [name, version, isPaused] };
}

/** Empties a read model and lets its projection begin anew: in one transaction, and whoever works on it is refused from then on. */
export function resetProjectionQueries(schema: SchemaName, projection: ProjectionId): readonly Statement[] {
  const { name, version } = projection;
  const begin = `
    update :schema.projections p
    set
      position = 0, events = 0, epoch = p.epoch + 1, owner = null, expires_at = '-infinity', state = 'running',
      error = null, attempts = 0, moved_at = pg_catalog.clock_timestamp()
    where p.name = $1 and p.version = $2
    returning 1`;
  const unpark = 'delete from :schema.parked_keys k where k.name = $1 and k.version = $2';
  // The table first: a batch locks it before it waits for the checkpoint.
  return [
    { ...inSchema(schema, 'reset_documents', `truncate ${documentsTable(projection)}`), values: [] },
    { ...inSchema(schema, 'reset_projection', begin), values: [name, version] },
    { ...inSchema(schema, 'reset_parked', unpark), values: [name, version] },
  ];
}

/** All projections, by name and version. */
export function listProjectionsQuery(schema: SchemaName): Statement {
  const sql = `
    select
      p.name, p.version, p.position, p.epoch, p.events, p.error, p.attempts,
      (pg_catalog.date_part('epoch', p.moved_at) * 1000)::bigint,
      case when p.expires_at > pg_catalog.clock_timestamp() then p.owner end,
      case
        when p.is_paused then 'paused'
        when p.state <> 'faulted' and (p.owner is null or p.expires_at <= pg_catalog.clock_timestamp()) then 'stopped'
        else p.state
      end,
      (select count(*) from :schema.parked_keys k where k.name = p.name and k.version = p.version)
    from :schema.projections p
    order by p.name, p.version`;
  return { ...inSchema(schema, 'list_projections', sql), values: [] };
}

export function toStoredProjection(row: Row): StoredProjection {
  const [name, version, position, epoch, events, error, attempts, movedAt, owner, state, parkedKeys] = row;
  return {
    name: name ?? '',
    version: Number(version),
    position: Number(position),
    epoch: Number(epoch),
    events: Number(events),
    error: error ?? undefined,
    attempts: Number(attempts),
    movedAt: Number(movedAt),
    owner: owner ?? undefined,
    state: toState(state),
    parkedKeys: Number(parkedKeys),
  };
}

function toState(state: string | null | undefined): ProjectionState {
  switch (state) {
    case 'running':
    case 'retrying':
    case 'faulted':
    case 'paused':
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
