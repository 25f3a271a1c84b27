import { join } from 'node:path';
import { LAST_TYPE, RARE_TYPE } from '../actors/event-types.ts';
import { MemoryReader } from '../actors/memory-reader.ts';
import { sendSignal } from '../cluster/send-signal.ts';
import { Child } from '../processes/child.ts';
import { JournalReader } from '../processes/journal.ts';
import { becomes, pause } from '../waiting.ts';
import { startProcesses, type Processes } from './processes.ts';
import type { PhaseResult, Run } from './run.ts';
import { Stage } from './stage.ts';

/** Of the writers' connections and locks, in milliseconds: a frozen one sleeps longer. */
const TIMEOUT = 500;
/** How long the server lets a transaction hold readers, in milliseconds. */
const HOLD = 400;
/** How long readers may be held by a transaction that has that limit: a busy machine is not a finding. */
const MAX_HELD = 15_000;

const FREEZES = ['freeze holder', 'freeze writer', 'freeze reader', 'freeze backend'] as const;

/**
 * Processes that are stopped where they are, for longer than any time-out, and go on as if nothing had been: writers in the
 * middle of an append, readers, backends of the server, and a client that had just appended in a transaction of its own.
 */
export async function freezePhase(
  run: Run,
  { name, freezes }: { readonly name: string; readonly freezes: number },
): Promise<PhaseResult> {
  const stage = await Stage.open(run, name);
  try {
    const processes = await startProcesses(stage, { url: stage.url, timeout: TIMEOUT });
    const inMemory = { store: stage.openStore(), pageSize: 100 };
    stage.addReader(new MemoryReader({ ...inMemory, name: 'all, in memory', random: stage.random.derive('m1') }));
    const interest = { types: [RARE_TYPE, LAST_TYPE] };
    stage.addReader(
      new MemoryReader({ ...inMemory, name: 'rare, in memory', interest, random: stage.random.derive('m2') }),
    );
    for (let cycle = 1; cycle <= freezes && !run.signal.aborted && !stage.hasFindings; cycle += 1) {
      const kind = FREEZES[(cycle - 1) % FREEZES.length] ?? 'freeze holder';
      const when = `freeze ${cycle} (${kind})`;
      await stage.progress(stage.random.int(5, 40), when);
      await pause(stage.random.int(0, 30));
      await freeze(stage, processes, { kind, cycle, when });
      stage.count(kind);
      await stage.check(when);
    }
    return await stage.finish();
  } finally {
    await stage.close();
  }
}

async function freeze(
  stage: Stage,
  { writers, readers }: Processes,
  at: { readonly kind: (typeof FREEZES)[number]; readonly cycle: number; readonly when: string },
): Promise<void> {
  const { random } = stage;
  switch (at.kind) {
    case 'freeze holder':
      await freezeHolder(stage, at);
      return;
    case 'freeze writer': {
      const { child } = random.pick(writers);
      child.freeze();
      await pause(2 * TIMEOUT);
      // It holds nobody: everything is right while it sleeps.
      await stage.check(`${at.when}, while it is frozen`);
      child.thaw();
      return;
    }
    case 'freeze reader': {
      const { child } = random.pick(readers);
      child.freeze();
      await pause(2 * TIMEOUT);
      child.thaw();
      return;
    }
    case 'freeze backend':
      await freezeBackend(stage);
  }
}

/** The process that serves a connection, perhaps in the middle of an append: then readers are held, and nothing is lost. */
async function freezeBackend(stage: Stage): Promise<void> {
  const { cluster } = stage.run;
  const busy = await cluster.backends(stage.database, `state = 'active'`);
  const pids = busy.length > 0 ? busy : await cluster.backends(stage.database);
  const pid = pids[stage.random.int(0, pids.length - 1)];
  if (pid === undefined) throw new Error('nobody is connected to the database');
  sendSignal(pid, 'SIGSTOP');
  await pause(2 * TIMEOUT);
  sendSignal(pid, 'SIGCONT');
}

/** A client that was stopped behind its append, before its commit: the server ends its transaction, and readers go on. */
async function freezeHolder(stage: Stage, at: { readonly cycle: number; readonly when: string }): Promise<void> {
  const { url, directory, random, history, run } = stage;
  const name = `holder${at.cycle}`;
  const path = join(directory, `${name}.journal`);
  const journal = new JournalReader(path, history);
  const { seed } = random.derive(name);
  const child = new Child('holder', { name, url, seed, journal: path, hold: HOLD }, join(directory, `${name}.errors`));
  try {
    if (!(await child.hasSaid('held', 30_000))) throw new Error(`the holder ended: ${child.end ?? 'it hangs'}`);
    child.freeze();
    const { head } = await stage.bound();
    const isFree = async (): Promise<boolean> => (await stage.bound()).position >= head;
    const isPassed = await becomes(isFree, { timeout: MAX_HELD, signal: run.signal });
    if (!isPassed && !run.signal.aborted) {
      const message = `readers were held below ${head} for ${MAX_HELD} ms by a client that was frozen; its limit was ${HOLD} ms`;
      stage.report(at.when, [{ kind: 'stuck', position: head, message }]);
    }
    child.thaw();
    child.tell('commit');
    await becomes(() => !child.isRunning, { timeout: 30_000, signal: run.signal });
    await journal.refresh();
    await stage.resolve(`${name}-`, at.when);
  } finally {
    await child.kill();
  }
}
