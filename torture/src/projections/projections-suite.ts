import type { Request } from '../arguments.ts';
import { Cluster } from '../cluster/cluster.ts';
import { findBinDir } from '../cluster/find-bin-dir.ts';
import { isProjectionSabotage } from '../cluster/sabotage.ts';
import { addUp, total } from '../counts.ts';
import type { Run } from '../feed/run.ts';
import { Random } from '../random.ts';
import type { SuiteContext, SuiteReport } from '../suites.ts';
import { disturbances } from './disturbances.ts';
import { projectionRound, type RoundResult } from './projection-round.ts';

/** What must have been done to versions; the rest may be refused in a short run. */
const NEEDED = ['build', 'switch', 'interrupted', 'resumed'];
/** For a busy machine; milliseconds. */
const PATIENCE = 60_000;
/** Where something will be wrong, nobody waits long for it. */
const SABOTAGED_PATIENCE = 10_000;
/** Cycles of a round. */
const CYCLES = 26;
/** Of one in which something is to be found soon. */
const FEW_CYCLES = 6;
const EXTRA_SECONDS = 60;
/** That may be parked, of each projection. */
const ENOUGH_KEYS = 1_000;
const FEW_KEYS = 3;

/** Rounds, each with a database of its own, until the time is up and there were enough cycles. */
export async function projectionsSuite(
  request: Request,
  { signal, tell, directory }: SuiteContext,
): Promise<SuiteReport> {
  const random = new Random(`projections/${request.seed}`);
  const sabotage = isProjectionSabotage(request.sabotage) ? request.sabotage : undefined;
  const binDir = await findBinDir(request.postgres);
  const cluster = await Cluster.start({ directory, binDir, random: random.derive('cluster'), sabotage, tell });
  const results: RoundResult[] = [];
  const began = performance.now();
  const elapsed = (): number => (performance.now() - began) / 1000;
  try {
    await cluster.checkDurable();
    tell(`PostgreSQL ${cluster.version}, fsync on, port ${cluster.port}, in ${directory}`);
    const patience = sabotage === undefined ? PATIENCE : SABOTAGED_PATIENCE;
    const run: Run = { cluster, random, signal, directory, patience, tell };
    const kinds = Object.keys(disturbances).length;
    const cycles =
      sabotage === undefined ? Math.max(kinds, Math.round(CYCLES * Math.min(1, request.seconds / 60))) : FEW_CYCLES;
    for (let round = 1; !signal.aborted; round += 1) {
      const isEnough = elapsed() >= request.seconds && cyclesOf(results) >= request.cycles;
      // A short run that has not seen everything goes on for a while.
      const isProven = doubtsOf(results, request).length === 0 || elapsed() >= request.seconds + EXTRA_SECONDS;
      if (isEnough && isProven) break;
      const maxParkedKeys = round % 3 === 0 ? FEW_KEYS : ENOUGH_KEYS;
      const result = await projectionRound(run, { name: `projections-${round}`, cycles, maxParkedKeys, sabotage });
      results.push(result);
      tell(describe(result, elapsed()));
      if (result.findings.length > 0) break;
    }
  } finally {
    await cluster.stop();
  }
  if (sabotage !== undefined && !signal.aborted && !results.some(({ hasBroken }) => hasBroken)) {
    throw new Error(`--sabotage ${sabotage} found nothing to break in the statements of the workers`);
  }
  return summarize(request, { results, version: cluster.version, seconds: Math.round(elapsed() * 10) / 10 });
}

function cyclesOf(results: readonly RoundResult[]): number {
  return total(addUp(results.map((result) => result.disturbances)));
}

function describe(result: RoundResult, seconds: number): string {
  const { events, parked, discarded, controlLost, findings } = result;
  const done = Object.entries(result.disturbances).map(([what, count]) => `${what} ${count}`);
  const changed = Object.entries(result.versions).map(([what, count]) => `${what} ${count}`);
  const parts = [
    `${events} events`,
    `${parked} parked`,
    `${discarded} discarded`,
    ...done,
    `versions: ${changed.join(', ')}`,
    `the control lost ${controlLost}`,
  ];
  const verdict = findings.length === 0 ? 'every read model is what the log says' : `${findings.length} FINDINGS`;
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
  const findings = results.flatMap((result) => result.findings);
  const sum = (pick: (result: RoundResult) => number): number => results.reduce((all, result) => all + pick(result), 0);
  const naive = sum(({ controlLost }) => controlLost);
  const summary = {
    suite,
    seed,
    seconds,
    events: sum(({ events }) => events),
    cycles: cyclesOf(results),
    lost: findings.filter(({ kind }) => kind === 'lost').length,
    repeated: findings.filter(({ kind }) => kind === 'repeated').length,
    controlsLost: naive,
    controls: { naive },
    violations: findings.filter(({ kind }) => kind !== 'lost' && kind !== 'repeated').length,
    disturbances: addUp(results.map((result) => result.disturbances)),
    versions: addUp(results.map((result) => result.versions)),
    parked: sum(({ parked }) => parked),
    discarded: sum(({ discarded }) => discarded),
    rounds: results.length,
    postgres: version,
    ...(sabotage === undefined ? {} : { sabotage }),
  };
  return { summary, findings, doubts: findings.length > 0 ? [] : doubtsOf(results, request) };
}

/** A run that could not have found a wrong read model has not shown that there is none. */
function doubtsOf(results: readonly RoundResult[], { cycles: wanted }: Request): readonly string[] {
  const cycles = cyclesOf(results);
  const done = addUp(results.map((result) => result.disturbances));
  const changed = addUp(results.map((result) => result.versions));
  return [
    ...(results.every(({ controlLost }) => controlLost === 0) ? ['the naive control lost and repeated nothing'] : []),
    ...(results.every(({ parked }) => parked === 0) ? ['no event was parked when all came to rest'] : []),
    ...(cycles < wanted ? [`there were ${cycles} cycles, not ${wanted}`] : []),
    ...NEEDED.filter((what) => (changed[what] ?? 0) === 0).map((what) => `of versions, there was none: ${what}`),
    ...Object.keys(disturbances)
      .filter((what) => (done[what] ?? 0) === 0)
      .map((what) => `nothing was disturbed by: ${what}`),
  ];
}
