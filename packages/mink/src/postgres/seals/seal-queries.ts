import type { Row, Statement } from '../connection.ts';
import { inSchema, type SchemaName } from '../schema-name.ts';
import { MARK_LENGTH, type HashedEvent } from './seal-chain.ts';

/** A row of the table of seals. */
export interface StoredSeal {
  readonly number: number;
  readonly upTo: number;
  readonly events: number;
  /** ISO 8601. */
  readonly sealedAt: string;
  readonly root: Buffer;
  /** Undefined after a restore from a backup. */
  readonly entries: Buffer | undefined;
}

export function storeIdQuery(schema: SchemaName): Statement {
  return { ...inSchema(schema, 'store_id', 'select m.store_id from :schema.meta m'), values: [] };
}

/** To the microsecond, whatever the session's settings are. */
function time(column: string): string {
  return `pg_catalog.to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
}

function hash(text: string): string {
  return `pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(${text}, 'UTF8')), 'hex')`;
}

/**
 * Events with the SHA-256 of everything that is stored of them, as a JSON array in this order; payloads enter as hashes of their own,
 * so that an event whose payload was erased can be told from one that was changed. Never edited: every receipt depends on it.
 */
export function hashedEventsQuery(
  schema: SchemaName,
  { after, upTo, limit }: { readonly after: number; readonly upTo: number; readonly limit: number },
): Statement {
  const event = `
    pg_catalog.json_build_array(
      e.global_position, e.stream_name, e.stream_version, e.event_id, e.type, e.schema_version, e.category, e.partition_key,
      ${time('e.recorded_at')}, e.commit_id, e.commit_index, e.commit_size, e.tenant_id, e.encoding, ${time('e.erased_at')},
      ${hash('e.data::text')}, ${hash('e.metadata::text')}
    )::text`;
  const sql = `
    select e.global_position, e.stream_version, e.stream_name, ${hash(event)}
    from :schema.events e
    where e.global_position > $1 and e.global_position <= $2
    order by e.global_position
    limit $3`;
  return { ...inSchema(schema, 'hashed_events', sql), values: [after, upTo, limit] };
}

export function toHashedEvent([position, streamVersion, streamName, hex]: Row): HashedEvent {
  return {
    position: Number(position),
    streamVersion: Number(streamVersion),
    streamName: streamName ?? '',
    mark: (hex ?? '').slice(0, MARK_LENGTH),
    hash: Buffer.from(hex ?? '', 'hex'),
  };
}

const SEAL_COLUMNS = `
  s.number, s.up_to, s.events, ${time('s.sealed_at')}, pg_catalog.encode(s.root, 'hex'), pg_catalog.encode(s.entries, 'hex')`;

export function lastSealQuery(schema: SchemaName): Statement {
  const sql = `
    select ${SEAL_COLUMNS}
    from :schema.seals s
    order by s.number desc
    limit 1`;
  return { ...inSchema(schema, 'last_seal', sql), values: [] };
}

/** The first one behind a number. */
export function nextSealQuery(schema: SchemaName, number: number): Statement {
  const sql = `
    select ${SEAL_COLUMNS}
    from :schema.seals s
    where s.number > $1
    order by s.number
    limit 1`;
  return { ...inSchema(schema, 'next_seal', sql), values: [number] };
}

export function sealQuery(schema: SchemaName, number: number): Statement {
  const sql = `
    select ${SEAL_COLUMNS}
    from :schema.seals s
    where s.number = $1`;
  return { ...inSchema(schema, 'seal', sql), values: [number] };
}

/** The first one without entries behind a number. */
export function bareSealQuery(schema: SchemaName, after: number): Statement {
  const sql = `
    select ${SEAL_COLUMNS}
    from :schema.seals s
    where s.number > $1 and s.entries is null
    order by s.number
    limit 1`;
  return { ...inSchema(schema, 'bare_seal', sql), values: [after] };
}

export function completeSealQuery(schema: SchemaName, number: number, entries: Buffer): Statement {
  const sql = `
    update :schema.seals
    set entries = $2
    where number = $1 and entries is null`;
  return { ...inSchema(schema, 'complete_seal', sql), values: [number, entries] };
}

export function toSeal([number, upTo, events, sealedAt, root, entries]: Row): StoredSeal {
  return {
    number: Number(number),
    upTo: Number(upTo),
    events: Number(events),
    sealedAt: sealedAt ?? '',
    root: Buffer.from(root ?? '', 'hex'),
    entries: entries === null || entries === undefined ? undefined : Buffer.from(entries, 'hex'),
  };
}

/** Adds a seal, and gives back its number; nothing where somebody else has added it meanwhile. */
export function addSealQuery(
  schema: SchemaName,
  { number, upTo, events, root, entries }: Omit<StoredSeal, 'sealedAt'>,
): Statement {
  const sql = `
    insert into :schema.seals (number, up_to, events, root, entries)
    values ($1, $2, $3, $4, $5)
    on conflict do nothing
    returning number`;
  return { ...inSchema(schema, 'add_seal', sql), values: [number, upTo, events, root, entries] };
}

/** A receipt is worth what the commit of its seal is: that one is on the disk, and so is every event before it. */
export const FLUSHED = `
  select pg_catalog.set_config('synchronous_commit', 'on', true)
  where pg_catalog.current_setting('synchronous_commit') = 'off'`;
