import type { ImportResult } from '../import/import-history.ts';
import type { Totals } from '../questions/totals.ts';
import { counted } from './answers.ts';
import { numeric, table, wholeNumber } from './table.ts';

/** What an import did, for people and for `--json`. */
export interface Summary {
  readonly repository: string;
  /** In the store now, all imports together. */
  readonly commits: number;
  readonly files: number;
  readonly authors: number;
  readonly events: number;
  /** By this import. */
  readonly appended: { readonly commits: number; readonly events: number };
  /** By earlier imports. */
  readonly alreadyThere: { readonly commits: number; readonly events: number };
  /** See `ImportResult.left`. */
  readonly left: number;
  readonly seconds: number;
  readonly eventsPerSecond: number;
  /** What was applied to the read models after the import: an event counts once for each that reads it. */
  readonly readModels: { readonly events: number; readonly seconds: number; readonly eventsPerSecond: number };
  /** The most memory this process had, without Git and PostgreSQL. */
  readonly peakMemoryMegabytes: number;
}

export function summarize(
  { before, appended, left }: ImportResult,
  facts: {
    readonly repository: string;
    readonly totals: Totals;
    readonly seconds: number;
    readonly caughtUp: { readonly events: number; readonly seconds: number };
  },
): Summary {
  const { repository, totals, seconds, caughtUp } = facts;
  return {
    repository,
    commits: before.commits + appended.commits,
    ...totals,
    appended: { commits: appended.commits, events: appended.events },
    alreadyThere: { commits: before.commits, events: before.events },
    left,
    ...rate(appended.events, seconds),
    readModels: { events: caughtUp.events, ...rate(caughtUp.events, caughtUp.seconds) },
    peakMemoryMegabytes: peakMemory(),
  };
}

function rate(events: number, seconds: number): Pick<Summary, 'seconds' | 'eventsPerSecond'> {
  return {
    seconds: Math.round(seconds * 100) / 100,
    eventsPerSecond: Math.round(events / Math.max(seconds, 0.001)),
  };
}

/** The most memory this process had until now, in megabytes, without Git and PostgreSQL. */
export function peakMemory(): number {
  return Math.round(process.resourceUsage().maxRSS / 1_024);
}

export function summaryText(summary: Summary): string {
  const { appended, alreadyThere, commits, files, authors, events, readModels } = summary;
  const rows = [
    ['appended now', appended.commits, appended.events],
    ['already there', alreadyThere.commits, alreadyThere.events],
    ['in the store', commits, events],
  ];
  const left =
    summary.left === 0
      ? ''
      : `At least ${counted(summary.left, 'commit')} imported earlier are not in this history: it was rewritten, or another branch is checked out. Their events stay.\n`;
  return (
    `Repository ${summary.repository}: ${counted(files, 'file')} and ${counted(authors, 'author')}\n` +
    table(['', numeric('commits'), numeric('events')], rows) +
    `Import: ${rateText(summary)}\nRead models: ${counted(readModels.events, 'event')} applied, ${rateText(readModels)}\nPeak memory ${wholeNumber(summary.peakMemoryMegabytes)} MB\n${left}`
  );
}

function rateText({ seconds, eventsPerSecond }: Pick<Summary, 'seconds' | 'eventsPerSecond'>): string {
  return `${seconds.toFixed(2)} seconds, ${wholeNumber(eventsPerSecond)} events a second`;
}
