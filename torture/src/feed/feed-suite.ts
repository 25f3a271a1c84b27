import type { Request } from '../arguments.ts';
import { Cluster } from '../cluster/cluster.ts';
import { findBinDir } from '../cluster/find-bin-dir.ts';
import { Random } from '../random.ts';
import type { SuiteContext, SuiteReport } from '../suites.ts';
import { freezePhase } from './freeze-phase.ts';
import { killPhase } from './kill-phase.ts';
import { networkPhase } from './network-phase.ts';
import type { Phase } from './phases.ts';
import { reissuePhase } from './reissue-phase.ts';
import type { PhaseResult, Run } from './run.ts';
import { stressPhase } from './stress-phase.ts';
import { isKill, summarize } from './summary.ts';

/** For a busy machine; milliseconds. */
const PATIENCE = 30_000;
/** Where something will be missing, nobody waits long for it. */
const SABOTAGED_PATIENCE = 3_000;

/** Runs the phases one after the other, on one durable cluster, until the time is up and there were enough cycles. */
export async function feedSuite(request: Request, { signal, tell, directory }: SuiteContext): Promise<SuiteReport> {
  const random = new Random(`feed/${request.seed}`);
  const binDir = await findBinDir(request.postgres);
  const { sabotage } = request;
  const cluster = await Cluster.start({ directory, binDir, random: random.derive('cluster'), sabotage, tell });
  const results: PhaseResult[] = [];
  const began = performance.now();
  try {
    await cluster.checkDurable();
    tell(`PostgreSQL ${cluster.version}, fsync on, port ${cluster.port}, in ${directory}`);
    const patience = sabotage === undefined ? PATIENCE : SABOTAGED_PATIENCE;
    const run: Run = { cluster, random, signal, directory, patience, tell };
    const elapsed = (): number => (performance.now() - began) / 1000;
    for (let round = 0; ; round += 1) {
      const lap = Math.floor(round / request.phases.length) + 1;
      const phase = request.phases[round % request.phases.length];
      const isEnough = elapsed() >= request.seconds && cyclesOf(results) >= request.cycles;
      // The first lap is run to its end: a short run, too, sees everything once.
      if (phase === undefined || signal.aborted || (isEnough && lap > 1)) break;
      const result = await runPhase(run, phase, { name: `${phase}-${lap}`, ...sizes(request) });
      results.push(result);
      tell(describe(result, { seconds: elapsed(), cycles: cyclesOf(results) }));
      if (result.findings.length > 0) break;
    }
  } finally {
    await cluster.stop();
  }
  const seconds = Math.round((performance.now() - began) / 100) / 10;
  return summarize({ request, version: cluster.version, seconds, results });
}

interface Sizes {
  readonly stressSeconds: number;
  readonly networkSeconds: number;
  readonly kills: number;
  readonly reissues: number;
  readonly freezes: number;
}

/** A short run has short phases, so that a lap fits into it. */
function sizes({ seconds, cycles }: Request): Sizes {
  const scale = Math.min(1, seconds / 60);
  const share = (whole: number, least: number): number => Math.max(least, Math.round(whole * scale));
  return {
    stressSeconds: share(8, 4),
    networkSeconds: share(6, 3),
    kills: Math.min(share(30, 6), Math.max(6, cycles)),
    reissues: share(8, 3),
    freezes: share(4, 4),
  };
}

function runPhase(run: Run, phase: Phase, options: Sizes & { readonly name: string }): Promise<PhaseResult> {
  const { name } = options;
  switch (phase) {
    case 'stress':
      return stressPhase(run, { name, seconds: options.stressSeconds });
    case 'kill':
      return killPhase(run, { name, cycles: options.kills });
    case 'reissue':
      return reissuePhase(run, { name, cycles: options.reissues });
    case 'freeze':
      return freezePhase(run, { name, freezes: options.freezes });
    case 'network':
      return networkPhase(run, { name, seconds: options.networkSeconds });
  }
}

function cyclesOf(results: readonly PhaseResult[]): number {
  return results.reduce((sum, { done }) => {
    const kills = Object.entries(done).filter(([what]) => isKill(what));
    return sum + kills.reduce((inner, [, count]) => inner + count, 0);
  }, 0);
}

function describe(result: PhaseResult, so: { readonly seconds: number; readonly cycles: number }): string {
  const done = Object.entries({ ...result.done, ...result.controlsLost }).map(([what, count]) => `${what} ${count}`);
  const parts = [`${result.events} events`, `${result.unknownOutcomes} unknown outcomes`, ...done];
  const verdict = result.findings.length === 0 ? 'nothing lost' : `${result.findings.length} FINDINGS`;
  return `${so.seconds.toFixed(0)} s, ${so.cycles} cycles: ${result.phase}: ${parts.join(', ')}: ${verdict}`;
}
