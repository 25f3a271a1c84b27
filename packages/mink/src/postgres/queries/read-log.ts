import type { LogFilter, LogPageQuery } from '../../core/index.ts';
import type { Statement } from '../connection.ts';
import { inSchema, type SchemaName } from '../schema-name.ts';
import { EVENT_COLUMNS } from './event-row.ts';

/**
 * One page of the log. Categories, given or seen in the stream names, are read one by one from the index on (category,
 * position) and merged; the other conditions filter what that finds. Nothing is read beyond `upTo`.
 */
export function readLogQuery(schema: SchemaName, query: LogPageQuery): Statement {
  const { filter } = query;
  const order = query.direction === 'forwards' ? 'asc' : 'desc';
  const values: unknown[] = [query.after, query.upTo, query.limit];
  const categories = narrowCategories(filter);
  const source =
    categories === undefined ? ':schema.events x' : `unnest($${values.push(categories)}::text[]) c (category)`;
  const conditions = residualConditions(filter, values);
  const page = (from: string, condition: string): string => `
    select x.*
    from ${from}
    where x.global_position > $1
      and x.global_position <= $2
      ${[condition, ...conditions].join('\n      ')}
    order by x.global_position ${order}
    limit $3`;
  const events =
    categories === undefined
      ? `(${page(source, '')}) e`
      : `${source} cross join lateral (${page(':schema.events x', 'and x.category = c.category')}) e`;
  const sql = `
    select ${EVENT_COLUMNS}, (select :schema.incarnation_v1())
    from ${events}
    order by e.global_position ${order}
    limit $3`;
  return { ...inSchema(schema, 'read_log', sql), values };
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

function residualConditions({ types, streamNames, streamPrefixes }: LogFilter, values: unknown[]): readonly string[] {
  const conditions: string[] = [];
  if (types !== undefined) conditions.push(`and x.type = any ($${values.push(types)}::text[])`);
  if (streamNames !== undefined) conditions.push(`and x.stream_name = any ($${values.push(streamNames)}::text[])`);
  if (streamPrefixes !== undefined) {
    conditions.push(
      `and exists (select from unnest($${values.push(streamPrefixes)}::text[]) p (prefix) where starts_with(x.stream_name, p.prefix))`,
    );
  }
  return conditions;
}
