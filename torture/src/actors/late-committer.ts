import type { Client } from 'pg';
import { connect, disconnect, query } from '../cluster/sql.ts';
import type { AttemptStart, Recorder } from '../history.ts';
import type { Random } from '../random.ts';
import { becomes, pause } from '../waiting.ts';
import { appendByHand } from './append-by-hand.ts';
import { describeError } from './library-writer.ts';

export interface LateCommitterOptions {
  readonly name: string;
  readonly url: string;
  readonly random: Random;
  readonly recorder: Recorder;
  /** How far the broken readers believe to have read. */
  readonly cursors: () => readonly number[];
}

/**
 * The interleaving that breaks readers, on purpose: one transaction takes its transaction id, a second draws positions, the
 * first draws higher ones and commits. Who goes by positions now passes those of the second; who waits for lower transaction
 * ids passes them, too. The second commits when the broken readers have gone by, or after two seconds.
 */
export async function lateCommitter(options: LateCommitterOptions, signal: AbortSignal): Promise<void> {
  const early = await connect(options.url);
  const late = await connect(options.url);
  try {
    for (let round = 1; !signal.aborted; round += 1) {
      try {
        await commitLate(options, { early, late, round }, signal);
      } catch (error) {
        options.recorder.unexpected(`the late committer: ${describeError(error)}`);
        return;
      }
      await pause(options.random.int(0, 50), signal);
    }
  } finally {
    await disconnect(early);
    await disconnect(late);
  }
}

async function commitLate(
  options: LateCommitterOptions,
  { early, late, round }: { readonly early: Client; readonly late: Client; readonly round: number },
  signal: AbortSignal,
): Promise<void> {
  const { recorder, cursors } = options;
  await query(early, 'begin');
  await query(early, 'select pg_current_xact_id()');
  await query(late, 'begin');
  const lower = await append(late, options, `late-${round}`);
  const higher = await append(early, options, `early-${round}`);
  await query(early, 'commit');
  recorder.settle(higher.start.id, higher.outcome);
  const passed = higher.outcome.status === 'acknowledged' ? (higher.outcome.events[0]?.position ?? 0) : 0;
  await becomes(() => cursors().every((cursor) => cursor >= passed), { timeout: 2_000, signal });
  await query(late, 'commit');
  recorder.settle(lower.start.id, lower.outcome);
}

async function append(client: Client, { name, random, recorder }: LateCommitterOptions, id: string) {
  const start: AttemptStart = {
    id: `${name}-${id}`,
    entries: [{ streamName: `Late-${name}-${id}`, expectedVersion: 'no_stream', types: ['Opened'] }],
    eventIds: [random.uuid()],
  };
  recorder.begin(start);
  return { start, outcome: await appendByHand(client, start, { hold: 10_000, lock: 5_000 }) };
}
