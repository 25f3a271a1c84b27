import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checkCommands } from '../check/check-commands.ts';
import { checkHolders } from '../check/check-holders.ts';
import { checkLog } from '../check/check-log.ts';
import type { Finding } from '../check/finding.ts';
import { sendSignal } from '../cluster/send-signal.ts';
import { readLog } from '../cluster/read-log.ts';
import { retrySql, runSql } from '../cluster/sql.ts';
import type { PlacedFinding, Run } from '../feed/run.ts';
import type { Random } from '../random.ts';
import { becomes, pause } from '../waiting.ts';
import type { CommandHistory } from './answers.ts';
import { Dispatcher } from './dispatcher.ts';
import { NAIVE_TABLE } from './naive-idempotency.ts';
import { readClaims, readNamings, readResults } from './read-holders.ts';

/** Of each bag, every one comes; the bag is shuffled. The first are in any bag, however small the round. */
const BAG = [
  'kill sender',
  'kill backend',
  'kill server',
  'terminate backend',
  'kill sender',
  'terminate backend',
  'kill sender',
  'kill backend',
  'kill sender',
  'terminate backend',
] as const;

type Kill = (typeof BAG)[number];

/** Processes that dispatch commands. */
const PROCESSES = 3;

export interface RoundOptions {
  readonly name: string;
  readonly layers: 'library' | 'naive';
  /** How often something is killed. */
  readonly cycles: number;
}

/** What a round has done and found. */
export interface RoundResult {
  readonly layers: RoundOptions['layers'];
  readonly events: number;
  readonly commands: number;
  /** How often senders were told what. */
  readonly answers: Readonly<Record<string, number>>;
  readonly unanswered: number;
  readonly kills: Readonly<Record<string, number>>;
  readonly findings: readonly PlacedFinding[];
}

/**
 * Processes dispatch commands while one of them, a connection or the whole server is killed. In the end every command is sent
 * until it has its last word, then once more, and all that was told is held against what is stored.
 */
export async function commandRound(run: Run, options: RoundOptions): Promise<RoundResult> {
  const { name, layers } = options;
  const { cluster, signal } = run;
  const directory = join(run.directory, name);
  await mkdir(directory, { recursive: true });
  const database = name.replaceAll('-', '_');
  const url = await cluster.createDatabase(database);
  if (layers === 'naive') await runSql(url, NAIVE_TABLE);
  const random = run.random.derive(name);
  const dispatcher = new Dispatcher({ url, directory, layers, random, processes: PROCESSES });
  const ending = new AbortController();
  const working = dispatcher.run(ending.signal);
  const scene: Scene = { run, options, url, database, dispatcher, random, findings: [], kills: new Map() };
  try {
    await disturb(scene);
    await settle(scene);
    ending.abort();
    await working;
    await dispatcher.stop();
    const events = await judge(scene, directory);
    if (signal.aborted) scene.findings.length = 0;
    return toResult(scene, events);
  } finally {
    ending.abort();
    await working.catch(() => undefined);
    await dispatcher.kill();
    if (scene.findings.length === 0) await cluster.dropDatabase(database);
  }
}

interface Scene {
  readonly run: Run;
  readonly options: RoundOptions;
  readonly url: string;
  readonly database: string;
  readonly dispatcher: Dispatcher;
  readonly random: Random;
  readonly findings: PlacedFinding[];
  readonly kills: Map<string, number>;
}

function report({ options, findings }: Scene, when: string, found: readonly Finding[]): void {
  for (const finding of found) findings.push({ ...finding, phase: options.name, when });
}

