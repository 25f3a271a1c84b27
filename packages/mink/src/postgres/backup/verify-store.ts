import { createDatabase, type ConnectionOptions, type Row, type Session } from '../connection.ts';
import { inSchema, schemaName, type SchemaName } from '../schema-name.ts';
import type { SealFinding } from '../seals/compare-sealed.ts';
import { parseReceipt, type Receipt } from '../seals/seal-chain.ts';
import { verifySeals, type VerifiedSeals } from '../seals/verify-seals.ts';
import { compareBackup } from './compare-backup.ts';

/** Options of {@link verifyStore}. */
export interface VerifyStoreOptions extends ConnectionOptions {
  /** @defaultValue 'mink' */
  readonly schema?: string | undefined;
  /**
   * Whether the log is compared with what `sealStore` has kept of it.
   * @defaultValue false, and true where there are `receipts`
   */
  readonly seals?: boolean | undefined;
  /** What `sealStore` has given, `POSITION:ROOT`: they hold whatever was done to the database. */
  readonly receipts?: readonly string[] | undefined;
  /** Lines of a backup: every event in it must be in the log as it was. */
  readonly backup?: AsyncIterable<string> | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told before each check. */
  readonly onCheck?: ((check: string) => void) | undefined;
}

/** Something that is not as it must be. */
export interface StoreFinding {
  /**
   * Names the check: `version-gap`, `stream-counter`, `order`, `commit`, `partition`, `payload`, `sequence`, `checkpoint`, `snapshot`,
   * `result`, `claim`, `dead-letter`, `guard`, `seal`, `backup`.
   */
  readonly check: string;
  /** The stream, projection, trigger or sequence it is about. */
  readonly subject: string;
  readonly detail: string;
}

/** What a verification has found. */
export interface StoreVerification {
  readonly ok: boolean;
  readonly events: number;
  readonly streams: number;
  /** Up to where the log was compared with seals and receipts; undefined where it was not. */
  readonly sealedUpTo?: number | undefined;
  /** The first of each check, 20 at most. */
  readonly findings: readonly StoreFinding[];
}

interface Check {
  readonly name: string;
  /** Gives a subject and a detail for each finding. */
  readonly sql: string;
}

const MOST = 20;

/** Read models may follow the log of another store; not in a schema that is older than that. */
const OF_THIS_LOG = `exists (
          select from :schema.meta m where coalesce(pg_catalog.to_jsonb(m) ->> 'follows', m.store_id::text) = m.store_id::text
        )`;

const CHECKS: readonly Check[] = [
  {
    name: 'version-gap',
    sql: `
      select e.stream_name, pg_catalog.format('has %s events, the last of which is version %s', count(*), max(e.stream_version))
      from :schema.events e
      group by e.stream_name
      having count(*) <> max(e.stream_version) or min(e.stream_version) <> 1`,
  },
  {
    name: 'stream-counter',
    sql: `
      select
        coalesce(s.stream_name, e.stream_name),
        pg_catalog.format('counts %s events, and has %s', coalesce(s.version, 0), coalesce(e.version, 0))
      from (select t.stream_name, t.version from :schema.streams t where t.version > 0) s
      full join (
        select x.stream_name, max(x.stream_version) as version from :schema.events x group by x.stream_name
      ) e on e.stream_name = s.stream_name
      where s.version is distinct from e.version`,
  },
  {
    name: 'order',
    sql: `
      select o.stream_name, pg_catalog.format('version %s has a lower position, or an earlier time, than the one before it', o.stream_version)
      from (
        select
          e.stream_name, e.stream_version, e.global_position, e.recorded_at,
          lag(e.global_position) over w as position_before,
          lag(e.recorded_at) over w as recorded_before
        from :schema.events e
        window w as (partition by e.stream_name order by e.stream_version)
      ) o
      where o.global_position <= o.position_before or o.recorded_at < o.recorded_before`,
  },
  {
    name: 'commit',
    sql: `
      select pg_catalog.format('position %s', e.commit_id), pg_catalog.format('a commit of %s events has %s', max(e.commit_size), count(*))
      from :schema.events e
      group by e.commit_id
      having count(*) <> max(e.commit_size) or count(distinct e.commit_index) <> count(*)`,
  },
  {
    name: 'partition',
    sql: `
      select distinct e.stream_name, pg_catalog.format('is in partition %s, and has events in %s', s.partition_key, e.partition_key)
      from :schema.events e
      join :schema.streams s on s.stream_name = e.stream_name
      where e.partition_key <> s.partition_key or e.category <> s.category`,
  },
  {
    name: 'payload',
    sql: `
      select e.stream_name, pg_catalog.format('the metadata of version %s is no object', e.stream_version)
      from :schema.events e
      where pg_catalog.json_typeof(e.metadata) <> 'object'`,
  },
  {
    name: 'sequence',
    sql: `
      select 'global_position', pg_catalog.format('stands at %s, and the log ends at %s', q.last_value, l.position)
      from :schema.global_position q, (select coalesce(max(e.global_position), 0) as position from :schema.events e) l
      where case when q.is_called then q.last_value else 0 end < l.position`,
  },
  {
    name: 'checkpoint',
    sql: `
      select pg_catalog.format('%s version %s', p.name, p.version), pg_catalog.format('is at %s, beyond position %s', p.position, q.last_value)
      from :schema.projection_partitions p, :schema.global_position q
      where p.position > case when q.is_called then q.last_value else 0 end
        and ${OF_THIS_LOG}`,
  },
  {
    name: 'snapshot',
    sql: `
      select s.stream_name, pg_catalog.format('a snapshot is of version %s, beyond the end of its stream', s.stream_version)
      from :schema.snapshots s
      left join :schema.streams t on t.stream_name = s.stream_name
      where s.stream_version > coalesce(t.version, 0)`,
  },
  {
    name: 'result',
    sql: `
      select i.key, pg_catalog.format('is answered with an event at position %s, which is not in the log', p.position)
      from :schema.idempotency i, pg_catalog.unnest(i.positions) as p (position)
      where not exists (select from :schema.events e where e.global_position = p.position)`,
  },
  {
    name: 'claim',
    sql: `
      select c.stream_name, pg_catalog.format('holds "%s" of "%s", and has no events', c.value, c.set_name)
      from :schema.claims c
      where c.is_held and not exists (select from :schema.events e where e.stream_name = c.stream_name)`,
  },
  {
    name: 'dead-letter',
    sql: `
      select pg_catalog.format('%s version %s', d.name, d.version),
        pg_catalog.format('%s waits for position %s, which is not in the log', d.key, d.position)
      from :schema.dead_letters d
      where not exists (select from :schema.events e where e.global_position = d.position)
        and ${OF_THIS_LOG}`,
  },
  {
    name: 'guard',
    sql: `
      select g.name, 'is missing, or turned off: events could be changed'
      from (
        values ('refuse_change', 'events'), ('require_append', 'events'), ('refuse_truncate', 'streams'),
          ('refuse_delete', 'streams'), ('refuse_decrease', 'streams')
      ) g (name, relation)
      where not exists (
        select from pg_catalog.pg_trigger t
        join pg_catalog.pg_class c on c.oid = t.tgrelid
        join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where n.nspname = $1 and c.relname = g.relation and t.tgname = g.name and t.tgenabled = 'A'
      )`,
  },
];

