import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { CheckedShapes, RecordedShape, ScannedShapes, ShapeSample } from 'mink';
import { shapeText } from 'mink';
import { readFixtures } from 'mink/testing';
import { loadConfig } from '../config-file.ts';
import type { Context, GlobalOptions } from '../context.ts';
import { counted } from '../counted.ts';
import { withConfiguredStore, withStore } from '../database.ts';
import { FixturesMissingError, OldCodeBrokenError, SchemaBrokenError, ShapesNotRecordedError } from '../errors.ts';
import { writeFixtures } from '../fixture-files.ts';
import { interruptible } from '../interrupt.ts';
import { jsonText } from '../json-text.ts';
import { withOldCode } from '../old-code.ts';
import { parseText } from '../option-values.ts';
import { progressOf } from '../progress.ts';
import type { ReadableStore } from '../readable-store.ts';
import { brokenText, changelogText, shownBroken } from '../schema-text.ts';
import { Table } from '../table.ts';

interface Scope extends GlobalOptions {
  readonly category?: string | undefined;
  readonly type?: string | undefined;
}

interface CheckOptions extends GlobalOptions {
  readonly fixtures?: string | undefined;
  readonly against?: string | undefined;
}

const HELP = `
Examples:
  mink schema check                          try this code on every recorded shape; exit code 1 if one would break
  mink schema fixtures fixtures              write payloads of every shape to files, for tests without a database
  mink schema check --fixtures fixtures      try this code on them
  mink schema check --against origin/main    also: can the code of a rolling deployment's other half read what this code writes?
  mink schema scan                           count events, and record shapes that are older than the catalogue
  mink schema changelog                      how payloads have changed, as Markdown

A shape is what a payload looks like, without its values. Appends record them; check needs the store of the config file.
`;

export function addSchemaCommand(program: Command, context: Context): void {
  const group = program
    .command('schema')
    .description('what the log holds, by its shapes, and whether this code can read it')
    .addHelpText('after', HELP);
  group
    .command('shapes')
    .description('list the recorded shapes')
    .option('--category <name>', 'only of this category', parseText)
    .option('--type <name>', 'only of this event type', parseText)
    .action((_options, command: Command) => list(context, command.optsWithGlobals()));
  group
    .command('scan')
    .description('go through the log, record shapes that are not recorded, and count the events of each')
    .option('--rebuild', 'count all events anew, not only those since the last scan')
    .action((_options, command: Command) => scan(context, command.optsWithGlobals()));
  group
    .command('check')
    .description('decode, upcast and fold every recorded shape with this code')
    .option('--fixtures <directory>', 'try the payloads of these files instead of the database', parseText)
    .option('--against <ref>', 'a git ref: can its code read what this code writes, too?', parseText)
    .action((_options, command: Command) => check(context, command.optsWithGlobals()));
  group
    .command('fixtures')
    .description('write payloads of every recorded shape, with made-up values, to files that are not there yet')
    .argument('<directory>', 'where to write them')
    .action((directory: string, _options, command: Command) => fixtures(context, command.optsWithGlobals(), directory));
  group
    .command('changelog')
    .description('how the payloads of every type have changed, as Markdown')
    .action((_options, command: Command) => changelog(context, command.optsWithGlobals()));
}

async function list(context: Context, options: Scope): Promise<void> {
  const { stdout, stderr, signal } = context;
  const { category, type } = options;
  await withStore(context, options, async (store) => {
    const print = async (): Promise<void> => {
      const table = new Table([
        { title: 'CATEGORY' },
        { title: 'TYPE' },
        { title: 'VERSION', align: 'right' },
        { title: 'EVENTS', align: 'right' },
        { title: 'SHAPE' },
      ]);
      let found = false;
      for await (const page of store.schema.shapes({ category, type }).pages()) {
        if (page.length === 0) continue;
        found = true;
        if (options.json === true) await stdout.write(page.map((it) => `${jsonText(shown(it))}\n`).join(''));
        else await stdout.write(table.page(page.map(rowOf)));
      }
      if (!found && options.json !== true) await stderr.line('No shapes are recorded.');
    };
    await interruptible(print(), signal);
  });
}

function shown({ recordedAt, ...shape }: RecordedShape): object {
  return { ...shape, recordedAt: new Date(recordedAt).toISOString() };
}

function rowOf({ category, type, schemaVersion, eventCount, shape }: RecordedShape): readonly string[] {
  return [category, type, String(schemaVersion), String(eventCount), shapeText(shape)];
}

async function scan(context: Context, options: GlobalOptions & { readonly rebuild?: boolean }): Promise<void> {
  const { stdout, signal } = context;
  await withStore(context, options, async (store) => {
    const onProgress = progressOf(context, options, ({ events, position, end }: ScannedShapes) => {
      return `${counted(events, 'event')}, position ${position} of ${end}`;
    });
    const { rebuild } = options;
    const scanned = await interruptible(store.schema.scan({ rebuild, signal, onProgress }), signal);
    if (options.json === true) await stdout.line(jsonText(scanned));
    else
      await stdout.line(
        `${counted(scanned.events, 'event')} scanned, ${counted(scanned.found, 'shape')} ${scanned.found === 1 ? 'was' : 'were'} not recorded`,
      );
  });
}

