import type { Command } from 'commander';
import type { SnapshotInfo, WrongSnapshot } from 'mink';
import type { Context, GlobalOptions } from '../context.ts';
import { foldsWithSnapshots, withStore } from '../database.ts';
import type { ConfigFold } from '../config-file.ts';
import { SnapshotsNotMadeError, SnapshotsWrongError, UsageError } from '../errors.ts';
import { interruptible } from '../interrupt.ts';
import { jsonText } from '../json-text.ts';
import { parseText, wholeFrom } from '../option-values.ts';
import { progressOf } from '../progress.ts';
import { Table } from '../table.ts';

interface Scope extends GlobalOptions {
  readonly category?: string | undefined;
  readonly stream?: string | undefined;
}

interface PruneOptions extends Scope {
  readonly keep?: number | undefined;
  readonly olderThan?: number | undefined;
}

interface RunOptions extends GlobalOptions {
  readonly category?: string | undefined;
  readonly minEvents: number;
}

const HELP = `
Examples:
  mink snapshots list --category Order
  mink snapshots run --min-events 500        for all deciders and aggregates of the config file
  mink snapshots verify                      compares them with the events; exit code 1 if one is wrong
  mink snapshots prune --keep 1 --older-than 30

Snapshots may be deleted at any time: the next loads replay the events.
`;
const MILLISECONDS_PER_DAY = 86_400_000;

export function addSnapshotsCommand(program: Command, context: Context): void {
  const group = program
    .command('snapshots')
    .description('list, make, check and delete snapshots')
    .addHelpText('after', HELP);
  const add = (name: string, description: string): Command =>
    group.command(name).description(description).option('--category <name>', 'only of this category', parseText);
  add('list', 'list the snapshots, without their states')
    .option('--stream <name>', 'only of this stream', parseText)
    .action((_options, command: Command) => list(context, command.optsWithGlobals()));
  add('run', 'make snapshots of all streams that have come far enough')
    .option('--min-events <number>', 'events since the last snapshot, at least', wholeFrom(1), 100)
    .action((_options, command: Command) => make(context, command.optsWithGlobals()));
  add('verify', 'compare the last snapshot of every stream with its events').action((_options, command: Command) =>
    verify(context, command.optsWithGlobals()),
  );
  add('prune', 'delete snapshots')
    .option('--stream <name>', 'only of this stream', parseText)
    .option('--keep <number>', 'keep so many of each stream', wholeFrom(0))
    .option('--older-than <days>', 'only those made before so many days', wholeFrom(0))
    .action((_options, command: Command) => prune(context, command.optsWithGlobals()));
}

async function list(context: Context, options: Scope): Promise<void> {
  const { category, stream: streamName } = options;
  const { stdout, stderr, signal } = context;
  await withStore(context, options, async (store) => {
    const print = async (): Promise<void> => {
      const table = new Table([
        { title: 'STREAM' },
        { title: 'NAME' },
        { title: 'VERSION', align: 'right' },
        { title: 'FORM', align: 'right' },
        { title: 'CHARACTERS', align: 'right' },
        { title: 'MADE' },
      ]);
      let found = false;
      for await (const page of store.snapshots.list({ category, streamName }).pages()) {
        if (page.length === 0) continue;
        found = true;
        if (options.json === true) await stdout.write(page.map((it) => `${jsonText(shown(it))}\n`).join(''));
        else await stdout.write(table.page(page.map(rowOf)));
      }
      if (!found && options.json !== true) await stderr.line('No snapshots.');
    };
    await interruptible(print(), signal);
  });
}

/** In the words of the series: the state itself is in the database. */
function shown({
  streamName,
  category,
  name,
  streamVersion,
  schemaVersion,
  shape,
  size,
  createdAt,
}: SnapshotInfo): object {
  const aggregateId = streamName.slice(category.length + 1);
  const at = new Date(createdAt).toISOString();
  return {
    aggregateId,
    aggregateType: category,
    name,
    version: streamVersion,
    schemaVersion,
    shape,
    size,
    createdAt: at,
  };
}