/**
 * Looks at the whole log in one snapshot: gaps inside of streams, counters, orders, commits that are not whole, guards that are off, a
 * sequence that is behind; and at what refers to events that are not there: checkpoints, snapshots, results of commands, unique values,
 * dead letters. With `seals`, `receipts` or a `backup`, whether every event is what it was. Changes nothing, and keeps nobody waiting; reads every
 * event several times.
 *
 * @example
 * const { ok, findings } = await verifyStore({ url });
 */
export async function verifyStore(options: VerifyStoreOptions): Promise<StoreVerification> {
  const schema = schemaName(options.schema);
  const receipts = (options.receipts ?? []).map(parseReceipt);
  const database = createDatabase({ maxConnections: 1, ...options, wakeUp: 'poll' });
  try {
    return await database.withSession(async (session) => {
      await session.runScript('begin isolation level repeatable read read only');
      const findings: StoreFinding[] = [];
      for (const check of CHECKS) {
        options.signal?.throwIfAborted();
        options.onCheck?.(check.name);
        findings.push(...(await run(session, schema, check)));
      }
      const sealed = await readSealed(session, schema, { ...options, receipts });
      findings.push(...namedFindings('seal', sealed?.findings ?? []));
      if (options.backup !== undefined) {
        options.onCheck?.('backup');
        findings.push(...namedFindings('backup', await compareBackup(session, schema, options.backup)));
      }
      const [counts = []] = await session.run(countQuery(schema));
      await session.runScript('commit');
      const [events, streams] = counts.map(Number);
      const sealedUpTo = sealed && { sealedUpTo: sealed.upTo };
      return { ok: findings.length === 0, events: events ?? 0, streams: streams ?? 0, ...sealedUpTo, findings };
    });
  } finally {
    await database.close();
  }
}

/** Undefined where nobody asks for it. */
async function readSealed(
  session: Session,
  schema: SchemaName,
  {
    seals,
    receipts,
    signal,
    onCheck,
  }: Omit<VerifyStoreOptions, 'receipts'> & { readonly receipts: readonly Receipt[] },
): Promise<VerifiedSeals | undefined> {
  if (receipts.length === 0 && seals !== true) return undefined;
  onCheck?.('seal');
  const onProgress = ({ position }: { readonly position: number }): void => onCheck?.(`seal, position ${position}`);
  return verifySeals(session, schema, { receipts, signal, onProgress });
}

function namedFindings(check: string, findings: readonly SealFinding[]): readonly StoreFinding[] {
  return findings.slice(0, MOST).map(({ subject, detail }) => ({ check, subject, detail }));
}

async function run(session: Session, schema: SchemaName, { name, sql }: Check): Promise<readonly StoreFinding[]> {
  const values = sql.includes('$1') ? [schema.name] : [];
  const rows: readonly Row[] = await session.run({ ...inSchema(schema, 'verify', `${sql} limit ${MOST}`), values });
  return rows.map(([subject, detail]) => ({ check: name, subject: subject ?? '', detail: detail ?? '' }));
}

function countQuery(schema: SchemaName): ReturnType<typeof inSchema> & { readonly values: readonly unknown[] } {
  const sql = `
    select (select count(*) from :schema.events), (select count(*) from :schema.streams s where s.version > 0)`;
  return { ...inSchema(schema, 'verify_counts', sql), values: [] };
}
