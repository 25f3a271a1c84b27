import type { BatchEnd, CommitOutcome, ProjectionId, RowWrite, TableSpec } from '../../core/index.ts';
import type { Row, Statement } from '../connection.ts';
import { inSchema, type SchemaName } from '../schema-name.ts';
import { columnValues, keyColumn } from './projection-rows.ts';
import { arrayType, quoted, tableOf } from './read-model-tables.ts';

/** The rows that a batch writes, and where to. */
export interface TableWrites {
  readonly table: TableSpec;
  readonly writes: readonly RowWrite[];
}

/** Collects the parameters of a statement. */
class Values {
  readonly all: unknown[] = [];

  /** Its placeholder. */
  add(value: unknown): string {
    return `$${this.all.push(value)}`;
  }
}

/**
 * A batch and its checkpoint in one statement. The checkpoint moves only from where the lease says, in its epoch, and only if
 * the keys that further events wait for are still parked; where it does not, nothing else happens. There is no transaction
 * that a frozen process could leave open.
 *
 * Made of what the batch has: most have no dead letters, and many remove nothing.
 */
export function commitProjectionQuery(schema: SchemaName, batch: BatchEnd, rows: TableWrites | undefined): Statement {
  const values = new Values();
  const { lease, to, events, duration } = batch;
  const id = { name: values.add(lease.name), version: values.add(lease.version) };
  const position = values.add(to);
  const followed = values.add(followedKeys(batch));
  const parts = [
    `held as (
      select k.key
      from :schema.parked_keys k
      where k.name = ${id.name} and k.version = ${id.version} and k.key = any (${followed}::text[])
      order by k.key
      for share
    )`,
    `moved as (
      update :schema.projection_partitions p
      set
        position = ${position},
        events = p.events + ${values.add(events)},
        faulted_by = '{}',
        moved_at = pg_catalog.clock_timestamp(),
        expires_at = pg_catalog.clock_timestamp() + ${values.add(duration)} * interval '1 millisecond',
        -- Whatever was said to keep it, does so no more.
        state = 'working',
        error = null,
        attempts = 0
      where p.name = ${id.name}
        and p.version = ${id.version}
        and p.from_slot = ${values.add(lease.partition.from)}
        and p.to_slot = ${values.add(lease.partition.to)}
        and p.epoch = ${values.add(lease.epoch)}
        and p.position = ${values.add(lease.position)}
        and (select count(*) from held) = pg_catalog.cardinality(${followed}::text[])
      returning p.from_slot
    )`,
    ...digestPart(values, id, batch),
    ...(rows === undefined ? [] : rowParts(values, lease, { ...rows, batch, id })),
    ...letterParts(values, id, batch),
  ];
  const sql = `
    with ${parts.join(',\n    ')}
    select (select count(*) from moved), (select count(*) from held)`;
  return { ...inSchema(schema, 'commit_projection', sql), values: values.all };
}

/** Whether events of a key were given up: its row lacks them, whatever comes after them. */
export function wasDiscarded({ name, version }: Placeholders, key: string): string {
  return `exists (
        select
        from :schema.discarded_letters x
        where x.name = ${name} and x.version = ${version} and x.key = ${key} and not x.is_outdated
      )`;
}

interface Placeholders {
  readonly name: string;
  readonly version: string;
}

function digestPart(values: Values, { name, version }: Placeholders, { digests }: BatchEnd): readonly string[] {
  if (digests.length === 0) return [];
  const arrays = [
    `pg_catalog.unnest(${values.add(digests.map(({ bucket }) => bucket))}::int[])`,
    `pg_catalog.unnest(${values.add(digests.map(({ count }) => count))}::bigint[])`,
    `pg_catalog.unnest(${values.add(digests.map(({ low }) => low))}::bigint[])`,
    `pg_catalog.unnest(${values.add(digests.map(({ high }) => high))}::bigint[])`,
  ];
  return [
    `summed as (
      insert into :schema.projection_digests as d (name, version, from_slot, bucket, count, low, high)
      select ${name}, ${version}, m.from_slot, s.bucket, s.count, s.low, s.high
      from moved m, rows from (${arrays.join(', ')}) s (bucket, count, low, high)
      on conflict (name, version, from_slot, bucket) do update
      set
        count = d.count + excluded.count,
        low = (d.low + excluded.low) % 4294967296,
        high = (d.high + excluded.high) % 4294967296
    )`,
  ];
}

