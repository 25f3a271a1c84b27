import type { Statement } from '../connection.ts';
import { inSchema, type SchemaName } from '../schema-name.ts';

/** The stream that holds a value of a unique set. */
export function findHolderQuery(schema: SchemaName, set: string, value: string): Statement {
  const sql = `
    select c.stream_name
    from :schema.claims c
    where c.set_name = $1 and c.value = $2 and c.is_held and c.stream_name is not null`;
  return { ...inSchema(schema, 'find_holder', sql), values: [set, value] };
}
