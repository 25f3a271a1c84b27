import { parseArgs } from 'node:util';
import { z } from 'zod';
import { GitHistoryError } from './errors.ts';

export const HELP = `Imports the history of a Git repository as events, and answers questions about it.

  npm run example:git -- PATH              import what is new, then show a summary
  npm run example:git -- PATH [question]   answer from what was imported, without importing

Questions
  --file PATH       who changed this file, as Git names it: from the root of the repository
  --author EMAIL    what this author did
  --top N           the N authors with the most commits and the N files that changed most often
  --under PATH      with --top: only files below this directory, and no authors
  --activity        commits, active days and lines, month by month
  --at DATE         with --file or --author: as it was then, by the commits' own time;
                    2024-05-31 (to the end of that day, UTC) or 2024-05-31T18:00:00+02:00
  --from-log        answer by replaying the events, as --at does, instead of from the read models

Read models, of all repositories of the store
  --rebuild         apply the whole log again, beside what is read meanwhile
  --verify          prove that every event was applied once; also after --rebuild

Options
  --json            print JSON
  --help            print this

The events go to the PostgreSQL of DATABASE_URL, schema git_history; without it to one of its own in .mink/postgres of
the current directory. Ctrl-C stops an import or a rebuild; the next one continues it.
`;

/** What the user wants to know. */
export type Question =
  | { readonly kind: 'file'; readonly path: string; readonly at: Date | undefined }
  | { readonly kind: 'author'; readonly author: string; readonly at: Date | undefined }
  | { readonly kind: 'top'; readonly limit: number; readonly under: string | undefined }
  | { readonly kind: 'activity' };

/** What is to be done with the read models. */
export interface Maintenance {
  readonly kind: 'maintain';
  readonly path: string;
  readonly json: boolean;
  readonly rebuilds: boolean;
  readonly verifies: boolean;
}

/** A question, and where the answer is to come from. */
export interface Asking {
  readonly kind: 'ask';
  readonly path: string;
  readonly json: boolean;
  readonly question: Question;
  readonly fromLog: boolean;
}

/** What the user wants. */
export type Request =
  | { readonly kind: 'help' }
  | { readonly kind: 'import'; readonly path: string; readonly json: boolean }
  | Asking
  | Maintenance;

const OPTIONS = {
  file: { type: 'string' },
  author: { type: 'string' },
  top: { type: 'string' },
  under: { type: 'string' },
  activity: { type: 'boolean', default: false },
  at: { type: 'string' },
  'from-log': { type: 'boolean', default: false },
  rebuild: { type: 'boolean', default: false },
  verify: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

type Values = ReturnType<typeof parsed>['values'];

const END_OF_DAY = 'T23:59:59.999Z';

/** Understands the command line. Throws `GitHistoryError` `INVALID_USAGE`. */
export function parseArguments(args: readonly string[]): Request {
  const { values, positionals } = parsed(args);
  if (values.help) return { kind: 'help' };
  const [path, ...others] = positionals;
  if (path === undefined || path === '' || others.length > 0) throw usage('give the path of one repository');
  const { json, rebuild: rebuilds, verify: verifies, 'from-log': fromLog } = values;
  const question = toQuestion(values);
  if (rebuilds || verifies) {
    if (question !== undefined) throw usage('--rebuild and --verify answer no question');
    return { kind: 'maintain', path, json, rebuilds, verifies };
  }
  if (question !== undefined) return { kind: 'ask', path, json, question, fromLog };
  if (fromLog) throw usage('--from-log needs a question');
  return { kind: 'import', path, json };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw usage(error instanceof Error ? error.message : String(error));
  }
}

function toQuestion({ file, author, top, under, activity, at }: Values): Question | undefined {
  const asked = [file, author, top, activity ? '' : undefined].filter((value) => value !== undefined);
  if (asked.length > 1) throw usage('give one of --file, --author, --top and --activity');
  if (at !== undefined && file === undefined && author === undefined) throw usage('--at needs --file or --author');
  if (under !== undefined && top === undefined) throw usage('--under needs --top');
  if (file !== undefined) return { kind: 'file', path: file, at: toDate(at) };
  if (author !== undefined) return { kind: 'author', author, at: toDate(at) };
  if (top !== undefined) return { kind: 'top', limit: toLimit(top), under };
  return activity ? { kind: 'activity' } : undefined;
}

function toDate(text: string | undefined): Date | undefined {
  if (text === undefined) return undefined;
  if (z.iso.date().safeParse(text).success) return new Date(`${text}${END_OF_DAY}`);
  if (z.iso.datetime({ offset: true }).safeParse(text).success) return new Date(text);
  throw usage(`--at ${JSON.stringify(text)} is not a date such as 2024-05-31 or 2024-05-31T18:00:00Z`);
}

function toLimit(text: string): number {
  const limit = Number(text);
  if (Number.isSafeInteger(limit) && limit > 0) return limit;
  throw usage(`--top ${JSON.stringify(text)} is not a whole number from 1`);
}

function usage(problem: string): GitHistoryError {
  return new GitHistoryError('INVALID_USAGE', `${problem}. See --help.`);
}
