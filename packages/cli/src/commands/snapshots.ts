import type { Command } from 'commander';
import type { RecreatedSnapshots, SnapshotInfo, VerifiedSnapshots, WrongSnapshot } from 'mink';
import type { Context, GlobalOptions } from '../context.ts';
import { counted } from '../counted.ts';
import { foldsWithSnapshots, withStore } from '../database.ts';
import type { ConfigFold } from '../config-file.ts';
import { SnapshotsNotCheckedError, SnapshotsNotMadeError, SnapshotsWrongError, UsageError } from '../errors.ts';
import { interruptible } from '../interrupt.ts';
import { jsonText } from '../json-text.ts';
import { parseMoment, parseText, wholeFrom } from '../option-values.ts';
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

interface RecreateOptions extends Scope {
  readonly all?: boolean | undefined;
  readonly madeBefore?: Date | undefined;
}

const HELP = `
Examples:
  mink snapshots list --category Order
  mink snapshots run --min-events 500        for all deciders and aggregates of the config file
  mink snapshots verify                      compares them with the events; exit code 1 if one is wrong
  mink snapshots recreate                    makes those anew that are wrong, or of an older version or shape
  mink snapshots recreate --all              all of them
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
  add('recreate', 'make snapshots anew that are wrong, or of an older version or shape')
    .option('--all', 'those that are right, too')
    .option('--made-before <time>', 'only those made before, to go on with --all', parseMoment)
    .action((_options, command: Command) => recreate(context, command.optsWithGlobals()));
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
        (done: { readonly streams: number }) => `${category}: ${counted(done.streams, 'stream')}`,
      );
      const work = store.snapshots.create(target, { minEvents: options.minEvents, signal, onProgress });
      const done = await interruptible(work, signal);
      if (options.json === true) await stdout.line(jsonText({ category, ...done }));
      else
        await stdout.line(
          `${category}: ${counted(done.created, 'snapshot')} made of ${counted(done.streams, 'stream')}`,
        );
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
      const verified = await interruptible(store.snapshots.verify(target, { signal, onProgress }), signal);
      await stdout.write(options.json === true ? verifiedJson(category, verified) : verifiedText(category, verified));
      const { wrong, unchecked } = verified;
      if (wrong.length > 0) throw new SnapshotsWrongError(category, wrong.length);
      if (unchecked.length > 0) throw new SnapshotsNotCheckedError(category, unchecked.length);
    }
  });
}

function verifiedText(category: string, { checked, wrong, unchecked }: VerifiedSnapshots): string {
  const without = unchecked.length === 0 ? '' : `, ${unchecked.length} not checked`;
  return [
    `${category}: ${counted(checked, 'snapshot')} checked, ${wrong.length} wrong${without}`,
    ...wrong.map((it) => `  ${describe(it)}`),
    ...unchecked.map((it) => `  ${placeOf(it)}: not checked: ${textOf(it.error)}`),
    '',
  ].join('\n');
}

function verifiedJson(category: string, { checked, wrong, unchecked }: VerifiedSnapshots): string {
  const errors = unchecked.map(({ error, ...place }) => ({ ...place, error: textOf(error) }));
  return `${jsonText({ category, checked, wrong, unchecked: errors })}\n`;
}

function placeOf({ streamName, streamVersion }: Pick<WrongSnapshot, 'streamName' | 'streamVersion'>): string {
  return `${streamName} at version ${streamVersion}`;
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function recreate(context: Context, options: RecreateOptions): Promise<void> {
  const { stdout, signal } = context;
  const { all, madeBefore } = options;
  const folds = await chosen(context, options);
  const failures: SnapshotsNotMadeError[] = [];
  await withStore(context, options, async (store) => {
    for (const { category, target } of folds) {
      const onProgress = progressOf(
        context,
        options,
        (done: RecreatedSnapshots) => `${category}: ${done.recreated} of ${done.streams} made anew`,
      );
      const work = store.snapshots.recreate(target, { all, madeBefore: madeBefore?.getTime(), signal, onProgress });
      const done = await interruptible(work, signal);
      if (options.json === true) await stdout.line(jsonText({ category, ...done }));
      else await stdout.line(`${category}: ${counted(done.recreated, 'snapshot')} made anew of ${done.streams}`);
      if (done.failed > 0) failures.push(new SnapshotsNotMadeError(category, done.failed));
    }
  });
  // What can be made of the other categories is made all the same.
  const [failure] = failures;
  if (failure !== undefined) throw failure;
}

function describe({ streamName, streamVersion, flaw, differences }: WrongSnapshot): string {
  const place = placeOf({ streamName, streamVersion });
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
    else await context.stdout.line(`${counted(deleted, 'snapshot')} deleted`);
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
