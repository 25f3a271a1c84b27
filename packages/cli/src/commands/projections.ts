import type { Command } from 'commander';
import {
  createProjectionEngine,
  type AnyProjection,
  type FeedStatus,
  type ProjectionId,
  type ProjectionKind,
  type ProjectionStatus,
  type StoredProjection,
  type SubscriptionStart,
} from 'mink';
import { addConfirmation, confirmed, type ConfirmOptions, type Effect } from '../confirm.ts';
import type { Context, GlobalOptions } from '../context.ts';
import { counted } from '../counted.ts';
import { withProjections, withStore } from '../database.ts';
import { interruptible } from '../interrupt.ts';
import { jsonText } from '../json-text.ts';
import { lagText } from '../lag-text.ts';
import { wholeFrom } from '../option-values.ts';
import type { ReadableStore } from '../readable-store.ts';
import { Table } from '../table.ts';
import { findProjection } from './find-projection.ts';
import { addProjectionsHistoryCommand } from './projections-history.ts';
import { addProjectionsInlineCommands } from './projections-inline.ts';
import { addProjectionsShowCommand } from './projections-show.ts';
import { addProjectionsVerifyCommand } from './projections-verify.ts';
import { withVersions } from '../versions.ts';
import { addVersionCommands, VERSIONS_HELP } from './projection-versions.ts';
import { addRebuildAllCommand } from './rebuild-all-projections.ts';

/** Options of what is done with one projection or subscription. */
export interface VersionOptions extends GlobalOptions {
  readonly of?: number | undefined;
  readonly from?: SubscriptionStart | undefined;
}

interface ChangeOptions extends VersionOptions, ConfirmOptions {}

const HELP = `
Examples:
  mink projections list                 how far each has come, and who works on it
  mink projections status               … and how far it is behind; needs "projections" of the config file
  mink projections show cart-summary    what it keeps; with a key, only what is kept under it
  mink projections show cart-summary Cart-1 --at-time 2026-01-31T10:00:00Z    … as it was then, made of the log
  mink projections history cart-summary where it was, minute by minute, and how fast; --since a time
  mink projections pause cart-summary   stop it, wherever it runs, until it is resumed
  mink projections reset cart-summary   empty its read model and apply the log to it again
  mink projections partition cart-summary 4   work on it in four parts, in one process or in several
  mink projections inline cart-summary  apply it in every append from now on; async gives it back to an engine
  mink projections verify cart-summary  prove that every event was applied once; exit code 1 if not
  mink projections verify cart-summary --deep   prove its rows: apply the log again beside it, and compare

A projection is named with its version where it has more than one: --of 2.
${VERSIONS_HELP}`;

export function addProjectionsCommand(program: Command, context: Context): void {
  const group = program
    .command('projections')
    .description('how read models are doing, and what they hold; their versions: build, compare, switch, rebuild')
    .addHelpText('after', HELP);
  group
    .command('list')
    .description('all projections that were ever started')
    .action((_options, command: Command) => list(context, command.optsWithGlobals(), 'projection'));
  group
    .command('status')
    .description('how far the projections of the config file are behind')
    .action((_options, command: Command) => status(context, command.optsWithGlobals(), 'projection'));
  addProjectionsShowCommand(group, context);
  addProjectionsHistoryCommand(group, context);
  addProjectionsInlineCommands(group, context);
  const add = (verb: 'pause' | 'resume' | 'reset', description: string): Command =>
    group
      .command(verb)
      .description(description)
      .argument('<name>', 'name of the projection')
      .option('--of <version>', 'its version, where it has more than one', wholeFrom(1))
      .action((name: string, _options, command: Command) => change(context, command.optsWithGlobals(), { verb, name }));
  add('pause', 'stop a projection, wherever it runs, until it is resumed');
  add('resume', 'let a paused or faulted projection go on');
  addConfirmation(add('reset', 'empty the read model, and apply the log to it from the beginning'));
  group
    .command('partition')
    .description('change in how many parts a projection is worked on, while it runs')
    .argument('<name>', 'name of the projection')
    .argument('<count>', 'from 1 to 64', wholeFrom(1))
    .option('--of <version>', 'its version, where it has more than one', wholeFrom(1))
    .action((name: string, count: number, _options, command: Command) =>
      partition(context, command.optsWithGlobals(), { name, count }),
    );
  addProjectionsVerifyCommand(group, context);
  addVersionCommands(group, context);
  addRebuildAllCommand(group, context);
}

/** All of a kind that were ever started. */
export async function list(context: Context, options: GlobalOptions, kind: ProjectionKind): Promise<void> {
  const { stdout, stderr, signal } = context;
  await withVersions(context, options, async ({ store, projections }) => {
    const stored = await interruptible(store.projections.list(), signal);
    const all = stored.filter((it) => it.kind === kind).map((it) => ({ ...it, hasCode: hasCode(projections, it) }));
    if (options.json === true) await stdout.write(all.map((it) => `${jsonText(shown(it))}\n`).join(''));
    else if (all.length === 0) await stderr.line(`No ${kind}s.`);
    else await stdout.write(tableOf(all));
  });
}

/** Undefined where it cannot be told: there is no config file, or it is that of another store. */
function hasCode(projections: readonly AnyProjection[], { name, version }: StoredProjection): boolean | undefined {
  if (projections.length === 0) return undefined;
  return projections.some((it) => it.name === name && it.version === version);
}

type Listed = StoredProjection & { readonly hasCode: boolean | undefined };

function shown({ movedAt, ...projection }: Listed): object {
  return { ...projection, movedAt: new Date(movedAt).toISOString() };
}

