import type { Request } from '../arguments.ts';
import { addUp, total } from '../counts.ts';
import type { SuiteReport } from '../suites.ts';
import type { PhaseResult } from './run.ts';

/** What counts as a kill -9 cycle. */
const KILLS = new Set([
  'kill writer',
  'kill reader',
  'kill backend',
  'kill server',
  'kill server, prepared',
  'kill server, reissue',
]);
/** Cycles after which positions were in fact handed out again. */
export const REISSUED = 'reissued';

export function isKill(what: string): boolean {
  return KILLS.has(what);
}

/** All phases in one report. */
export function summarize(of: {
  readonly request: Request;
  readonly version: string;
  readonly seconds: number;
  readonly results: readonly PhaseResult[];
}): SuiteReport {
  const { request, version, seconds, results } = of;
  const findings = results.flatMap((result) => result.findings);
  const done = addUp(results.map((result) => result.done));
  const controls = addUp(results.map(({ controlsLost }) => controlsLost));
  const kills = Object.fromEntries(Object.entries(done).filter(([what]) => isKill(what)));
  const others = Object.fromEntries(Object.entries(done).filter(([what]) => !isKill(what)));
  const cycles = total(kills);
  const controlsLost = total(controls);
  const sum = (pick: (result: PhaseResult) => number): number => results.reduce((all, result) => all + pick(result), 0);
  const summary = {
    suite: request.suite,
    seed: request.seed,
    seconds,
    events: sum(({ events }) => events),
    cycles,
    lost: findings.filter(({ kind }) => kind === 'lost').length,
    repeated: findings.filter(({ kind }) => kind === 'repeated').length,
    controlsLost,
    controls,
    violations: findings.filter(({ kind }) => kind !== 'lost' && kind !== 'repeated').length,
    kills,
    others,
    unknownOutcomes: sum(({ unknownOutcomes }) => unknownOutcomes),
    conflicts: sum(({ conflicts }) => conflicts),
    refused: sum(({ refused }) => refused),
    phases: addUp(results.map(({ phase }) => ({ [phase.replace(/-\d+$/u, '')]: 1 }))),
    postgres: version,
    ...(request.sabotage === undefined ? {} : { sabotage: request.sabotage }),
  };
  return { summary, findings, doubts: doubtsOf(request, { controls, done, cycles }) };
}

/** A run that could not have found a loss has not shown that there is none. */
function doubtsOf(
  { phases, cycles: wanted }: Request,
  found: {
    readonly controls: Readonly<Record<string, number>>;
    readonly done: Readonly<Record<string, number>>;
    readonly cycles: number;
  },
): readonly string[] {
  const doubts: string[] = [];
  if (phases.includes('stress')) {
    for (const control of ['naive', 'xmin']) {
      if ((found.controls[control] ?? 0) === 0) doubts.push(`the broken reader "${control}" lost nothing`);
    }
  }
  if (phases.includes('reissue') && (found.done[REISSUED] ?? 0) === 0) {
    doubts.push('no crash made the server hand out positions again');
  }
  if (found.cycles < wanted) doubts.push(`there were ${found.cycles} cycles, not ${wanted}`);
  return doubts;
}
