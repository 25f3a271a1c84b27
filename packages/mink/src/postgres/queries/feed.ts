import type { FeedBound } from '../../core/index.ts';
import type { Row, Statement } from '../connection.ts';
import { inSchema, type SchemaName } from '../schema-name.ts';
import { EVENT_COLUMN } from './event-row.ts';
import { toTimestamp } from './timestamp.ts';

/** How far the log can be read: the one place where anybody learns it. */
export function feedBoundQuery(schema: SchemaName): Statement {
  return {
    ...inSchema(schema, 'feed_bound', 'select bound, head, incarnation from :schema.feed_bound_v1()'),
    values: [],
  };
}

/** A bound from its row. */
export function toFeedBound([bound, head, incarnation]: Row): FeedBound {
  return { position: Number(bound), head: Number(head), incarnation: String(incarnation) };
}

/** The last position before the first event that was recorded after `time`. */
export function positionAtQuery(schema: SchemaName, time: Date, upTo: number): Statement {
  return {
    ...inSchema(schema, 'position_at', 'select :schema.position_at_v1($1::timestamptz, $2::bigint)'),
    values: [toTimestamp(time.getTime()), upTo],
  };
}

/** Events by position, in the order of `positions`: the first result of a repeated append. */
export function eventsAtQuery(schema: SchemaName, positions: readonly number[]): Statement {
  const sql = `
    select ${EVENT_COLUMN}
    from pg_catalog.unnest($1::bigint[]) with ordinality as p (position, nr)
    join :schema.events e on e.global_position = p.position
    order by p.nr`;
  return { ...inSchema(schema, 'events_at', sql), values: [positions] };
}
