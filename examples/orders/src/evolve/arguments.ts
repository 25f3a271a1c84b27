import { parseArgs } from 'node:util';

const DEFAULT_SECONDS = 20;

export const HELP = `Changes a projection of the order service while it is used, and says whether anybody noticed.

  npm run example:orders:evolve
  npm run example:orders:evolve -- --seconds 60

Two processes of the service take requests. Version 2 of the list of orders is planned, tried on the whole log, built, compared,
switched to, rolled back, and switched to again, while processes with the new code take the place of the old ones.

Options
  --seconds N   how long there are requests, at least; default ${DEFAULT_SECONDS}
  --json        print the outcome as JSON, and the steps to standard error
  --help        print this

It starts a PostgreSQL of its own, or uses the empty database of DATABASE_URL, and leaves its orders there. Exit code 0: no
request failed, no read missed its own write, every event was applied once; 1: something of that is not so; 2: wrong usage.
`;

export interface Request {
  readonly seconds: number;
  readonly json: boolean;
}

/** The walk cannot begin, for a reason that its user can do something about. */
export class UsageError extends Error {}

/** Understands the command line; undefined asks for help. Throws `UsageError`. */
export function parseArguments(args: readonly string[]): Request | undefined {
  const { values } = parsed(args);
  if (values.help) return undefined;
  const seconds = Number(values.seconds);
  if (Number.isFinite(seconds) && seconds > 0 && seconds <= 3_600) return { seconds, json: values.json };
  throw new UsageError(`--seconds is "${values.seconds}", use a number up to 3600. See --help.`);
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        seconds: { type: 'string', default: String(DEFAULT_SECONDS) },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message : String(error)} See --help.`);
  }
}
