import { deepStrictEqual, ok, strictEqual } from 'node:assert';
import { Lost } from './append-functions.ts';
import { boundReader, countLosingReads } from './schedule-readers.ts';
import type { Plan } from './schedules.ts';
import type { Played } from './stage.ts';

/**
 * Checks what holds after every schedule, and returns how many events were committed. `versions` are those of the streams
 * before; they are brought up to date.
 */
export function checkPlayed(
  played: Played,
  plans: readonly Plan[],
  versions: Map<string, number>,
  why: string,
): number {
  const committed = played.observations.at(-1)?.visible ?? [];
  const positions = committed.map(({ position }) => position);
  let acknowledged = 0;
  for (const [writer, { end, events }] of plans.entries()) {
    const result = played.results[writer];
    if (result === undefined) throw new Error(`writer ${writer} has no result: ${why}`);
    if ('error' in result) {
      if (!(result.error instanceof Lost)) throw result.error;
    } else if (end === 'commit') {
      ok(positions.includes(result.position), `what was acknowledged is there: ${why}`);
      acknowledged += events ?? 1;
    }
  }
  strictEqual(committed.length, acknowledged, `nothing else is there: ${why}`);
  strictEqual(new Set(positions).size, acknowledged, `no position comes twice: ${why}`);
  for (const { streamName, streamVersion } of committed) {
    const version = (versions.get(streamName) ?? 0) + 1;
    strictEqual(streamVersion, version, `the log goes through the versions of ${streamName} one by one: ${why}`);
    versions.set(streamName, version);
  }
  deepStrictEqual(boundReader(played), committed, `a reader that follows reads every committed event once: ${why}`);
  const losing = countLosingReads(played, ['head', 'floor', 'page']);
  strictEqual(losing, 0, `no reader passes over an event, whenever it looks: ${why}`);
  return committed.length;
}
