import type { LogFilter, LogPageQuery } from '../../core/index.ts';
import type { Statement } from '../connection.ts';
import { inSchema, type SchemaName } from '../schema-name.ts';
import { EVENT_COLUMN } from './event-row.ts';

/** Most positions that one page is searched in: a search for something rare is many short statements, not a long one. */
const WINDOW = 50_000;

/**
 * The part of a query that one page answers: all of it where an index leads to every match, else a window at its
 * beginning.
 */
export function withinWindow(query: LogPageQuery): LogPageQuery {
  const { after, upTo, filter, direction } = query;
  const isIndexed =
    filter.types === undefined &&
    filter.streamNames === undefined &&
    filter.streamPrefixes === undefined &&
    filter.slots === undefined;
  if (isIndexed || upTo - after <= WINDOW) return query;
  return direction === 'forwards' ? { ...query, upTo: after + WINDOW } : { ...query, after: upTo - WINDOW };
}

/** The first event beyond a window, in the direction of the search: there may be nothing for a long way. */
export function nextPositionQuery(schema: SchemaName, { after, upTo, direction }: LogPageQuery): Statement {
  const isForwards = direction === 'forwards';
  const sql = `
    select ${isForwards ? 'pg_catalog.min' : 'pg_catalog.max'}(e.global_position)
    from :schema.events e
    where e.global_position > $1 and e.global_position <= $2`;
  return { ...inSchema(schema, 'next_position', sql), values: [after, upTo] };
}

/**
 * One page of the log. Categories, given or seen in the stream names, are read one by one from the index on (category,
 * position) and merged; the other conditions filter what that finds. Nothing is read beyond `upTo`.
 */
export function readLogQuery(schema: SchemaName, query: LogPageQuery): Statement {
  const order = query.direction === 'forwards' ? 'asc' : 'desc';
  const values: unknown[] = [query.after, query.upTo, query.limit];
  const sql = `
    select ${EVENT_COLUMN}, (select :schema.incarnation_v1())
    from ${logSource(query.filter, order, values)}
    order by e.global_position ${order}
    limit $3`;
  return { ...inSchema(schema, 'read_log', sql), values };
}

/** Where the events `e` of a page come from: after $1, up to $2, at most $3 in this order. Adds its own values. */
export function logSource(filter: LogFilter, order: 'asc' | 'desc', values: unknown[]): string {
  const categories = narrowCategories(filter);
  const conditions = residualConditions(filter, values);
  return categories === undefined
    ? wholeLog(conditions, order)
    : byCategory(`$${values.push(categories)}::text[]`, conditions, order);
}

function wholeLog(conditions: readonly string[], order: string): string {
  return `(
      select x.*
      from :schema.events x
      where ${['x.global_position > $1', 'x.global_position <= $2', ...conditions].join('\n        and ')}
      order by x.global_position ${order}
      limit $3
    ) e`;
}

/**
 * The rows are compared as a whole, category first, because only the index on both can serve that. Written as an
 * equality and a range, a generic plan may walk the primary key instead, past every event of every other category.
 */
function byCategory(categories: string, conditions: readonly string[], order: string): string {
  const range = [
    '(x.category, x.global_position) > (c.category, $1)',
    '(x.category, x.global_position) <= (c.category, $2)',
  ];
  return `pg_catalog.unnest(${categories}) c (category)
    cross join lateral (
      select x.*
      from :schema.events x
      where ${[...range, ...conditions].join('\n        and ')}
      order by x.category ${order}, x.global_position ${order}
      limit $3
    ) e`;
}

/** A stream name, and a prefix that reaches beyond the "-", name their category. */
function narrowCategories({ categories, streamNames, streamPrefixes }: LogFilter): readonly string[] | undefined {
  const fromNames = streamNames?.map(categoryIn);
  const fromPrefixes = streamPrefixes?.map(categoryIn);
  const lists = [categories, fromNames, fromPrefixes].filter(
    (list) => list?.every((item) => item !== undefined) ?? false,
  );
  const [first, ...rest] = lists.map((list) => new Set(list));
  if (first === undefined) return undefined;
  return [...first].flatMap((category) =>
    category !== undefined && rest.every((other) => other.has(category)) ? [category] : [],
  );
}

function categoryIn(name: string): string | undefined {
  const separator = name.indexOf('-');
  return separator === -1 ? undefined : name.slice(0, separator);
}

function residualConditions(
  { types, streamNames, streamPrefixes, slots }: LogFilter,
  values: unknown[],
): readonly string[] {
  const conditions: string[] = [];
  if (types !== undefined) conditions.push(`x.type = any ($${values.push(types)}::text[])`);
  if (streamNames !== undefined) conditions.push(`x.stream_name = any ($${values.push(streamNames)}::text[])`);
  if (streamPrefixes !== undefined) {
    conditions.push(
      `exists (select from pg_catalog.unnest($${values.push(streamPrefixes)}::text[]) p (prefix) where pg_catalog.starts_with(x.stream_name, p.prefix))`,
    );
  }
  if (slots !== undefined) {
    conditions.push(`x.partition_key >= $${values.push(slots.from)}`, `x.partition_key < $${values.push(slots.to)}`);
  }
  return conditions;
}
