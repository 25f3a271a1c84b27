import type { Request } from '../arguments.ts';
import { Cluster } from '../cluster/cluster.ts';
import { findBinDir } from '../cluster/find-bin-dir.ts';
import { addUp, total } from '../counts.ts';
import type { Run } from '../feed/run.ts';
import { Random } from '../random.ts';
import type { SuiteContext, SuiteReport } from '../suites.ts';
import { commandRound, type RoundResult } from './command-round.ts';

/** For a busy machine; milliseconds. */
const PATIENCE = 30_000;
/** Cycles of a round through the library, and of one through the control after it. */
const CYCLES = 12;
const CONTROL_CYCLES = 6;
const EXTRA_SECONDS = 60;

/** Rounds through the library, and through the control, until the time is up and there were enough cycles. */
export async function commandsSuite(request: Request, { signal, tell, directory }: SuiteContext): Promise<SuiteReport> {
  const random = new Random(`commands/${request.seed}`);
  const { sabotage, postgres } = request;
  const binDir = await findBinDir(postgres);
  const cluster = await Cluster.start({ directory, binDir, random: random.derive('cluster'), sabotage, tell });
  const results: RoundResult[] = [];
  const began = performance.now();
  const elapsed = (): number => (performance.now() - began) / 1000;
  try {
    await cluster.checkDurable();
    tell(`PostgreSQL ${cluster.version}, fsync on, port ${cluster.port}, in ${directory}`);
    const run: Run = { cluster, random, signal, directory, patience: PATIENCE, tell };
    const scale = Math.min(1, request.seconds / 30);
    const share = (whole: number): number => Math.max(4, Math.round(whole * scale));
    for (let lap = 1; !signal.aborted; lap += 1) {
      const isEnough = elapsed() >= request.seconds && cyclesOf(results) >= request.cycles;
      // A short run that has not seen everything goes on for a while.
      const isProven = doubtsOf(results, request).length === 0 || elapsed() >= request.seconds + EXTRA_SECONDS;
      if (isEnough && isProven) break;
      const round = await commandRound(run, { name: `commands-${lap}`, layers: 'library', cycles: share(CYCLES) });
      results.push(round);
      tell(describe(round, elapsed()));
      if (round.findings.length > 0 || signal.aborted) break;
      const control = await commandRound(run, {
        name: `control-${lap}`,
        layers: 'naive',
        cycles: share(CONTROL_CYCLES),
      });
      results.push(control);
      tell(describe(control, elapsed()));
    }
  } finally {
    await cluster.stop();
  }
  return summarize(request, { results, version: cluster.version, seconds: Math.round(elapsed() * 10) / 10 });
}

function cyclesOf(results: readonly RoundResult[]): number {
  return total(addUp(results.map(({ kills }) => kills)));
}

function describe({ layers, commands, events, unanswered, kills, findings }: RoundResult, seconds: number): string {
  const done = Object.entries(kills).map(([what, count]) => `${what} ${count}`);
  const parts = [`${commands} commands`, `${events} events`, `${unanswered} unanswered`, ...done];
  const verdict =
    layers === 'naive'
      ? `the control did ${findings.length} commands more than once`
      : findings.length === 0
        ? 'each had one effect'
        : `${findings.length} FINDINGS`;
  return `${seconds.toFixed(0)} s: ${parts.join(', ')}: ${verdict}`;
}

function summarize(
  request: Request,
  {
    results,
    version,
    seconds,
  }: {
    readonly results: readonly RoundResult[];
    readonly version: string;
    readonly seconds: number;
  },
): SuiteReport {
  const { suite, seed, sabotage } = request;
  const ours = results.filter(({ layers }) => layers === 'library');
  const findings = ours.flatMap((result) => result.findings);
  const naive = countOfControl(results);
  const sum = (pick: (result: RoundResult) => number): number => ours.reduce((all, result) => all + pick(result), 0);
  const kills = addUp(results.map((result) => result.kills));
  const summary = {
    suite,
    seed,
    seconds,
    events: sum(({ events }) => events),
    cycles: total(kills),
    lost: findings.filter(({ kind }) => kind === 'lost').length,
    repeated: findings.filter(({ kind }) => kind === 'repeated').length,
    controlsLost: naive,
    controls: { naive },
    violations: findings.filter(({ kind }) => kind !== 'lost' && kind !== 'repeated').length,
    kills,
    commands: sum(({ commands }) => commands),
    answers: addUp(ours.map((result) => result.answers)),
    unanswered: sum(({ unanswered }) => unanswered),
    rounds: ours.length,
    postgres: version,
    ...(sabotage === undefined ? {} : { sabotage }),
  };
  return { summary, findings, doubts: findings.length > 0 ? [] : doubtsOf(results, request) };
}

/** A run that could not have found a second effect has not shown that there is none. */
function doubtsOf(results: readonly RoundResult[], { cycles: wanted }: Request): readonly string[] {
  const ours = results.filter(({ layers }) => layers === 'library');
  const answers = addUp(ours.map((result) => result.answers));
  const cycles = cyclesOf(results);
  return [
    ...(countOfControl(results) === 0 ? ['the naive control did no command more than once'] : []),
    ...(cycles < wanted ? [`there were ${cycles} cycles, not ${wanted}`] : []),
    ...['done', 'done again', 'refused', 'refused again', 'taken']
      .filter((answer) => (answers[answer] ?? 0) === 0)
      .map((answer) => `no command was ${answer}`),
    ...(ours.every(({ unanswered }) => unanswered === 0) ? ['every command was answered'] : []),
  ];
}

function countOfControl(results: readonly RoundResult[]): number {
  return results.reduce((sum, { layers, findings }) => sum + (layers === 'naive' ? findings.length : 0), 0);
}
