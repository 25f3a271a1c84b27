import { parseArgs } from 'node:util';
import { SABOTAGES, type Sabotage } from './cluster/sabotage.ts';
import { UsageError } from './errors.ts';
import { isPhase, PHASES, type Phase } from './feed/phases.ts';
import { SUITES, isSuite, type SuiteName } from './suites.ts';

const DEFAULT_CYCLES = { feed: 200, commands: 50, projections: 50 } as const;

export const HELP = `Tries to make mink lose an event, do a command twice, or make a read model wrong, and says whether it did.

  npm run torture -- --suite feed --seconds 300 --seed 7
  npm run torture -- --suite commands --seconds 300 --seed 7
  npm run torture -- --suite projections --seconds 300 --seed 7

Options
  --suite NAME      what to torture: ${Object.keys(SUITES).join(', ')}
  --seconds N       how long, at least; default 60
  --seed S          a whole number from which everything is chosen; random by default, and always printed
  --cycles N        how many kill -9 cycles at least, however long they take; default ${DEFAULT_CYCLES.feed} (feed), ${DEFAULT_CYCLES.commands}
  --postgres WHICH  npm (default): the PostgreSQL of npm; system: the installed one (pg_config --bindir)
  --phases LIST     of feed: only these, separated by commas: ${PHASES.join(', ')}
  --evidence DIR    where to keep what explains a failure; default: a new directory for temporary files
  --sabotage WHAT   breaks the database on purpose, and must make the run fail:
                    ${SABOTAGES.feed.join(', ')} (feed), ${SABOTAGES.commands.join(', ')} (commands),
                    ${SABOTAGES.projections.join(', ')}
  --help            print this

Progress goes to standard error. The last line of standard output is one JSON object. Exit code 0: nothing was lost, and the
broken ones that ran beside lost something; 1: something was lost, or nothing was proven; 2: wrong usage. Ctrl-C stops.
`;

/** What to do. */
export interface Request {
  readonly suite: SuiteName;
  readonly seconds: number;
  readonly seed: number;
  readonly cycles: number;
  readonly postgres: 'npm' | 'system';
  readonly phases: readonly Phase[];
  readonly evidence: string | undefined;
  readonly sabotage: Sabotage | undefined;
}

const OPTIONS = {
  suite: { type: 'string' },
  seconds: { type: 'string', default: '60' },
  seed: { type: 'string' },
  cycles: { type: 'string' },
  postgres: { type: 'string', default: 'npm' },
  phases: { type: 'string' },
  evidence: { type: 'string' },
  sabotage: { type: 'string' },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

const MAX_SEED = 2 ** 32 - 1;

/** Understands the command line; undefined asks for help. Throws `UsageError`. */
export function parseArguments(args: readonly string[], randomSeed: () => number): Request | undefined {
  const { values } = parsed(args);
  if (values.help) return undefined;
  const { suite, postgres, sabotage, evidence } = values;
  if (suite === undefined) throw usage(`name a suite with --suite (${Object.keys(SUITES).join(', ')})`);
  if (!isSuite(suite)) throw usage(`there is no suite "${suite}"; there is ${Object.keys(SUITES).join(', ')}`);
  if (postgres !== 'npm' && postgres !== 'system') throw usage(`--postgres is npm or system, not "${postgres}"`);
  if (suite !== 'feed' && values.phases !== undefined) throw usage(`--phases is for the suite feed`);
  const phases = toPhases(values.phases);
  return {
    suite,
    seconds: toNumber('seconds', values.seconds, { least: 1 }),
    seed: values.seed === undefined ? randomSeed() : toNumber('seed', values.seed, { least: 0, most: MAX_SEED }),
    cycles: toNumber('cycles', values.cycles ?? String(defaultCycles(suite, phases)), { least: 0 }),
    postgres,
    phases,
    evidence,
    sabotage: sabotage === undefined ? undefined : toSabotage(suite, sabotage),
  };
}

function defaultCycles(suite: SuiteName, phases: readonly Phase[]): number {
  const kills = phases.some((phase) => phase === 'kill' || phase === 'reissue');
  return kills ? DEFAULT_CYCLES[suite] : 0;
}

function toSabotage(suite: SuiteName, name: string): Sabotage {
  const known = SABOTAGES[suite].find((sabotage) => sabotage === name);
  if (known === undefined) throw usage(`--sabotage "${name}" is not one of ${SABOTAGES[suite].join(', ')}`);
  return known;
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: false });
  } catch (error) {
    throw usage(error instanceof Error ? error.message : String(error));
  }
}

function toPhases(text: string | undefined): readonly Phase[] {
  if (text === undefined) return PHASES;
  return text.split(',').map((name) => {
    if (!isPhase(name)) throw usage(`--phases: "${name}" is not one of ${PHASES.join(', ')}`);
    return name;
  });
}

function toNumber(
  option: string,
  text: string,
  { least, most = Number.MAX_SAFE_INTEGER }: { readonly least: number; readonly most?: number },
): number {
  const number = Number(text);
  if (text !== '' && Number.isSafeInteger(number) && number >= least && number <= most) return number;
  throw usage(`--${option} "${text}" is not a whole number from ${least}`);
}

function usage(problem: string): UsageError {
  return new UsageError(`${problem}. See --help.`);
}