function tableOf(projections: readonly Listed[]): string {
  const table = new Table([
    { title: 'NAME' },
    { title: 'VERSION', align: 'right' },
    { title: 'LIVE' },
    { title: 'STATE' },
    { title: 'POSITION', align: 'right' },
    { title: 'EVENTS', align: 'right' },
    { title: 'PARKED', align: 'right' },
    { title: 'CODE' },
    { title: 'OWNER' },
    { title: 'ERROR' },
  ]);
  return table.page(
    projections.map(({ name, version, isLive, state, position, events, parkedKeys, hasCode, owner, error }) => {
      const code = hasCode === undefined ? '' : hasCode ? 'yes' : 'no';
      const numbers = [position, events, parkedKeys].map(String);
      return [name, String(version), isLive ? 'live' : '', state, ...numbers, code, owner ?? '', error ?? ''];
    }),
  );
}

/** How far those of a kind are behind that the config file has. */
export async function status(context: Context, options: GlobalOptions, kind: ProjectionKind): Promise<void> {
  const { stdout, stderr, signal } = context;
  await withProjections(context, options, async (store, projections) => {
    const engine = createProjectionEngine(store, projections);
    const [statuses, feed] = await interruptible(Promise.all([engine.status(), store.feedStatus()]), signal);
    const all = statuses.filter((it) => it.kind === kind);
    if (options.json === true) await stdout.write(all.map((it) => `${jsonText(it)}\n`).join(''));
    else if (all.length === 0) await stderr.line(`No ${kind}s in the config file.`);
    else await stdout.write(lagTable(all));
    if (options.json !== true && isHeld(feed)) await stderr.line(heldText(feed));
  });
}

/** Longer than an append takes. */
const HELD_AGE = 1_000;

function isHeld({ heldBy }: FeedStatus): boolean {
  return heldBy.some(({ age = HELD_AGE }) => age >= HELD_AGE);
}

/** What nobody can read yet is behind nobody's checkpoint. */
function heldText({ position, head }: FeedStatus): string {
  return `The log can be read to position ${position} of ${head} only, and what comes behind is not counted here: see "mink feed".`;
}

function lagTable(statuses: readonly ProjectionStatus[]): string {
  const table = new Table([
    { title: 'NAME' },
    { title: 'VERSION', align: 'right' },
    { title: 'STATE' },
    { title: 'BEHIND', align: 'right' },
    { title: 'SECONDS', align: 'right' },
    { title: 'PARKED', align: 'right' },
    { title: 'ERROR' },
  ]);
  return table.page(
    statuses.map(({ name, version, state, lagEvents, lagTime, parkedKeys, error }) => {
      return [
        name,
        String(version),
        state,
        lagText(lagEvents),
        (lagTime / 1_000).toFixed(1),
        String(parkedKeys),
        error ?? '',
      ];
    }),
  );
}

/** What can be done with one. */
export type Verb = 'pause' | 'resume' | 'reset' | 'replay';

const DONE: Readonly<Record<Verb, string>> = {
  pause: 'paused',
  resume: 'resumed',
  reset: 'reset',
  replay: 'replaying',
};

/** Does it, and says so. */
export async function change(
  context: Context,
  options: ChangeOptions,
  { verb, name }: { readonly verb: Verb; readonly name: string },
): Promise<void> {
  const { stdout, signal } = context;
  await withStore(context, options, async (store) => {
    const projection = await interruptible(findProjection(store, name, options.of), signal);
    const { projections } = store;
    const { from = 'start' } = options;
    const effect = await effectOf(store, projection, { verb, from });
    if (effect !== undefined && !(await confirmed(context, options, effect))) return;
    const work = verb === 'replay' ? projections.replay(projection, { from }) : projections[verb](projection);
    await interruptible(work, signal);
    const done = DONE[verb];
    if (options.json === true) await stdout.line(jsonText({ ...projection, done }));
    else await stdout.line(`${projection.name} version ${projection.version}: ${done}`);
  });
}

/** What is not taken back; undefined for what is. */
async function effectOf(
  store: ReadableStore,
  { name, version }: ProjectionId,
  { verb, from }: { readonly verb: Verb; readonly from: SubscriptionStart },
): Promise<Effect | undefined> {
  if (verb === 'pause' || verb === 'resume') return undefined;
  const known = (await store.projections.list()).find((it) => it.name === name && it.version === version);
  const { events = 0, parkedKeys = 0, position = 0 } = known ?? {};
  const facts = { name, version, events, parkedKeys, position };
  const forgotten = parkedKeys === 0 ? '' : `, forget ${counted(parkedKeys, 'parked key')}`;
  if (verb === 'reset') {
    const text = `empty ${name} version ${version} (${counted(events, 'event')} handled)${forgotten}, and apply the log to it again`;
    return { text, facts };
  }
  const what =
    from === 'end' ? 'leave out what was not delivered yet' : `deliver again what comes behind ${String(from)}`;
  return { text: `let ${name}, now at position ${position}, ${what}${forgotten}`, facts: { ...facts, from } };
}

async function partition(
  context: Context,
  options: VersionOptions,
  { name, count }: { readonly name: string; readonly count: number },
): Promise<void> {
  const { stdout, signal } = context;
  await withStore(context, options, async (store) => {
    const projection = await interruptible(findProjection(store, name, options.of), signal);
    const { partitions, wanted } = await interruptible(store.projections.partition(projection, count), signal);
    if (options.json === true) {
      await stdout.line(jsonText({ ...projection, partitions, wanted }));
      return;
    }
    const rest = partitions === wanted ? '' : `, and ${wanted} as soon as those that are merged are equally far`;
    await stdout.line(`${projection.name} version ${projection.version}: ${counted(partitions, 'partition')}${rest}`);
  });
}
