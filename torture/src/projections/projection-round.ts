import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checkTallies } from '../check/check-projections.ts';
import type { Finding } from '../check/finding.ts';
import { FaultProxy } from '../cluster/fault-proxy.ts';
import type { ProjectionSabotage } from '../cluster/sabotage.ts';
import { retrySql, runSql } from '../cluster/sql.ts';
import type { PlacedFinding, Run } from '../feed/run.ts';
import type { Random } from '../random.ts';
import { becomes, pause } from '../waiting.ts';
import { Builders } from './builders.ts';
import { disturbances, TELLING, type Disturbance } from './disturbances.ts';
import { HappeningWriter } from './happening-writer.ts';
import { lostByNaive, NAIVE_TABLES } from './naive-projector.ts';
import { NameReaders } from './name-readers.ts';
import { Operator, readFacts } from './operator.ts';
import { ProjectorGroup } from './projector-group.ts';
import { VersionChanges } from './version-changes.ts';

/** Of the workers, in milliseconds. */
const LEASE = 500;
/** Above every trouble. */
const CURED = 1_000;

export interface RoundOptions {
  readonly name: string;
  /** How often something is disturbed. */
  readonly cycles: number;
  /** Where there are few, projections stand still until somebody makes room. */
  readonly maxParkedKeys: number;
  readonly sabotage: ProjectionSabotage | undefined;
}

/** What a round has done and found. */
export interface RoundResult {
  readonly events: number;
  readonly disturbances: Readonly<Record<string, number>>;
  /** What was done about versions, and how often whoever did it was interrupted. */
  readonly versions: Readonly<Record<string, number>>;
  /** Events that were parked when all was quiet for the first time, and those that were given up. */
  readonly parked: number;
  readonly discarded: number;
  readonly controlLost: number;
  readonly hasBroken: boolean;
  readonly findings: readonly PlacedFinding[];
}

/** What everybody in a round works with. */
export interface Scene {
  readonly run: Run;
  readonly options: RoundOptions;
  readonly url: string;
  readonly database: string;
  readonly random: Random;
  readonly writer: HappeningWriter;
  readonly group: ProjectorGroup;
  readonly operator: Operator;
  readonly builders: Builders;
  readonly changes: VersionChanges;
  readonly findings: PlacedFinding[];
  readonly done: Map<string, number>;
}

/**
 * A few processes keep projections up to date while events are appended, handlers fail, and processes, connections and the server
 * are killed or frozen. Then all is let come to rest, twice: with what is parked, and when everything is cured and was retried.
 */
export async function projectionRound(run: Run, options: RoundOptions): Promise<RoundResult> {
  const { cluster } = run;
  const directory = join(run.directory, options.name);
  await mkdir(directory, { recursive: true });
  const database = options.name.replaceAll('-', '_');
  const url = await cluster.createDatabase(database);
  await runSql(url, NAIVE_TABLES);
  const random = run.random.derive(options.name);
  const proxy = await FaultProxy.start({ targetPort: cluster.port, random: random.derive('network') });
  const group = startGroup(random, { ...options, directory, near: url, far: cluster.url(database, proxy.port) });
  const operator = new Operator(url);
  const writer = new HappeningWriter(url, random.derive('writer'));
  const ending = new AbortController();
  const writing = writer.run(ending.signal);
  const { maxParkedKeys, sabotage } = options;
  const builders = new Builders({ url, directory, lease: LEASE, maxParkedKeys, sabotage });
  const changes = new VersionChanges(builders, new NameReaders(url));
  const actors = { writer, group, operator, builders, changes };
  const scene: Scene = { run, options, url, database, random, ...actors, findings: [], done: new Map() };
  try {
    await disturb(scene);
    ending.abort();
    await writing;
    proxy.heal();
    const result = await judge(scene, directory);
    if (run.signal.aborted) scene.findings.length = 0;
    return result;
  } finally {
    ending.abort();
    await writing;
    await Promise.all([group.killAll(), builders.killAll()]);
    await operator.close();
    await proxy.stop();
    if (scene.findings.length === 0) await cluster.dropDatabase(database);
  }
}

/** One to four processes, the second of them over a bad network. */
function startGroup(
  random: Random,
  of: RoundOptions & { readonly directory: string; readonly near: string; readonly far: string },
): ProjectorGroup {
  const { near, far, directory, maxParkedKeys, sabotage } = of;
  const urls = Array.from({ length: random.int(1, 4) }, (_, index) => (index === 1 ? far : near));
  // Of builders alone: then it is their work that shows it.
  const own = sabotage === undefined || TELLING[sabotage] !== undefined ? undefined : sabotage;
  const group = { urls, directory, random: random.derive('group'), lease: LEASE, maxParkedKeys };
  return new ProjectorGroup({ ...group, sabotage: own });
}

function report({ options, findings }: Scene, when: string, found: readonly Finding[]): void {
  for (const finding of found) findings.push({ ...finding, phase: options.name, when });
}

/** Whatever can be done is done, in any order, as soon as some more was appended. */
async function disturb(scene: Scene): Promise<void> {
  const { run, options, random, writer, done } = scene;
  const all = Object.keys(disturbances).filter((name): name is Disturbance => Object.hasOwn(disturbances, name));
  const names = (options.sabotage === undefined ? undefined : TELLING[options.sabotage]) ?? all;
  const bag: Disturbance[] = [];
  while (bag.length < options.cycles) bag.push(...random.shuffle(names));
  for (const [index, what] of bag.slice(0, options.cycles).entries()) {
    const goal = writer.appended + random.int(5, 25);
    const { patience: timeout, signal } = run;
    const hasMoved = await becomes(() => writer.appended >= goal, { timeout, signal });
    if (signal.aborted) return;
    if (!hasMoved) throw new Error(`nothing could be appended for ${timeout} ms, at cycle ${index + 1}`);
    await pause(random.int(0, 40));
    await disturbances[what](scene);
    done.set(what, (done.get(what) ?? 0) + 1);
    report(scene, `cycle ${index + 1} (${what})`, unexpected(scene));
    if (scene.findings.length > 0) return;
  }
}

