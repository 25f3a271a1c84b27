import type { Statement } from '../connection.ts';
import { inSchema, type SchemaName } from '../schema-name.ts';
import type { EncodedCommand } from './encode-command.ts';

/**
 * The call of an append function whose last argument is `:lock`. With an epoch, evaluating that argument tells the guard of the
 * log, before the function runs, which inline projections this append applies.
 */
export function appendStatement(
  schema: SchemaName,
  label: string,
  sql: string,
): (values: readonly unknown[], epoch: number | undefined) => Statement {
  const last = sql.match(/\$\d+/gu)?.length ?? 0;
  const lock = `$${last + 1}::int`;
  const told = `(
      select ${lock}
      from pg_catalog.set_config('mink.inline_' || :schema.floor_namespace(), $${last + 2}::text, true)
    )`;
  const plain = inSchema(
    schema,
    label,
    sql.replace(':lock', () => lock),
  );
  const telling = inSchema(
    schema,
    `${label}_inline`,
    sql.replace(':lock', () => told),
  );
  return (values, epoch) =>
    epoch === undefined
      ? { name: plain.name, text: plain.text, values }
      : { name: telling.name, text: telling.text, values: [...values, String(epoch)] };
}

/** The set of inline projections that the commands of one call were made for; undefined where they know none. */
export function epochOf(commands: readonly EncodedCommand[]): number | undefined {
  return commands[0]?.command.inline?.epoch;
}
