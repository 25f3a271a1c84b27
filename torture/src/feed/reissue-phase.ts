import { appendByHand } from '../actors/append-by-hand.ts';
import { RARE_TYPE } from '../actors/event-types.ts';
import { MemoryReader } from '../actors/memory-reader.ts';
import { connect, disconnect, query } from '../cluster/sql.ts';
import { resolveUnknown } from '../actors/library-writer.ts';
import type { AttemptStart } from '../history.ts';
import { becomes, pause, TimeLimit } from '../waiting.ts';
import type { PhaseResult, Run } from './run.ts';
import { Stage } from './stage.ts';
import { REISSUED } from './summary.ts';

/** The server is killed within this many milliseconds of the rolled-back append. */
const WINDOW = 50;

/**
 * The crash that hands out positions a second time. An append is rolled back; nobody flushes that, and the server is killed a
 * moment later: it has forgotten the positions. Filtered readers in memory have been told to look past them by then; what is
 * appended there afterwards is below their old bound, and must not be passed over.
 *
 * Nobody else writes: every commit would flush what was rolled back before it.
 */
export async function reissuePhase(
  run: Run,
  { name, cycles }: { readonly name: string; readonly cycles: number },
): Promise<PhaseResult> {
  const stage = await Stage.open(run, name);
  try {
    const store = stage.openStore({ wakeUp: 'poll' });
    const reader = { store, pageSize: 10, random: stage.random.derive('reader') };
    stage.addReader(new MemoryReader({ ...reader, name: 'rare, in memory', interest: { types: [RARE_TYPE] } }));
    stage.addReader(new MemoryReader({ ...reader, name: 'wanted, in memory', interest: { categories: ['Wanted'] } }));
    stage.addReader(new MemoryReader({ ...reader, name: 'all, in memory' }));
    await append(stage);
    for (let cycle = 1; cycle <= cycles && !run.signal.aborted && !stage.hasFindings; cycle += 1) {
      const lost = await crash(stage);
      stage.count('kill server, reissue');
      if ((await append(stage)) <= lost) stage.count(REISSUED);
      await stage.check(`cycle ${cycle} (reissue)`);
    }
    return await stage.finish();
  } finally {
    await stage.close();
  }
}

/** The last position that was rolled back. */
async function crash(stage: Stage): Promise<number> {
  const { cluster, signal } = stage.run;
  // Everything that must happen within the window is prepared before it.
  const walWriter = await cluster.stopWalWriter();
  const pids = await cluster.processes();
  const client = await connect(stage.url);
  const start: AttemptStart = {
    id: `lost-${stage.random.uuid()}`,
    entries: [
      {
        streamName: 'Lost-1',
        expectedVersion: 'any',
        types: Array.from({ length: stage.random.int(50, 150) }, () => 'Opened'),
      },
    ],
    eventIds: undefined,
  };
  const eventIds = start.entries.flatMap(({ types }) => types.map(() => stage.random.uuid()));
  stage.history.begin(start);
  await query(client, 'begin');
  const outcome = await appendByHand(client, { ...start, eventIds }, { hold: 10_000, lock: 1_000 });
  await query(client, 'rollback');
  const rolledBackAt = performance.now();
  stage.history.settle(start.id, { status: 'refused', reason: 'rolled back' });
  // Followers look every 10 milliseconds.
  await pause(stage.random.int(25, 45));
  if (performance.now() - rolledBackAt < WINDOW) stage.count('within 50 ms');
  await cluster.killAll([...pids, walWriter]);
  await disconnect(client);
  await cluster.restart();
  await becomes(async () => (await stage.bound()).position > 0, { timeout: 30_000, signal });
  return outcome.status === 'acknowledged' ? (outcome.events.at(-1)?.position ?? 0) : 0;
}

/** One event that the filtered readers want. Returns where it is. */
async function append(stage: Stage): Promise<number> {
  const start: AttemptStart = {
    id: `wanted-${stage.random.uuid()}`,
    entries: [{ streamName: `Wanted-${stage.random.int(1, 3)}`, expectedVersion: 'any', types: [RARE_TYPE] }],
    eventIds: [stage.random.uuid()],
  };
  stage.history.begin(start);
  using limit = new TimeLimit(stage.run.signal, 30_000);
  const outcome = await resolveUnknown(start, stage.store, { recorder: stage.history, signal: limit.signal });
  return outcome.status === 'acknowledged' ? (outcome.events[0]?.position ?? Infinity) : Infinity;
}
