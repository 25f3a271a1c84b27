// The options of `npm run bench:growth`.
import { ArgumentError, parse, positive, whole } from './arguments.js';

// The streams that every level needs hold as many.
const SMALLEST_LEVEL = 100_000;

export const GROWTH_USAGE = `Usage: npm run bench:growth -- [options]

Measures appends and loads of mink and the raw floor in logs of growing size, and writes a table and
bench/results/growth.json. 10,000,000 events need about 16 GB of disk.

  --levels LIST         sizes of the log, rising, at least ${SMALLEST_LEVEL} (default 100000,1000000,10000000)
  --rounds N            rounds at each size, the median counts (default 5)
  --seconds N           length of a round's measurement (default 3)
  --set NAME=VALUE      a setting of PostgreSQL, such as shared_buffers=1GB; may be repeated
  --output FILE         where the results go (default bench/results/growth.json)
  --help                prints this`;

export function parseGrowthArguments(args) {
  const values = parse(args, {
    levels: { type: 'string' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    set: { type: 'string', multiple: true },
    output: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  });
  if (values.help) return { mode: 'help' };
  return {
    mode: 'run',
    levels: levels(values.levels),
    rounds: whole('--rounds', values.rounds, 5, 100),
    seconds: positive('--seconds', values.seconds, 3, 600),
    settings: settings(values.set),
    output: values.output,
  };
}

function levels(list = '100000,1000000,10000000') {
  const given = list
    .split(',')
    .map((level) => whole('--levels', level.trim().replaceAll('_', ''), undefined, 100_000_000));
  for (const [index, level] of given.entries()) {
    if (level < SMALLEST_LEVEL) throw new ArgumentError(`--levels: ${level} is below ${SMALLEST_LEVEL}.`);
    if (index > 0 && level <= given[index - 1]) throw new ArgumentError(`--levels must rise, not ${list}.`);
  }
  return given;
}

function settings(list = []) {
  return Object.fromEntries(
    list.map((item) => {
      const [, name, value] = /^(\w+(?:\.\w+)?)=(.+)$/.exec(item) ?? [];
      if (name === undefined) throw new ArgumentError(`--set takes NAME=VALUE, not "${item}".`);
      return [name, value];
    }),
  );
}
