import { connect, disconnect, query } from '../cluster/sql.ts';
import type { Random } from '../random.ts';
import { pause } from '../waiting.ts';

/**
 * A transaction that has written something else and then sits there, again and again. It must hold nobody; it does hold
 * every reader that waits for transaction ids, also from another database.
 */
export async function idleWriter(
  { url, random, maxHold }: { readonly url: string; readonly random: Random; readonly maxHold: number },
  signal: AbortSignal,
): Promise<void> {
  const client = await connect(url);
  try {
    await query(client, 'create table if not exists bystander (id bigint)');
    while (!signal.aborted) {
      await query(client, 'begin');
      await query(client, 'insert into bystander values (1)');
      await pause(random.int(0, maxHold), signal);
      await query(client, random.chance(0.5) ? 'commit' : 'rollback');
      // Longer than it holds: the control that waits for transaction ids must get on, to lose something.
      await pause(random.int(maxHold, 3 * maxHold), signal);
    }
  } finally {
    await disconnect(client);
  }
}
