import { MinkError } from 'mink';
import { MinkDevError } from '@mink/dev';
import { HELP, parseArguments, type Request } from './arguments.ts';
import { ask, asksReadModels } from './ask.ts';
import { GitHistoryError } from './errors.ts';
import type { HistoryStore } from './events.ts';
import { openRepository, type GitRepository } from './git/repository.ts';
import { identify } from './identify.ts';
import { importHistory, type ImportProgress } from './import/import-history.ts';
import { maintain } from './maintain.ts';
import type { OpenStore } from './open-store.ts';
import type { ProgressDisplay } from './output/progress.ts';
import { summarize, summaryText } from './output/summary.ts';
import { wholeNumber } from './output/table.ts';
import { countTotals } from './questions/totals.ts';
import { catchUp, type CatchUpProgress } from './read-models/catch-up.ts';

const TOP = 5;

/** What the program works with; `main.ts` gives the real ones. */
export interface Surroundings {
  readonly openStore: () => Promise<OpenStore>;
  readonly print: (text: string) => void;
  readonly printError: (text: string) => void;
  readonly progress: ProgressDisplay;
  /** Aborting it stops an import after the batch under way, and whatever is done with read models. */
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
    if (surroundings.signal.aborted && error === surroundings.signal.reason) {
      surroundings.printError('Stopped. Run the same command again to continue.\n');
      return 'interrupted';
    }
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
  const isBehind = request.kind === 'maintain' ? !request.rebuilds : asksReadModels(request);
  if (isBehind) await bringUpToDate(store, surroundings);
  if (request.kind === 'ask') {
    const { text, json } = await ask(store, id, request);
    surroundings.print(request.json ? toJson(json) : text);
    return 'done';
  }
  const { text, json, failure } = await maintain(store, request, surroundings);
  surroundings.print(request.json ? toJson(json) : text);
  if (failure !== undefined) throw failure;
  return 'done';
}

async function importAndReport(
  store: HistoryStore,
  { git, id, json }: { readonly git: GitRepository; readonly id: string; readonly json: boolean },
  surroundings: Surroundings,
): Promise<Outcome> {
  const { print, printError, progress, signal, now } = surroundings;
  const start = now();
  const onProgress = ({ commits, total, events }: ImportProgress): void => {
    progress.show({ work: 'Imported', done: commits, total, unit: 'commits', note: `, ${wholeNumber(events)} events` });
  };
  const result = await importHistory(store, { git, id }, { signal, onProgress }).finally(progress.stop);
  const imported = now();
  if (result.status === 'interrupted') {
    const { appended, total } = result;
    printError(
      `Stopped after ${wholeNumber(appended.commits)} of ${wholeNumber(total)} commits. Run the same command again to continue.\n`,
    );
    return 'interrupted';
  }
  const { events } = await bringUpToDate(store, surroundings);
  const caughtUp = { events, seconds: (now() - imported) / 1_000 };
  const totals = await countTotals(store, id);
  const summary = summarize(result, { repository: id, totals, seconds: (imported - start) / 1_000, caughtUp });
  if (json) {
    print(toJson(summary));
    return 'done';
  }
  const top = await ask(store, id, { question: { kind: 'top', limit: TOP, under: undefined }, fromLog: false });
  print(`${summaryText(summary)}\n${top.text}`);
  return 'done';
}

/** Says on the way how far it is, and afterwards where rows are not what the log says. */
async function bringUpToDate(
  store: HistoryStore,
  { printError, progress, signal }: Surroundings,
): Promise<{ readonly events: number }> {
  const onProgress = (reached: CatchUpProgress): void => {
    progress.show({ work: 'Read models:', ...reached, unit: 'events' });
  };
  const { events, stale } = await catchUp(store, { signal, onProgress }).finally(progress.stop);
  if (stale.length > 0) {
    printError(`Some rows of ${stale.join(', ')} are stale: events of theirs could not be applied. See --rebuild.\n`);
  }
  return { events };
}

function describe(error: unknown): string {
  const isExpected = error instanceof GitHistoryError || error instanceof MinkError || error instanceof MinkDevError;
  if (isExpected) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function toJson(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
