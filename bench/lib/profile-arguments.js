// The options of `npm run bench:profile`.
import { parse, positive, whole } from './arguments.js';

export const PROFILE_USAGE = `Usage: npm run bench:profile -- [options]

Shows where the time of one append goes: round trips and the disk, the client's CPU by whose code it is, the server's time
by statement. Writes bench/results/profile.json, a .cpuprofile for the developer tools of a browser, and the plans.

  --writers LIST   numbers of concurrent writers to profile (default 1,32)
  --seconds N      length of each measurement (default 5)
  --help           prints this`;

export function parseProfileArguments(args) {
  const values = parse(args, {
    writers: { type: 'string' },
    seconds: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  });
  if (values.help) return { mode: 'help' };
  const writers = (values.writers ?? '1,32').split(',');
  return {
    mode: 'run',
    writers: writers.map((count) => whole('--writers', count.trim(), undefined, 4096)),
    seconds: positive('--seconds', values.seconds, 5, 600),
  };
}
