// The options of `npm run bench`, checked before anything is installed or started.
import { parseArgs } from 'node:util';
import { rowNames, works, worksFor } from './works.js';

export const SUBJECTS = ['mink', 'floor', 'emmett', 'castore', 'go-mink'];

const OPTIONS = {
  only: { type: 'string', multiple: true },
  subjects: { type: 'string', multiple: true },
  rounds: { type: 'string' },
  seconds: { type: 'string' },
  runs: { type: 'string' },
  shrink: { type: 'string' },
  output: { type: 'string' },
  quick: { type: 'boolean' },
  list: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
};

const LONGEST = new Set(['catchup-1m', 'projection-1m']);

export const USAGE = `Usage: npm run bench -- [options]

Compares mink with others on one PostgreSQL, and writes a table, bench/results/latest.json and bench/results/latest.svg.

  --only NAMES        rows or works, separated by commas (see --list); all of them if left out
  --subjects NAMES    of ${SUBJECTS.join(', ')}; all of them if left out
  --rounds N          rounds of each work, the median counts (default 5)
  --seconds N         length of a round's measurement (default 5)
  --runs N            the whole suite this many times; medians over the runs' medians (default 1)
  --quick             1 round of 1 second, and leaves out catchup-1m and projection-1m unless they are asked for: to see that it works
  --shrink N          stores an N-th of the streams that are read, in seconds instead of minutes (default 1)
  --output FILE       where the results go (default bench/results/latest.json); the chart goes beside it
  --list              lists the works and rows
  --help              prints this`;

/** Thrown for arguments that make no sense; the message says what to write instead. */
export class ArgumentError extends Error {}

/** Parses and checks what follows `npm run bench --`. Throws ArgumentError. */
export function parseArguments(args) {
  const values = parse(args, OPTIONS);
  if (values.help) return { mode: 'help' };
  if (values.list) return { mode: 'list' };
  const only = names('--only', values.only, [...rowNames.keys(), ...works.map(({ name }) => name)]);
  const subjects = names('--subjects', values.subjects, SUBJECTS) ?? SUBJECTS;
  const selected = only === undefined ? works : worksFor(only);
  return {
    mode: 'run',
    works: values.quick && only === undefined ? selected.filter(({ name }) => !LONGEST.has(name)) : selected,
    // In the order of the catalogue, and each once.
    subjects: SUBJECTS.filter((subject) => subjects.includes(subject)),
    rounds: whole('--rounds', values.rounds, values.quick ? 1 : 5, 100),
    seconds: positive('--seconds', values.seconds, values.quick ? 1 : 5, 600),
    runs: whole('--runs', values.runs, 1, 20),
    shrink: whole('--shrink', values.shrink, 1, 1_000),
    output: values.output,
  };
}

/** `parseArgs` with errors that can be told from others. */
export function parse(args, options) {
  try {
    return parseArgs({ args, options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new ArgumentError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function names(option, lists, known) {
  if (lists === undefined) return undefined;
  const given = lists.flatMap((list) => list.split(',')).map((name) => name.trim());
  for (const name of given) {
    if (known.includes(name)) continue;
    throw new ArgumentError(`${option}: there is no "${name}". Known are ${known.join(', ')}.`);
  }
  return given;
}

export function whole(option, text, fallback, most) {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && value <= most) return value;
  throw new ArgumentError(`${option} takes a whole number from 1 to ${most}, not "${text}".`);
}

export function positive(option, text, fallback, most) {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value > 0 && value <= most) return value;
  throw new ArgumentError(`${option} takes a number of seconds above 0, at most ${most}, not "${text}".`);
}
