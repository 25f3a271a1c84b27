import { createHash } from 'node:crypto';
import { InvalidArgumentError } from '../core/index.ts';

const READ = '_read';
/** PostgreSQL cuts off names behind 63 bytes. */
const MAX_LENGTH = 63 - READ.length;

/** The schema of a store, quoted once. */
export interface SchemaName {
  readonly name: string;
  /** As an identifier in SQL. */
  readonly quoted: string;
  /** The schema of the read models, as an identifier in SQL. */
  readonly quotedRead: string;
}

/** Checks a schema name and quotes it. Default: `mink`. */
export function schemaName(name = 'mink'): SchemaName {
  const problem = problemOf(name);
  if (problem !== undefined) throw new InvalidArgumentError('schema', `${JSON.stringify(name)} ${problem}`);
  const escaped = name.replaceAll('"', '""');
  return { name, quoted: `"${escaped}"`, quotedRead: `"${escaped}${READ}"` };
}

function problemOf(name: string): string | undefined {
  if (typeof name !== 'string' || name === '') return 'is empty';
  if (Buffer.byteLength(name) > MAX_LENGTH) return `is longer than ${MAX_LENGTH} bytes`;
  if (name.startsWith('pg_')) return 'begins with "pg_", which PostgreSQL keeps for itself';
  if (/[\p{Cc}'\\$%]/u.test(name))
    return 'contains a quote, a backslash, a dollar or percent sign, or a control character';
  return undefined;
}

interface NamedText {
  readonly name: string;
  readonly text: string;
}

/** What was made for each schema: statements come in a few shapes, and a hash costs as much as sending a small one. */
const made = new WeakMap<SchemaName, Map<string, NamedText>>();

/** Puts the schema into SQL, and names the statement after its text. */
export function inSchema(schema: SchemaName, label: string, sql: string): NamedText {
  let statements = made.get(schema);
  if (statements === undefined) made.set(schema, (statements = new Map()));
  let statement = statements.get(sql);
  if (statement === undefined) {
    // At once: a name may read like one of the two.
    const text = sql.replaceAll(/:(?:read_)?schema/gu, (found) =>
      found === ':schema' ? schema.quoted : schema.quotedRead,
    );
    const name = `mink_${label}_${createHash('sha256').update(text).digest('hex').slice(0, 12)}`;
    statements.set(sql, (statement = { name, text }));
  }
  return statement;
}
