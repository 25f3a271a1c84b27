import { createHash } from 'node:crypto';
import { InvalidArgumentError } from '../core/index.ts';

const MAX_LENGTH = 63;

/** The schema of a store, quoted once. */
export interface SchemaName {
  readonly name: string;
  /** As an identifier in SQL. */
  readonly quoted: string;
}

/** Checks a schema name and quotes it. Default: `mink`. */
export function schemaName(name = 'mink'): SchemaName {
  const problem = problemOf(name);
  if (problem !== undefined) throw new InvalidArgumentError('schema', `${JSON.stringify(name)} ${problem}`);
  return { name, quoted: `"${name.replaceAll('"', '""')}"` };
}

function problemOf(name: string): string | undefined {
  if (typeof name !== 'string' || name === '') return 'is empty';
  if (Buffer.byteLength(name) > MAX_LENGTH) return `is longer than ${MAX_LENGTH} bytes`;
  if (name.startsWith('pg_')) return 'begins with "pg_", which PostgreSQL keeps for itself';
  if (/[\p{Cc}'\\$%]/u.test(name))
    return 'contains a quote, a backslash, a dollar or percent sign, or a control character';
  return undefined;
}

/** Puts the schema into SQL, and names the statement after its text. */
export function inSchema(
  schema: SchemaName,
  label: string,
  sql: string,
): { readonly name: string; readonly text: string } {
  const text = sql.replaceAll(':schema', schema.quoted);
  return { name: `mink_${label}_${createHash('sha256').update(text).digest('hex').slice(0, 12)}`, text };
}
