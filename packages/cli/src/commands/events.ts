import type { Command } from 'commander';
import type { LogFilterOptions } from 'mink';
import type { Context, GlobalOptions } from '../context.ts';
import { withStore } from '../database.ts';
import { UsageError } from '../errors.ts';
import { EVENT_COLUMNS, eventJson, eventRow } from '../event-text.ts';
import { interruptible } from '../interrupt.ts';
import { collectStreamName, collectText, parseAfter, parseLogPoint, wholeFrom } from '../option-values.ts';
import { readPastUnknown, type Reading, type ShownEvent } from '../read-past-unknown.ts';
import type { ReadableStore } from '../readable-store.ts';
import { Table } from '../table.ts';

interface EventsOptions extends GlobalOptions {
  readonly follow?: boolean | undefined;
  readonly after: number | 'end';
  readonly until?: { readonly position: number } | { readonly time: Date } | undefined;
  readonly type?: readonly string[] | undefined;
  readonly category?: readonly string[] | undefined;
  readonly stream?: readonly string[] | undefined;
  readonly prefix?: readonly string[] | undefined;
  readonly limit?: number | undefined;
  readonly backwards?: boolean | undefined;
}

const HELP = `
Examples:
  mink events --category Order --type ItemAdded ItemRemoved
  mink events --after 1200 --until 2026-01-31T10:00:00Z
  mink events --backwards --limit 10                the last ten
  mink events --follow --after end                  watch what happens from now on
  mink events --follow --json | jq -c .data         one line per event

All kinds of conditions must hold; of several values of one kind, any. With --follow it runs until Ctrl-C
(exit code 0), or until --limit is reached, and waits for a database that goes away.
`;

export function addEventsCommand(program: Command, context: Context): void {
  program
    .command('events')
    .description('show the log, in the order of its positions')
    .option('-f, --follow', 'go on with new events until Ctrl-C')
    .option('--after <position|end>', 'begin after this position, or with --follow at the end', parseAfter, 0)
    .option('--until <position|time>', 'up to this position or recorded time, inclusive', parseLogPoint)
    .option('--type <names...>', 'only events of these types', collectText)
    .option('--category <names...>', 'only streams of these categories', collectText)
    .option('--stream <names...>', 'only these streams', collectStreamName)
    .option('--prefix <texts...>', 'only streams whose names begin so', collectText)
    .option('--limit <number>', 'at most so many events', wholeFrom(1))
    .option('--backwards', 'the last event first')
    .addHelpText('after', HELP)
    .action((_options, command: Command) => events(context, command.optsWithGlobals()));
}

async function events(context: Context, options: EventsOptions): Promise<void> {
  checkCombination(options);
  const { signal } = context;
  await withStore(context, options, async (store) => {
    if (options.follow !== true) {
      await interruptible(print(context, options, logReading(store, options, signal)), signal);
      return;
    }
    const after = await interruptible(findBeginning(store, options.after, signal), signal);
    await print(context, options, followReading(store, { ...options, after, signal }));
  });
}

function checkCombination({ follow, after, until, backwards }: EventsOptions): void {
  if (follow === true && backwards === true) throw new UsageError('--follow and --backwards exclude each other.');
  if (follow === true && until !== undefined) throw new UsageError('--follow and --until exclude each other.');
  if (follow !== true && after === 'end') {
    throw new UsageError('There is nothing after the end yet: use "--after end" together with --follow.');
  }
}

async function print({ stdout, stderr }: Context, options: EventsOptions, reading: Reading): Promise<void> {
  const table = new Table(EVENT_COLUMNS);
  const text = (page: readonly ShownEvent[]): string =>
    options.json === true ? page.map((event) => `${eventJson(event)}\n`).join('') : table.page(page.map(eventRow));
  let found = false;
  for await (const page of readPastUnknown(reading)) {
    found = true;
    await stdout.write(text(page));
  }
  if (!found && options.json !== true && options.follow !== true) await stderr.line('No events.');
}

/** A subscription waits for a database that is away, even for one that was never there: ask it first. */
async function findBeginning(store: ReadableStore, after: number | 'end', signal: AbortSignal): Promise<number> {
  await store.readBound();
  if (after !== 'end') return after;
  // Without a limit: the last stored event may be one that readers do not see.
  const lastEvent = logReading(store, { after: 0, backwards: true }, signal);
  for await (const [event] of readPastUnknown(lastEvent)) return event?.globalPosition ?? 0;
  return 0;
}

function logReading(store: ReadableStore, options: EventsOptions, signal: AbortSignal): Reading {
  const { after, until, limit, backwards } = options;
  const from = after === 'end' ? 0 : after;
  return {
    limit,
    read: ({ last, left }, pageSize) => {
      const query = { ...filterOf(options), limit: left, pageSize, signal };
      if (backwards !== true) return store.readAll({ ...query, after: last?.globalPosition ?? from, until });
      const end = last === undefined ? until : { position: last.globalPosition - 1 };
      return store.readAll({ ...query, after: from, until: end, direction: 'backwards' });
    },
  };
}

function followReading(
  store: ReadableStore,
  options: EventsOptions & { readonly after: number; readonly signal: AbortSignal },
): Reading {
  const { after, limit, signal } = options;
  return {
    limit,
    read: ({ last }, pageSize) =>
      store.subscribe({ ...filterOf(options), after: last?.globalPosition ?? after, pageSize, signal }),
  };
}

function filterOf({ type, category, stream, prefix }: EventsOptions): LogFilterOptions<string, string> {
  return { types: type, categories: category, streamNames: stream, streamPrefixes: prefix };
}
