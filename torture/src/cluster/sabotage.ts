import { runSql } from './sql.ts';

/** Ways to break the database on purpose, by suite. A run over a broken one must fail: that is what they are for. */
export const SABOTAGES = {
  feed: ['no-floor-lock', 'no-bound', 'one-incarnation'],
  commands: ['no-keys', 'no-claims'],
  projections: ['no-fence', 'no-parking', 'no-catch-up', 'one-too-far'],
} as const;

export type Sabotage = (typeof SABOTAGES)[keyof typeof SABOTAGES][number];
/** Those that break what workers and builders send, instead of functions of the schema. */
export type ProjectionSabotage = (typeof SABOTAGES)['projections'][number];
type FunctionSabotage = Exclude<Sabotage, ProjectionSabotage>;

export function isProjectionSabotage(sabotage: unknown): sabotage is ProjectionSabotage {
  return SABOTAGES.projections.some((known) => known === sabotage);
}

/** What each replaces in the functions of the schema, wherever it comes. */
const REPLACEMENTS: Readonly<Record<FunctionSabotage, { readonly pattern: RegExp; readonly replacement: string }>> = {
  // Writers announce no floor.
  'no-floor-lock': {
    pattern: /perform\s+(?:pg_catalog\.)?pg_advisory_xact_lock_shared\s*\([^;]*;/giu,
    replacement: 'null;',
  },
  // Readers look at no floor.
  'no-bound': { pattern: /least\(\s*head\s*,\s*lowest_floor\s*\)/giu, replacement: 'head' },
  // A crash is not noticed: positions that are handed out again are below the old bound.
  'one-incarnation': { pattern: /select\s+hashtext\(concat_ws\([\s\S]*\)\)/giu, replacement: 'select 1' },
  // Whoever comes later takes the key over.
  'no-keys': { pattern: /where k\.expires_at <= excluded\.recorded_at/gu, replacement: 'where true' },
  // Nobody's value is in the way.
  'no-claims': { pattern: /and \(c\.is_held or c\.is_forever\)/gu, replacement: 'and false' },
};

/** Breaks the schema `mink` of a database. Throws when there was nothing to break: then the run would prove nothing. */
export async function applySabotage(url: string, sabotage: Sabotage): Promise<void> {
  if (isProjectionSabotage(sabotage)) return;
  const { pattern, replacement } = REPLACEMENTS[sabotage];
  const functions = await runSql(
    url,
    `select pg_get_functiondef(p.oid)
    from pg_catalog.pg_proc p
    where p.pronamespace = 'mink'::regnamespace and p.prokind = 'f'`,
  );
  let broken = 0;
  for (const [definition] of functions) {
    const before = String(definition);
    const after = before.replaceAll(pattern, replacement);
    if (after === before) continue;
    await runSql(url, after);
    broken += 1;
  }
  if (broken === 0) throw new Error(`--sabotage ${sabotage} found nothing to break in the functions of the schema`);
}