function rowOf({ streamName, name, streamVersion, schemaVersion, size, createdAt }: SnapshotInfo): readonly string[] {
  const numbers = [streamVersion, schemaVersion, size].map(String);
  return [streamName, name, ...numbers, new Date(createdAt).toISOString()];
}

async function make(context: Context, options: RunOptions): Promise<void> {
  const { stdout, signal } = context;
  const folds = await chosen(context, options);
  await withStore(context, options, async (store) => {
    for (const { category, target } of folds) {
      const onProgress = progressOf(
        context,
        options,
        (done: { readonly streams: number }) => `${category}: ${done.streams} streams`,
      );
      const work = store.snapshots.create(target, { minEvents: options.minEvents, signal, onProgress });
      const done = await interruptible(work, signal);
      if (options.json === true) await stdout.line(jsonText({ category, ...done }));
      else await stdout.line(`${category}: ${done.created} snapshots made of ${done.streams} streams`);
      if (done.failed > 0) throw new SnapshotsNotMadeError(category, done.failed);
    }
  });
}

async function verify(context: Context, options: Scope): Promise<void> {
  const { stdout, signal } = context;
  const folds = await chosen(context, options);
  await withStore(context, options, async (store) => {
    for (const { category, target } of folds) {
      const onProgress = progressOf(context, options, (checked: number) => `${category}: ${checked} checked`);
      const { checked, wrong } = await interruptible(store.snapshots.verify(target, { signal, onProgress }), signal);
      if (options.json === true) await stdout.line(jsonText({ category, checked, wrong }));
      else await stdout.line(`${category}: ${checked} snapshots checked, ${wrong.length} wrong`);
      if (wrong.length === 0) continue;
      if (options.json !== true) await stdout.write(wrong.map((it) => `  ${describe(it)}\n`).join(''));
      throw new SnapshotsWrongError(category, wrong.length);
    }
  });
}

function describe({ streamName, streamVersion, flaw, differences }: WrongSnapshot): string {
  const place = `${streamName} at version ${streamVersion}`;
  if (flaw !== undefined) return `${place}: ${flaw}; no load uses it`;
  const shown = differences
    .slice(0, 3)
    .map((it) => `${it.path || 'state'} ${jsonText(it.after)} instead of ${jsonText(it.before)}`);
  const more = differences.length > shown.length ? `, and ${differences.length - shown.length} more` : '';
  return `${place}: loads use it, and it is wrong: ${shown.join(', ')}${more}`;
}

async function prune(context: Context, options: PruneOptions): Promise<void> {
  const { category, stream: streamName, keep, olderThan } = options;
  if ([category, streamName, keep, olderThan].every((condition) => condition === undefined)) {
    throw new UsageError('All snapshots would be deleted. Say which: --category, --stream, --keep or --older-than.');
  }
  const before = olderThan === undefined ? undefined : Date.now() - olderThan * MILLISECONDS_PER_DAY;
  await withStore(context, options, async (store) => {
    const work = store.snapshots.delete({ category, streamName, keep, before });
    const deleted = await interruptible(work, context.signal);
    if (options.json === true) await context.stdout.line(jsonText({ deleted }));
    else await context.stdout.line(`${deleted} snapshots deleted`);
  });
}

/** Those of the category that was asked for, or all. */
async function chosen(context: Context, options: Scope): Promise<readonly ConfigFold[]> {
  const folds = await foldsWithSnapshots(context, options);
  const { category } = options;
  const found = category === undefined ? folds : folds.filter((fold) => fold.category === category);
  if (found.length > 0) return found;
  const known = folds.map((fold) => fold.category).join(', ');
  throw new UsageError(
    `The config file has no decider or aggregate with snapshots for "${category}", only for ${known}.`,
  );
}
