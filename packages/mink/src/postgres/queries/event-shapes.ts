import {
  MAX_SHAPES,
  REST_HASH,
  type ListShapesQuery,
  type NewShape,
  type RecordedShape,
  type Shape,
  type ShapeCount,
} from '../../core/index.ts';
import type { Row, Statement } from '../connection.ts';
import { inSchema, type SchemaName } from '../schema-name.ts';

/** One page of shapes. */
export function listShapesQuery(schema: SchemaName, query: ListShapesQuery): Statement {
  const { category, type, schemaVersion, after, limit } = query;
  const values: unknown[] = [limit];
  const conditions = ['true'];
  if (category !== undefined) conditions.push(`s.category = $${values.push(category)}`);
  if (type !== undefined) conditions.push(`s.type = $${values.push(type)}`);
  if (schemaVersion !== undefined) conditions.push(`s.schema_version = $${values.push(schemaVersion)}`);
  if (after !== undefined) {
    const from = [after.category, after.type, after.schemaVersion, after.hash].map((it) => `$${values.push(it)}`);
    conditions.push(`(s.category, s.type, s.schema_version, s.hash) > (${from.join(', ')})`);
  }
  const sql = `
    select
      s.category, s.type, s.schema_version, s.hash, s.shape::text,
      (pg_catalog.date_part('epoch', s.recorded_at) * 1000)::bigint, s.event_count, s.first_position, s.last_position
    from :schema.event_shapes s
    where ${conditions.join('\n      and ')}
    order by s.category, s.type, s.schema_version, s.hash
    limit $1`;
  return { ...inSchema(schema, 'list_shapes', sql), values };
}

/**
 * Records a shape where there is room for it. The one that takes in the rest is widened, unless it is another one by now;
 * whoever wants to know what has become of it reads it again.
 */
export function recordShapeQuery(schema: SchemaName, shape: NewShape): Statement {
  const sql = `
    insert into :schema.event_shapes as s (category, type, schema_version, hash, shape, recorded_at)
    select $1, $2, $3, $4, $5, pg_catalog.date_trunc('milliseconds', pg_catalog.clock_timestamp())
    where $4 = '${REST_HASH}'
      or $7
      or ${MAX_SHAPES} > (
        select count(*)
        from :schema.event_shapes o
        where o.category = $1 and o.type = $2 and o.schema_version = $3
      )
    on conflict (category, type, schema_version, hash) do update
    set shape = excluded.shape
    where s.hash = '${REST_HASH}' and s.shape::text = $6`;
  const { category, type, schemaVersion, hash, replaces, isOfTransaction = false } = shape;
  const previous = replaces === undefined ? null : JSON.stringify(replaces);
  const values = [category, type, schemaVersion, hash, JSON.stringify(shape.shape), previous, isOfTransaction];
  return { ...inSchema(schema, 'record_shape', sql), values };
}

/** Keeps what was counted, unless more was counted already: two scans at once do no harm. */
export function saveShapeCountsQuery(schema: SchemaName, counts: readonly ShapeCount[]): Statement {
  const sql = `
    update :schema.event_shapes s
    set
      event_count = greatest(s.event_count, c.event_count),
      first_position = least(s.first_position, c.first_position),
      last_position = greatest(s.last_position, c.last_position)
    from rows from (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::text[]), pg_catalog.unnest($3::int[]), pg_catalog.unnest($4::text[]), pg_catalog.unnest($5::bigint[]), pg_catalog.unnest($6::bigint[]), pg_catalog.unnest($7::bigint[]))
      as c (category, type, schema_version, hash, event_count, first_position, last_position)
    where s.category = c.category collate "C"
      and s.type = c.type collate "C"
      and s.schema_version = c.schema_version
      and s.hash = c.hash collate "C"`;
  const values = [
    counts.map(({ category }) => category),
    counts.map(({ type }) => type),
    counts.map(({ schemaVersion }) => schemaVersion),
    counts.map(({ hash }) => hash),
    counts.map(({ eventCount }) => eventCount),
    counts.map(({ firstPosition = null }) => firstPosition),
    counts.map(({ lastPosition = null }) => lastPosition),
  ];
  return { ...inSchema(schema, 'save_shape_counts', sql), values };
}

/** What was counted is to be counted anew. */
export function resetShapeCountsQuery(schema: SchemaName): Statement {
  const sql = `
    update :schema.event_shapes
    set event_count = 0, first_position = null, last_position = null
    where event_count > 0`;
  return { ...inSchema(schema, 'reset_shape_counts', sql), values: [] };
}

/** A shape from its row. */
export function toRecordedShape(row: Row): RecordedShape {
  const [category, type, schemaVersion, hash, shape, recordedAt, eventCount, firstPosition, lastPosition] = row;
  return {
    category: category ?? '',
    type: type ?? '',
    schemaVersion: Number(schemaVersion),
    hash: hash ?? '',
    shape: toShape(shape ?? '{}'),
    recordedAt: Number(recordedAt),
    eventCount: Number(eventCount),
    firstPosition: toPosition(firstPosition),
    lastPosition: toPosition(lastPosition),
  };
}

/** Written by this library, and by nobody else. */
function toShape(text: string): Shape {
  const shape: Shape = JSON.parse(text);
  return shape;
}

function toPosition(value: string | null | undefined): number | undefined {
  return value === null || value === undefined ? undefined : Number(value);
}
