import type { Statement } from '../connection.ts';

/** Milliseconds that a transaction may say nothing while it keeps others waiting: whoever is frozen holds up nobody for longer. */
const LONGEST_HOLD = 5_000;

/** How long a transaction waits for locks that others hold, in milliseconds; others wait for {@link LONGEST_HOLD} for one that says no more. */
export function holdLimitsQuery({ lock }: { readonly lock: number }): Statement {
  const text = `
    select
      pg_catalog.set_config('lock_timeout', $1, true),
      pg_catalog.set_config('idle_in_transaction_session_timeout', $2, true)`;
  return { name: 'mink_hold_limits', text, values: [String(lock), String(LONGEST_HOLD)] };
}
