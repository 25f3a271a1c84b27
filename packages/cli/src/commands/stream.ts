import type { Command } from 'commander';
import { parseStreamName, type Until } from 'mink';
import type { Context, GlobalOptions } from '../context.ts';
import { findFold, withStore } from '../database.ts';
import { UsageError } from '../errors.ts';
import { eventBlock, eventJson } from '../event-text.ts';
import { interruptible } from '../interrupt.ts';
import { jsonText } from '../json-text.ts';
import { parseStreamPoint, wholeFrom } from '../option-values.ts';
import { readPastUnknown, type Reading, type ShownEvent } from '../read-past-unknown.ts';
import type { ReadableStore } from '../readable-store.ts';
import { escapeControls } from '../terminal-text.ts';

interface StreamOptions extends GlobalOptions {
  readonly at?: Until | undefined;
  readonly from: number;
  readonly limit?: number | undefined;
  readonly backwards?: boolean | undefined;
  readonly states?: boolean | undefined;
}

const HELP = `
Examples:
  mink stream Order-42
  mink stream Order-42 --at 7                       as it was at version 7
  mink stream Order-42 --at 2026-01-31T10:00:00Z    as it was then
  mink stream Order-42 --backwards --limit 1        its last event
  mink stream Order-42 --states                     the state after each event, and what it changed
  mink stream Order-42 --json | jq .data            one line per event

A stream that does not exist is an error (exit code 1). --states needs a decider or an aggregate of the category in the
config file: export "deciders" or "aggregates".
`;

export function addStreamCommand(program: Command, context: Context): void {
  program
    .command('stream')
    .description('show the events of a stream, with payload and metadata')
    .argument('<name>', 'stream name, such as Order-42')
    .option('--at <version|time>', 'up to this version or recorded time, inclusive', parseStreamPoint)
    .option('--from <version>', 'from this version on', wholeFrom(1), 1)
    .option('--limit <number>', 'at most so many events', wholeFrom(1))
    .option('--backwards', 'the last event first')
    .option('--states', 'the state after each event, and what it changed')
    .addHelpText('after', HELP)
    .action((name: string, _options, command: Command) => stream(context, name, command.optsWithGlobals()));
}

async function stream(context: Context, name: string, options: StreamOptions): Promise<void> {
  const show = options.states === true ? await statesPrinter(context, name, options) : print;
  await withStore(context, options, (store) => interruptible(show(context, { store, name, options }), context.signal));
}

interface Source {
  readonly store: ReadableStore;
  readonly name: string;
  readonly options: StreamOptions;
}

async function print({ stdout, stderr, signal }: Context, source: Source): Promise<void> {
  const { store, name, options } = source;
  const { version } = await store.streamInfoOrThrow(name);
  const text = options.json === true ? (event: ShownEvent) => `${eventJson(event)}\n` : eventBlock;
  if (options.json !== true) await stdout.line(`${escapeControls(name)}, at version ${version}\n`);
  let found = false;
  for await (const page of readPastUnknown(readingOf({ ...source, version, signal }))) {
    found = true;
    await stdout.write(page.map(text).join(''));
  }
  if (!found && options.json !== true) await stderr.line('No events in this range.');
}

/** Prints the state after each event instead of its payload alone. */
async function statesPrinter(context: Context, name: string, options: StreamOptions): Promise<typeof print> {
  const { category, id } = parseStreamName(name);
  if (options.backwards === true) throw new UsageError('--states goes forwards only. Leave out --backwards.');
  const fold = await findFold(context, options, category);
  if (fold === undefined) {
    throw new UsageError(
      `The config file has no decider or aggregate for "${category}". Export it in "deciders" or "aggregates".`,
    );
  }
  return async ({ stdout, stderr, signal }, { store }) => {
    const { version } = await store.streamInfoOrThrow(name);
    if (options.json !== true) await stdout.line(`${escapeControls(name)}, at version ${version}\n`);
    let left = options.limit ?? Infinity;
    for await (const { event, state, changes } of store.history(fold.target, id, { until: options.at, signal })) {
      if (event.streamVersion < options.from || left === 0) continue;
      left -= 1;
      const { type, streamVersion, recordedAt, globalPosition } = event;
      if (options.json === true) {
        await stdout.line(jsonText({ streamVersion, type, recordedAt, globalPosition, state, changes }));
      } else {
        const lines = changes.map(
          (it) => `    ${it.path || 'state'}  ${jsonText(it.before)} → ${jsonText(it.after)}\n`,
        );
        await stdout.write(`${eventBlock(event)}${lines.join('') || '    nothing has changed\n'}`);
      }
    }
    if (left === (options.limit ?? Infinity) && options.json !== true) await stderr.line('No events in this range.');
  };
}

type Range = Source & { readonly version: number; readonly signal: AbortSignal };

function readingOf(range: Range): Reading {
  return range.options.backwards === true ? readingBackwards(range) : readingForwards(range);
}

/** Versions have no gaps, so they tell where an event is that cannot be decoded. */
function readingForwards({ store, name, options, signal }: Range): Reading {
  const { at, from, limit } = options;
  const next = (last: ShownEvent | undefined): number => (last?.streamVersion ?? from - 1) + 1;
  return {
    limit,
    read: ({ last, left }, pageSize) =>
      store.readStream(name, { fromVersion: next(last), until: at, limit: left, pageSize, signal }),
    place: (unknown, last) => ({ ...unknown, streamName: name, streamVersion: next(last) }),
  };
}

/** Which version was the last at a time is not known before an event was read. */
function readingBackwards({ store, name, options, version, signal }: Range): Reading {
  const { at = { version }, from, limit } = options;
  const top = 'version' in at ? Math.min(at.version, version) + 1 : undefined;
  return {
    limit,
    read: ({ last, left }, pageSize) => {
      const until = last === undefined ? at : { position: last.globalPosition - 1 };
      const range = { fromVersion: from, until, limit: left, pageSize, signal };
      return store.readStream(name, { ...range, direction: 'backwards' });
    },
    place: (unknown, last) => {
      const next = last === undefined ? top : last.streamVersion;
      return { ...unknown, streamName: name, streamVersion: next === undefined ? undefined : next - 1 };
    },
  };
}
