import type { CategoryInfo, CorrelatedQuery, TopStreamsQuery } from '../../core/index.ts';
import type { Row, Statement } from '../connection.ts';
import { inSchema, type SchemaName } from '../schema-name.ts';
import { EVENT_COLUMN } from './event-row.ts';
import { STREAM_COLUMNS } from './streams.ts';

/** Events that are looked at for the streams of the last ones. */
const TAIL = 10_000;

/** All categories, by name, from the table of streams. */
export function listCategoriesQuery(schema: SchemaName): Statement {
  const sql = `
    select s.category, count(*), sum(s.version), (pg_catalog.date_part('epoch', max(s.last_recorded_at)) * 1000)::bigint
    from :schema.streams s
    where s.version > 0
    group by s.category
    order by s.category`;
  return { ...inSchema(schema, 'list_categories', sql), values: [] };
}

/** A category from its row. */
export function toCategoryInfo([category, streams, events, lastRecordedAt]: Row): CategoryInfo {
  return {
    category: category ?? '',
    streams: Number(streams),
    events: Number(events),
    lastRecordedAt: new Date(Number(lastRecordedAt)),
  };
}

/** Streams with the most events. A category is a range of names: "." comes right after "-". */
export function longestStreamsQuery(schema: SchemaName, { category, limit }: TopStreamsQuery): Statement {
  const values: unknown[] = [limit];
  const range =
    category === undefined
      ? ''
      : `and s.stream_name >= $${values.push(`${category}-`)} and s.stream_name < $${values.push(`${category}.`)}`;
  const sql = `
    select ${STREAM_COLUMNS}
    from :schema.streams s
    where s.version > 0 ${range}
    order by s.version desc, s.stream_name
    limit $1`;
  return { ...inSchema(schema, 'longest_streams', sql), name: undefined, values };
}

/** Streams of the last events, from the end of an index: of the log, or of a category, where rows are compared as a whole as a page of the log does. */
export function recentStreamsQuery(schema: SchemaName, { category, limit }: TopStreamsQuery): Statement {
  const values: unknown[] = [limit];
  const tail =
    category === undefined
      ? 'order by e.global_position desc'
      : `where (e.category, e.global_position) > ($${values.push(category)}, 0)
        and (e.category, e.global_position) < ($2, ${Number.MAX_SAFE_INTEGER})
      order by e.category desc, e.global_position desc`;
  const sql = `
    with tail as (
      select e.stream_name, e.global_position
      from :schema.events e
      ${tail}
      limit ${TAIL}
    ),
    recent as (
      select t.stream_name, max(t.global_position) as position
      from tail t
      group by t.stream_name
      order by position desc
      limit $1
    )
    select ${STREAM_COLUMNS}
    from recent r
    join :schema.streams s on s.stream_name = r.stream_name
    order by r.position desc`;
  return { ...inSchema(schema, 'recent_streams', sql), name: undefined, values };
}

/**
 * Events whose metadata hold a text, of a part of the log. As text: taking JSON apart costs many times as much, and fails of what it
 * cannot say as text, such as \u0000.
 */
export function readCorrelatedQuery(schema: SchemaName, query: CorrelatedQuery): Statement {
  const sql = `
    select ${EVENT_COLUMN}
    from :schema.events e
    where e.global_position > $1
      and e.global_position <= $2
      and pg_catalog.strpos(e.metadata::text, $3) > 0
    order by e.global_position
    limit $4`;
  const { correlationId, after, upTo, limit } = query;
  return { ...inSchema(schema, 'read_correlated', sql), values: [after, upTo, JSON.stringify(correlationId), limit] };
}
