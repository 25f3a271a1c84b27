import { LAST_TYPE, RARE_TYPE } from '../actors/event-types.ts';
import { appendByHand } from '../actors/append-by-hand.ts';
import { MemoryReader } from '../actors/memory-reader.ts';
import { sendSignal } from '../cluster/send-signal.ts';
import { connect, disconnect, query, retrySql } from '../cluster/sql.ts';
import type { AttemptStart, Outcome } from '../history.ts';
import { becomes, pause } from '../waiting.ts';
import { startProcesses, type Processes } from './processes.ts';
import type { PhaseResult, Run } from './run.ts';
import { Stage } from './stage.ts';

/** Of each bag, every one comes; the bag is shuffled. The first are in any bag, however small the run. */
const BAG = [
  'kill writer',
  'kill reader',
  'kill backend',
  'kill server',
  'kill server, prepared',
  'kill writer',
  'kill reader',
  'kill writer',
  'kill reader',
  'kill backend',
] as const;

type Kill = (typeof BAG)[number];

interface Scene extends Processes {
  readonly stage: Stage;
}

/** So many cycles: something is killed at any moment, comes back, and then everything must be right. */
export async function killPhase(
  run: Run,
  { name, cycles }: { readonly name: string; readonly cycles: number },
): Promise<PhaseResult> {
  const stage = await Stage.open(run, name);
  try {
    const scene = { stage, ...(await startProcesses(stage, { url: stage.url, timeout: 5_000 })) };
    startReaders(stage);
    const kills: Kill[] = [];
    while (kills.length < cycles) {
      const left = cycles - kills.length;
      kills.push(...stage.random.shuffle(BAG.slice(0, Math.min(left, BAG.length))));
    }
    for (const [index, kill] of kills.entries()) {
      if (run.signal.aborted) break;
      const when = `cycle ${index + 1} (${kill})`;
      await stage.progress(stage.random.int(5, 60), when);
      await pause(stage.random.int(0, 60));
      await perform(scene, kill, when);
      stage.count(kill);
      await stage.check(when);
      if (stage.hasFindings) break;
    }
    return await stage.finish();
  } finally {
    await stage.close();
  }
}

/** In this process, over all crashes. */
function startReaders(stage: Stage): void {
  const { random } = stage;
  const store = stage.openStore();
  const inMemory = { store, pageSize: 100 };
  stage.addReader(new MemoryReader({ ...inMemory, name: 'all, in memory', random: random.derive('m1') }));
  const rare = { types: [RARE_TYPE, LAST_TYPE] };
  stage.addReader(
    new MemoryReader({ ...inMemory, name: 'rare, in memory', interest: rare, random: random.derive('m2') }),
  );
  const hot = { categories: ['Hot'] };
  stage.addReader(
    new MemoryReader({ ...inMemory, name: 'hot, in memory', interest: hot, random: random.derive('m3') }),
  );
}

async function perform(scene: Scene, kill: Kill, when: string): Promise<void> {
  const { stage, writers, readers } = scene;
  const { random, run } = stage;
  switch (kill) {
    case 'kill writer': {
      const writer = random.pick(writers);
      const { life } = writer;
      await writer.restart();
      await stage.resolve(life, when);
      return;
    }
    case 'kill reader':
      await random.pick(readers).restart();
      return;
    case 'kill backend':
      await killBackend(stage);
      return;
    case 'kill server':
      await run.cluster.kill();
      await run.cluster.restart();
      return;
    case 'kill server, prepared':
      await killBesidePrepared(stage, when);
  }
}

/** The postmaster survives, ends everybody else, and starts anew: the incarnation changes. */
async function killBackend(stage: Stage): Promise<void> {
  const { cluster, signal } = stage.run;
  const { incarnation } = await stage.bound();
  const pids = await cluster.backends(stage.database);
  const victim = pids[stage.random.int(0, pids.length - 1)];
  if (victim === undefined) throw new Error('nobody is connected to the database');
  sendSignal(victim, 'SIGKILL');
  await becomes(async () => (await stage.bound()).incarnation !== incarnation, { timeout: 30_000, signal });
}

/** An append that was prepared before the crash is still open after it, and holds readers until it is ended. */
async function killBesidePrepared(stage: Stage, when: string): Promise<void> {
  const { cluster } = stage.run;
  const name = `${stage.name} ${stage.random.uuid()}`;
  const { start, outcome } = await prepare(stage, name);
  const position = outcome.status === 'acknowledged' ? (outcome.events[0]?.position ?? 0) : 0;
  await cluster.kill();
  await cluster.restart();
  const bound = await stage.bound();
  if (bound.position >= position) {
    const message = `the bound is ${bound.position} after the restart, though position ${position} is prepared and not ended`;
    stage.report(when, [{ kind: 'lost', position, attempt: start.id, message }]);
  }
  const commits = stage.random.chance(0.6);
  await stage.check(`${when}, before the prepared append ends`);
  await retrySql(stage.url, `${commits ? 'commit' : 'rollback'} prepared '${name}'`);
  stage.history.settle(start.id, commits ? outcome : { status: 'refused', reason: 'rolled back when prepared' });
}

async function prepare(
  stage: Stage,
  name: string,
): Promise<{ readonly start: AttemptStart; readonly outcome: Outcome }> {
  const client = await connect(stage.url);
  try {
    const id = `prepared-${stage.random.uuid()}`;
    const start: AttemptStart = {
      id,
      entries: [{ streamName: `Prepared-${id}`, expectedVersion: 'no_stream', types: ['Opened', RARE_TYPE] }],
      eventIds: [stage.random.uuid(), stage.random.uuid()],
    };
    stage.history.begin(start);
    await query(client, 'begin');
    const outcome = await appendByHand(client, start, { hold: 10_000, lock: 5_000 });
    await query(client, `prepare transaction '${name}'`);
    return { start, outcome };
  } finally {
    await disconnect(client);
  }
}
