import { parseArgs } from 'node:util';
import { UsageError } from '../errors.ts';
import { EXERCISE_NAMES, isExercise, type ExerciseName } from './exercises.ts';

export const HELP = `Rehearses disasters on servers of its own, under load, and says what they cost and what was lost.

  npm run drill
  npm run drill -- --only failover,server-lost --seed 7

Options
  --only LIST   these alone, separated by commas:
                ${EXERCISE_NAMES.slice(0, 4).join(', ')},
                ${EXERCISE_NAMES.slice(4).join(', ')}
  --seconds N   how long the service works before something happens to it, and afterwards; default 3
  --seed S      a whole number from which everything is chosen; random by default, and always printed
  --json        one JSON object instead of the table
  --keep        leaves the servers' files, and says where
  --help        print this

It needs an installed PostgreSQL with pg_basebackup. Exit code 0: nothing that was acknowledged is missing, but in the control, which
must lose something; 1: something is missing, or nothing was proven; 2: wrong usage.
`;

/** What to rehearse. */
export interface DrillRequest {
  readonly only: readonly ExerciseName[];
  readonly seconds: number;
  readonly seed: number;
  readonly isJson: boolean;
  readonly keep: boolean;
}

const OPTIONS = {
  only: { type: 'string' },
  seconds: { type: 'string', default: '3' },
  seed: { type: 'string' },
  json: { type: 'boolean', default: false },
  keep: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

/** Understands the command line; undefined asks for help. Throws `UsageError`. */
export function parseDrillArguments(args: readonly string[], randomSeed: () => number): DrillRequest | undefined {
  const { values } = parsed(args);
  if (values.help) return undefined;
  return {
    only: values.only === undefined ? EXERCISE_NAMES : values.only.split(',').map(toExercise),
    seconds: toWhole('seconds', values.seconds),
    seed: values.seed === undefined ? randomSeed() : toWhole('seed', values.seed),
    isJson: values.json,
    keep: values.keep,
  };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: false });
  } catch (error) {
    throw usage(error instanceof Error ? error.message : String(error));
  }
}

function toExercise(name: string): ExerciseName {
  if (isExercise(name)) return name;
  throw usage(`--only: "${name}" is not one of ${EXERCISE_NAMES.join(', ')}`);
}

function toWhole(option: string, text: string): number {
  const number = Number(text);
  if (text !== '' && Number.isSafeInteger(number) && number >= 0) return number;
  throw usage(`--${option} "${text}" is not a whole number from 0`);
}

function usage(problem: string): UsageError {
  return new UsageError(`${problem}. See --help.`);
}