function unexpected({ group, operator, changes }: Scene): readonly Finding[] {
  return [
    ...changes.findings.splice(0),
    ...operator.unexpected.splice(0).map((message): Finding => ({ kind: 'unexpected', message })),
    ...group
      .endedByThemselves()
      .map((message): Finding => ({ kind: 'unexpected', message: `a worker ended by itself, ${message}` })),
  ];
}

async function judge(scene: Scene, directory: string): Promise<RoundResult> {
  const { run, url, group, operator, builders, changes, findings, done } = scene;
  const log = await readFacts(url);
  if (!(await group.becomeQuiet(run.patience)) && !run.signal.aborted) {
    report(scene, 'end', [{ kind: 'stuck', message: `a retry has not ended after ${run.patience} ms` }]);
  }
  const parked = await judgeRest(scene, 'at rest', directory);
  cureAll(scene);
  await operator.retryAll();
  if (findings.length === 0) {
    const left = await judgeRest(scene, 'after the last retry', directory);
    if (left > 0) report(scene, 'after the last retry', [{ kind: 'stuck', message: `${left} events still wait` }]);
  }
  report(scene, 'end', unexpected(scene));
  const hasBroken = (await group.hasBroken()) || (await builders.hasBroken());
  await group.stop();
  await checkLeft(scene);
  await checkReleased(scene);
  const [row] = await retrySql(url, 'select count(*) from mink.discarded_letters');
  return {
    events: log.length,
    disturbances: Object.fromEntries(done),
    versions: changes.counts,
    parked,
    discarded: Number(row?.[0]),
    controlLost: await lostByNaive(url),
    hasBroken,
    findings,
  };
}

/** When everybody has caught up, every read model is what the log says. Gives back how many events wait. */
async function judgeRest(scene: Scene, when: string, directory: string): Promise<number> {
  const { run, url, operator } = scene;
  const { patience: timeout, signal } = run;
  await operator.resumeAll();
  const isAtRest = async (): Promise<boolean> => {
    const status = (await operator.status()) ?? [];
    // There was no room for another key: somebody makes room, and lets it go on.
    if (status.some(({ state }) => state === 'faulted')) await makeRoom(scene);
    return status.length > 0 && status.every(({ state, lagEvents }) => state === 'live' && lagEvents === 0);
  };
  if (!(await becomes(isAtRest, { timeout, interval: 50, signal }))) {
    const message = `not all had caught up after ${timeout} ms: ${JSON.stringify(await operator.status())}`;
    if (!signal.aborted) report(scene, when, [{ kind: 'stuck', message }]);
  }
  const found = await operator.find(await readFacts(url));
  report(scene, when, found.flatMap(checkTallies));
  report(scene, when, await operator.verify());
  report(scene, when, await scene.changes.look());
  if (scene.findings.length > 0) await keepEvidence(scene, found, directory);
  return found.reduce((sum, { waiting }) => sum + [...waiting.values()].reduce((all, keys) => all + keys.length, 0), 0);
}

function cureAll({ group, operator, builders }: Scene): void {
  group.cure = CURED;
  operator.cure = CURED;
  builders.cure = CURED;
}

async function makeRoom(scene: Scene): Promise<void> {
  const { operator } = scene;
  cureAll(scene);
  await operator.retryAll();
  await operator.resumeAll();
}

/** Nothing is left of what was dropped, nor of shadows. */
async function checkLeft(scene: Scene): Promise<void> {
  const { url, changes, operator } = scene;
  await changes.dropShadows(scene);
  report(scene, 'end', changes.findings.splice(0));
  const tables = await retrySql(url, `select tablename from pg_catalog.pg_tables where schemaname = 'mink_read'`);
  const versions = (await operator.versions()) ?? [];
  const known = new Set(versions.map(({ name, version }) => `${name.replaceAll('-', '_')}_v${version}`));
  for (const [table] of tables) {
    if (known.has(String(table))) continue;
    report(scene, 'end', [{ kind: 'phantom', message: `the table ${String(table)} is of no version` }]);
  }
}

/** Whoever has ended in order holds nothing. */
async function checkReleased(scene: Scene): Promise<void> {
  const { operator, run } = scene;
  // What a process held that was killed runs out.
  await pause(2 * LEASE, run.signal);
  for (const { name, owner } of (await operator.status()) ?? []) {
    if (owner !== undefined)
      report(scene, 'end', [{ kind: 'stuck', reader: name, message: `is still held by ${owner}` }]);
  }
}

async function keepEvidence(
  scene: Scene,
  found: Awaited<ReturnType<Operator['find']>>,
  directory: string,
): Promise<void> {
  const tables = ['projections', 'projection_partitions', 'parked_keys', 'dead_letters', 'discarded_letters'];
  const files: Record<string, unknown> = {
    findings: scene.findings,
    log: found[0]?.log,
    models: found.map(({ name, models }) => ({ name, models })),
    builders: scene.builders.evidence,
  };
  for (const table of tables) files[table] = await retrySql(scene.url, `select row_to_json(t) from mink.${table} t`);
  for (const [file, content] of Object.entries(files)) {
    await writeFile(join(directory, `${file}.json`), JSON.stringify(content, undefined, 1));
  }
}