async function check(context: Context, options: CheckOptions): Promise<void> {
  const { folds } = await loadConfig(context.cwd, options.config);
  const targets = folds.map(({ target }) => target);
  await withConfiguredStore(context, options, async (store) => {
    const payloads = options.fixtures === undefined ? undefined : fixturesIn(context, options.fixtures);
    const checked =
      payloads === undefined
        ? await checkDatabase(context, options, store, targets)
        : store.schema.checkSamples(targets, payloads);
    await report(context, options, { ref: undefined, checked, noun: payloads === undefined ? 'shape' : 'payload' });
    if (checked.broken.length > 0) throw new SchemaBrokenError(checked.broken.length);
    if (options.against === undefined) return;
    const samples = store.schema.rewrite(payloads ?? (await store.schema.samples()));
    await checkOldCode(context, options, options.against, { samples, written: store.schema.types() });
  });
}

type Targets = Parameters<ReadableStore['schema']['check']>[0];

async function checkDatabase(
  context: Context,
  options: GlobalOptions,
  store: ReadableStore,
  targets: Targets,
): Promise<CheckedShapes> {
  const { signal } = context;
  const onProgress = progressOf(context, options, ({ shapes, streams }: Pick<CheckedShapes, 'shapes' | 'streams'>) => {
    return `${counted(shapes, 'shape')}, ${counted(streams, 'stream')}`;
  });
  const checked = await interruptible(store.schema.check(targets, { signal, onProgress }), signal);
  if (checked.shapes === 0 && (await store.readBound()).position > 0) throw new ShapesNotRecordedError();
  return checked;
}

function fixturesIn({ cwd }: Context, directory: string): readonly ShapeSample[] {
  let payloads: readonly ShapeSample[];
  try {
    payloads = readFixtures(resolve(cwd, directory));
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) {
      throw new FixturesMissingError(directory, { cause: error });
    }
    throw error;
  }
  if (payloads.length === 0) throw new FixturesMissingError(directory);
  return payloads;
}

/** Whether the code of a git ref can read what this code writes. */
async function checkOldCode(
  context: Context,
  options: GlobalOptions,
  ref: string,
  of: { readonly samples: readonly ShapeSample[]; readonly written: readonly Omit<ShapeSample, 'data'>[] },
): Promise<void> {
  const checked = await withOldCode(context, options, ref, ({ store, folds }) =>
    store.schema.checkSamples(
      folds.map(({ target }) => target),
      of.samples,
    ),
  );
  const tried = new Set(of.samples.map(keyOf));
  const untried = of.written.filter((it) => !tried.has(keyOf(it)));
  await report(context, options, { ref, checked, noun: 'payload', untried });
  if (checked.broken.length > 0) throw new OldCodeBrokenError(ref, checked.broken.length);
}

function keyOf({ category, type, schemaVersion }: Omit<ShapeSample, 'data'>): string {
  return JSON.stringify([category, type, schemaVersion]);
}

async function report(
  { stdout, stderr }: Context,
  { json }: GlobalOptions,
  of: {
    /** Of the old code; undefined for that of now. */
    readonly ref: string | undefined;
    readonly checked: CheckedShapes;
    readonly noun: 'shape' | 'payload';
    /** Types that are written, of which no payload is known. */
    readonly untried?: readonly Omit<ShapeSample, 'data'>[];
  },
): Promise<void> {
  const { ref, checked, noun, untried = [] } = of;
  const { shapes, generated, elsewhere, streams, broken, suspected } = checked;
  if (json === true) {
    const found = { broken: broken.map(shownBroken), suspected: suspected.map(shownBroken) };
    await stdout.line(jsonText({ ref: ref ?? null, shapes, generated, elsewhere, streams, untried, ...found }));
    return;
  }
  const what = ref === undefined ? 'This code' : `The code of ${ref}, beside this one,`;
  const how = generated === 0 ? '' : `, ${generated} of them with made-up values`;
  await stdout.line(`${what} was tried on ${counted(shapes, noun)}${how}: ${broken.length} would break`);
  await stdout.write(broken.map(brokenText).join(''));
  if (suspected.length > 0) {
    await stdout.line(
      `Of made-up values, ${suspected.length} would break. No event in the log was found to be like them:`,
    );
    await stdout.write(suspected.map(brokenText).join(''));
  }
  if (elsewhere > 0)
    await stderr.line(`Not tried: ${counted(elsewhere, 'shape')} of categories that are not defined here.`);
  for (const { category, type, schemaVersion } of untried) {
    await stderr.line(`Not tried: ${category} ${type} version ${schemaVersion}, of which no payload is known.`);
  }
}

async function fixtures(context: Context, options: GlobalOptions, directory: string): Promise<void> {
  const { stdout, signal } = context;
  await withStore(context, options, async (store) => {
    const shapes = await interruptible(store.schema.shapes().toArray(), signal);
    if (shapes.length === 0) throw new ShapesNotRecordedError();
    const samples = await interruptible(store.schema.samples(), signal);
    const { written, kept } = await writeFixtures(resolve(context.cwd, directory), shapes, samples);
    if (options.json === true) await stdout.line(jsonText({ directory, written, kept }));
    else await stdout.line(`${counted(written, 'fixture')} written to ${directory}, ${kept} already there`);
  });
}

async function changelog(context: Context, options: GlobalOptions): Promise<void> {
  const { stdout, signal } = context;
  await withStore(context, options, async (store) => {
    const history = await interruptible(store.schema.changelog(), signal);
    if (options.json === true) await stdout.write(history.map((type) => `${jsonText(type)}\n`).join(''));
    else await stdout.write(changelogText(history));
  });
}
