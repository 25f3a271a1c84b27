import { MinkError } from 'mink';
import { MinkDevError } from '@mink/dev';
import { HELP, parseArguments, type Question, type Request } from './arguments.ts';
import { GitHistoryError } from './errors.ts';
import type { HistoryStore } from './events.ts';
import { openRepository, type GitRepository } from './git/repository.ts';
import { identify } from './identify.ts';
import { importHistory, type ImportProgress } from './import/import-history.ts';
import type { OpenStore } from './open-store.ts';
import { authorAnswer, fileAnswer, rankingAnswer } from './output/answers.ts';
import { summarize, summaryText } from './output/summary.ts';
import { wholeNumber } from './output/table.ts';
import { authorHistory } from './questions/author-history.ts';
import { fileHistory } from './questions/file-history.ts';
import { topAuthors, topFiles } from './questions/ranking.ts';
import { countTotals } from './questions/totals.ts';

const TOP = 5;

/** What the program works with; `main.ts` gives the real ones. */
export interface Surroundings {
  readonly openStore: () => Promise<OpenStore>;
  readonly print: (text: string) => void;
  readonly printError: (text: string) => void;
  readonly progress: { readonly show: (progress: ImportProgress) => void; readonly stop: () => void };
  /** Aborting it stops an import after the batch under way. */
  readonly signal: AbortSignal;
  /** Milliseconds. */
  readonly now: () => number;
}

/** How the program ended. */
export type Outcome = 'done' | 'failed' | 'interrupted';

/** Runs the program. Expected failures are printed as one line; a bug comes with its stack. */
export async function run(args: readonly string[], surroundings: Surroundings): Promise<Outcome> {
  try {
    const request = parseArguments(args);
    if (request.kind !== 'help') return await answer(request, surroundings);
    surroundings.print(HELP);
    return 'done';
  } catch (error) {
    if (surroundings.signal.aborted && error === surroundings.signal.reason) return 'interrupted';
    surroundings.printError(`${describe(error)}\n`);
    return 'failed';
  }
}

async function answer(request: Exclude<Request, { kind: 'help' }>, surroundings: Surroundings): Promise<Outcome> {
  const git = await openRepository(request.path);
  surroundings.signal.throwIfAborted();
  await using opened = await surroundings.openStore();
  const { store } = opened;
  const { id, isImported } = await identify(store, git);
  if (request.kind === 'import') return await importAndReport(store, { git, id, json: request.json }, surroundings);
  if (!isImported) {
    throw new GitHistoryError('NOT_IMPORTED', `${git.path} is not imported yet. Run this without a question first.`);
  }
  const { text, json } = await ask(store, id, request.question);
  surroundings.print(request.json ? toJson(json) : text);
  return 'done';
}

async function importAndReport(
  store: HistoryStore,
  { git, id, json }: { readonly git: GitRepository; readonly id: string; readonly json: boolean },
  { print, printError, progress, signal, now }: Surroundings,
): Promise<Outcome> {
  const start = now();
  const result = await importHistory(store, { git, id }, { signal, onProgress: progress.show }).finally(progress.stop);
  const seconds = (now() - start) / 1_000;
  if (result.status === 'interrupted') {
    const { appended, total } = result;
    printError(
      `Stopped after ${wholeNumber(appended.commits)} of ${wholeNumber(total)} commits. Run the same command again to continue.\n`,
    );
    return 'interrupted';
  }
  const summary = summarize(result, { repository: id, totals: await countTotals(store, id), seconds });
  if (json) {
    print(toJson(summary));
    return 'done';
  }
  print(`${summaryText(summary)}\n${(await ask(store, id, { kind: 'top', limit: TOP })).text}`);
  return 'done';
}

async function ask(
  store: HistoryStore,
  repository: string,
  question: Question,
): Promise<{ readonly text: string; readonly json: unknown }> {
  switch (question.kind) {
    case 'file': {
      const file = await fileHistory(store, { repository, ...question });
      if (file === undefined) throw unknown('file', question.path, question.at);
      return { text: fileAnswer(file, question.at), json: { ...file, authors: Object.fromEntries(file.authors) } };
    }
    case 'author': {
      const author = await authorHistory(store, { repository, ...question });
      if (author === undefined) throw unknown('author', question.author, question.at);
      return { text: authorAnswer(author, question.at), json: author };
    }
    case 'top': {
      const authors = await topAuthors(store, { repository, limit: question.limit });
      const files = await topFiles(store, { repository, limit: question.limit });
      const json = { authors, files: files.map((file) => ({ ...file, authors: file.authors.size })) };
      return { text: rankingAnswer(authors, files), json };
    }
  }
}

function unknown(what: string, name: string, at: Date | undefined): GitHistoryError {
  const until = at === undefined ? '' : ` until ${at.toISOString()}`;
  return new GitHistoryError('NOT_FOUND', `The imported history has no ${what} ${JSON.stringify(name)}${until}.`);
}

function describe(error: unknown): string {
  const isExpected = error instanceof GitHistoryError || error instanceof MinkError || error instanceof MinkDevError;
  if (isExpected) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function toJson(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
