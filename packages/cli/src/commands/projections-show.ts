import type { Command } from 'commander';
import type { AnyProjection, Projection, ProjectUntilOptions } from 'mink';
import type { Context, GlobalOptions } from '../context.ts';
import { counted } from '../counted.ts';
import { withProjections } from '../database.ts';
import { UsageError } from '../errors.ts';
import { interruptible } from '../interrupt.ts';
import { jsonText } from '../json-text.ts';
import { parseMoment, wholeFrom } from '../option-values.ts';
import type { ReadableStore } from '../readable-store.ts';
import { Table } from '../table.ts';
import { findProjection } from './find-projection.ts';

interface ShowOptions extends GlobalOptions {
  readonly of?: number | undefined;
  readonly atPosition?: number | undefined;
  readonly atTime?: Date | undefined;
}

interface Shown {
  readonly store: ReadableStore;
  readonly projection: Projection;
  readonly key: string | undefined;
}

interface Entry {
  readonly key: string;
  readonly model: unknown;
  readonly isStale?: boolean | undefined;
}

export function addProjectionsShowCommand(group: Command, context: Context): void {
  group
    .command('show')
    .description('what a projection keeps, now or as it was')
    .argument('<name>', 'name of the projection')
    .argument('[key]', 'only what is kept under this key')
    .option('--of <version>', 'its version, where the config file has more than one', wholeFrom(1))
    .option('--at-position <position>', 'as it was at this position of the log', wholeFrom(0))
    .option('--at-time <time>', 'as it was at this time, such as 2026-01-31T10:00:00Z', parseMoment)
    .action((name: string, key: string | undefined, _options, command: Command) =>
      show(context, command.optsWithGlobals(), { name, key }),
    );
}

async function show(
  context: Context,
  options: ShowOptions,
  { name, key }: { readonly name: string; readonly key: string | undefined },
): Promise<void> {
  const until = untilOf(options);
  await withProjections(context, options, async (store, projections) => {
    const shown = { store, projection: definitionOf(projections, name, options.of), key };
    const work = until === undefined ? showNow(context, options, shown) : showThen(context, options, shown, until);
    await interruptible(work, context.signal);
  });
}

function untilOf({ atPosition, atTime }: ShowOptions): ProjectUntilOptions | undefined {
  if (atPosition !== undefined && atTime !== undefined) {
    throw new UsageError('Give --at-position or --at-time, not both.');
  }
  if (atTime !== undefined) return { time: atTime };
  return atPosition === undefined ? undefined : { position: atPosition };
}

/** Its code makes it: the last version, unless another one is asked for. */
function definitionOf(projections: readonly AnyProjection[], name: string, version: number | undefined): Projection {
  const found = projections
    .filter((it) => it.name === name && (version === undefined || it.version === version))
    .toSorted((left, right) => right.version - left.version)[0];
  if (found === undefined) {
    const known = projections.map((it) => `${it.name} version ${it.version}`).join(', ');
    throw new UsageError(`The config file has no such projection, only: ${known}.`);
  }
  if (found.kind === 'rows') return found;
  throw new UsageError(`"${name}" writes its tables with SQL. Read them with SQL, too.`);
}

async function showNow({ stdout, stderr }: Context, { json }: ShowOptions, shown: Shown): Promise<void> {
  const { store, projection, key } = shown;
  // Without its tables, there is nothing to read.
  await findProjection(store, projection.name, projection.version);
  const reader = store.projections.readModel(projection);
  const table = new Table([{ title: 'KEY' }, { title: 'STALE' }, { title: 'MODEL' }]);
  let found = false;
  const write = async (page: readonly Entry[]): Promise<void> => {
    found ||= page.length > 0;
    const rows = page.map((it) => [it.key, it.isStale === true ? 'yes' : '', jsonText(it.model)]);
    if (json === true) await stdout.write(linesOf(page));
    else if (page.length > 0) await stdout.write(table.page(rows));
  };
  if (key === undefined) {
    for await (const page of reader.list().pages()) await write(page);
  } else {
    const model = await reader.get(key);
    await write(model === undefined ? [] : [{ key, model }]);
  }
  if (!found && json !== true) await stderr.line('Nothing found.');
}

async function showThen(
  { stdout, stderr, signal }: Context,
  { json }: ShowOptions,
  { store, projection, key }: Shown,
  until: ProjectUntilOptions,
): Promise<void> {
  const then = await store.projections.projectUntil(projection, { ...until, key, signal });
  const { models, failed, events, position } = then;
  const keys = [...new Set([...models.keys(), ...failed.keys()])].toSorted();
  const all = keys.map((it) => ({ key: it, model: models.get(it) ?? null, error: failed.get(it)?.message }));
  if (json === true) {
    await stdout.write(linesOf(all));
    return;
  }
  await stderr.line(`Made of ${counted(events, 'event')}, up to position ${position}.`);
  const table = new Table([{ title: 'KEY' }, { title: 'MODEL' }, { title: 'ERROR' }]);
  const rows = all.map((it) => [it.key, it.model === null ? '' : jsonText(it.model), it.error ?? '']);
  if (rows.length > 0) await stdout.write(table.page(rows));
}

function linesOf(entries: readonly Entry[]): string {
  return entries.map((it) => `${jsonText(it)}\n`).join('');
}