function rowParts(
  values: Values,
  projection: ProjectionId,
  of: TableWrites & { readonly batch: BatchEnd; readonly id: Placeholders },
): readonly string[] {
  const { table, writes, batch, id } = of;
  const name = tableOf(projection, table);
  const key = keyColumn(table);
  const kept = writes.flatMap(({ row, position }) => (row === null ? [] : [{ row, position }]));
  const rows = kept.map(({ row }) => row);
  const removed = writes.filter(({ row }) => row === null).map((write) => write.key);
  const failed = failedKeys(batch);
  const parts: string[] = [];
  if (kept.length > 0) {
    const columns = table.columns.map((column) => quoted(column.name));
    const arrays = table.columns.map((column) => {
      return `pg_catalog.unnest(${values.add(columnValues(column, rows))}::${arrayType(column.type)})`;
    });
    arrays.push(`pg_catalog.unnest(${values.add(kept.map((write) => write.position))}::bigint[])`);
    const set = [...columns.filter((column) => column !== key), 'mink_position', 'mink_is_stale'];
    const hasFailed = failed.length === 0 ? '' : `w.${key} = any (${values.add(failed)}::text[]) or `;
    const isStale = `${hasFailed}${wasDiscarded(id, `w.${key}`)}`;
    parts.push(`written as (
      insert into ${name} (${columns.join(', ')}, mink_position, mink_is_stale)
      select ${columns.map((column) => `w.${column}`).join(', ')}, w.mink_position, ${isStale}
      from moved, rows from (${arrays.join(', ')}) w (${columns.join(', ')}, mink_position)
      on conflict (${key}) do update
      set ${set.map((column) => `${column} = excluded.${column}`).join(', ')}
    )`);
  }
  if (removed.length > 0) {
    parts.push(`removed as (
      delete from ${name} t
      using moved, pg_catalog.unnest(${values.add(removed)}::text[]) r (key)
      where t.${key} = r.key collate "C"
    )`);
  }
  const outdated = failed.filter((failedKey) => !writes.some((write) => write.key === failedKey));
  if (outdated.length > 0) {
    parts.push(`outdated as (
      update ${name} t
      set mink_is_stale = true
      from moved, pg_catalog.unnest(${values.add(outdated)}::text[]) k (key)
      where t.${key} = k.key collate "C"
    )`);
  }
  return parts;
}

function letterParts(values: Values, { name, version }: Placeholders, { deadLetters }: BatchEnd): readonly string[] {
  if (deadLetters.length === 0) return [];
  const failed = deadLetters.filter(({ error }) => error !== undefined);
  const parked = [
    `pg_catalog.unnest(${values.add(failed.map(({ key }) => key))}::text[])`,
    `pg_catalog.unnest(${values.add(failed.map(({ error }) => withoutNul(error ?? '')))}::text[])`,
    `pg_catalog.unnest(${values.add(failed.map(({ attempts }) => attempts))}::int[])`,
  ];
  const letters = [
    `pg_catalog.unnest(${values.add(deadLetters.map(({ key }) => key))}::text[])`,
    `pg_catalog.unnest(${values.add(deadLetters.map(({ position }) => position))}::bigint[])`,
  ];
  return [
    `parked as (
      insert into :schema.parked_keys (name, version, key, error, attempts, first_failed_at, last_failed_at)
      select ${name}, ${version}, k.key, k.error, k.attempts, pg_catalog.clock_timestamp(), pg_catalog.clock_timestamp()
      from moved, rows from (${parked.join(', ')}) k (key, error, attempts)
    )`,
    `letters as (
      insert into :schema.dead_letters (name, version, key, position)
      select ${name}, ${version}, l.key, l.position
      from moved, rows from (${letters.join(', ')}) l (key, position)
    )`,
  ];
}

function failedKeys({ deadLetters }: BatchEnd): readonly string[] {
  return deadLetters.filter(({ error }) => error !== undefined).map(({ key }) => key);
}

/** Keys that were parked before this batch, and of which it has further events. */
function followedKeys(batch: BatchEnd): readonly string[] {
  const parkedNow = new Set(failedKeys(batch));
  return [...new Set(batch.deadLetters.map(({ key }) => key).filter((key) => !parkedNow.has(key)))];
}

/** What PostgreSQL can keep as text. */
export function withoutNul(text: string): string {
  return text.replaceAll('\0', '\u{FFFD}');
}

export function toCommitOutcome(batch: BatchEnd, [moved, held]: Row): CommitOutcome {
  if (moved === '1') return 'stored';
  return Number(held) < followedKeys(batch).length ? 'unparked' : 'lost';
}