/** Something is killed at any moment, again and again, as soon as there were some answers. */
async function disturb(scene: Scene): Promise<void> {
  const { run, options, random, dispatcher, kills } = scene;
  const bag: Kill[] = [];
  while (bag.length < options.cycles) {
    bag.push(...random.shuffle(BAG.slice(0, Math.min(options.cycles - bag.length, BAG.length))));
  }
  for (const [index, kill] of bag.entries()) {
    const when = `cycle ${index + 1} (${kill})`;
    const goal = dispatcher.answers + random.int(10, 80);
    const { patience: timeout, signal } = run;
    const hasMoved = await becomes(() => dispatcher.answers >= goal, { timeout, signal });
    if (signal.aborted) return;
    if (!hasMoved) report(scene, when, [{ kind: 'stuck', message: `there were no answers for ${timeout} ms` }]);
    if (scene.findings.length > 0) return;
    await pause(random.int(0, 40));
    await perform(scene, kill);
    kills.set(kill, (kills.get(kill) ?? 0) + 1);
  }
}

async function perform({ run: { cluster }, dispatcher, database, random }: Scene, kill: Kill): Promise<void> {
  switch (kill) {
    case 'kill sender':
      await dispatcher.killOne();
      return;
    case 'kill server':
      await cluster.kill();
      await cluster.restart();
      return;
    case 'kill backend':
    case 'terminate backend': {
      // Those at work first: there something is lost, or doubled.
      const busy = await cluster.backends(database, `state = 'active'`);
      const pids = busy.length > 0 ? busy : await cluster.backends(database);
      const pid = pids[random.int(0, pids.length - 1)];
      if (pid === undefined) return;
      // The first makes the server throw everybody out and recover.
      if (kill === 'kill backend') sendSignal(pid, 'SIGKILL');
      else await retrySql(cluster.url('postgres'), 'select pg_terminate_backend($1)', [pid]);
    }
  }
}

/** Every command has its last word, nothing of a process that was killed is under way, and all are sent once more. */
async function settle(scene: Scene): Promise<void> {
  const { run, dispatcher, database } = scene;
  const { patience, signal, cluster } = run;
  const isIdle = async (): Promise<boolean> => {
    return (await cluster.backends(database, `state <> 'idle' and pid <> pg_backend_pid()`)).length === 0;
  };
  const isSettled =
    (await dispatcher.settle(patience, signal)) &&
    (await becomes(isIdle, { timeout: patience, signal })) &&
    (await dispatcher.repeatAll(patience, signal));
  if (isSettled || signal.aborted) return;
  report(scene, 'end', [{ kind: 'stuck', message: `not every command had an answer after ${patience} ms` }]);
}

async function judge(scene: Scene, directory: string): Promise<number> {
  const { url, options, dispatcher } = scene;
  const commands = dispatcher.histories();
  const log = await readLog(url);
  const results = await readResults(url);
  const ofCommands = checkCommands({ commands, log, results });
  if (options.layers === 'naive') {
    // It is known to be wrong. What counts is in which commands that shows.
    report(
      scene,
      'end',
      ofCommands.filter(({ kind }) => kind === 'repeated'),
    );
    return log.length;
  }
  const [namings, claims] = [await readNamings(url), await readClaims(url)];
  report(scene, 'end', [...checkLog(log), ...ofCommands, ...checkHolders(namings, claims)]);
  report(
    scene,
    'end',
    dispatcher.unexpectedMessages().map((message) => ({ kind: 'unexpected', message })),
  );
  if (scene.findings.length > 0) {
    const files = { findings: scene.findings, commands, log, namings, claims, results: Object.fromEntries(results) };
    for (const [file, content] of Object.entries(files)) {
      await writeFile(join(directory, `${file}.json`), JSON.stringify(content, undefined, 1));
    }
  }
  return log.length;
}

function toResult({ options, dispatcher, kills, findings }: Scene, events: number): RoundResult {
  const commands = dispatcher.histories();
  return {
    layers: options.layers,
    events,
    commands: commands.length,
    answers: countAnswers(commands),
    unanswered: dispatcher.unanswered,
    kills: Object.fromEntries(kills),
    findings,
  };
}

function countAnswers(commands: readonly CommandHistory[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { status, isRepeat } of commands.flatMap(({ answers }) => answers)) {
    const name = isRepeat ? `${status} again` : status;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}
