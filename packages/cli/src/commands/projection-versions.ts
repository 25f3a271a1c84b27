import type { Command } from 'commander';
import type { BuiltVersion, SwitchedVersion, VersionPlan } from 'mink';
import { buildProgress, numberText, sizeText, timeText } from '../build-progress.ts';
import { comparisonText } from '../comparison-text.ts';
import { addConfirmation, confirmed, type ConfirmOptions, type Effect } from '../confirm.ts';
import type { Context, GlobalOptions } from '../context.ts';
import { counted } from '../counted.ts';
import { KeysParkedError, UsageError, VersionsDifferError } from '../errors.ts';
import { jsonText } from '../json-text.ts';
import { wholeFrom } from '../option-values.ts';
import { chooseCode, withVersions, type VersionsOfConfig } from '../versions.ts';
import { findProjection } from './find-projection.ts';

interface VersionOptions extends GlobalOptions {
  readonly of?: number | undefined;
}

interface BuildOptions extends VersionOptions {
  readonly rate?: number | undefined;
  readonly batch?: number | undefined;
}

interface CompareOptions extends BuildOptions {
  readonly against?: number | undefined;
  readonly samples?: number | undefined;
  readonly sample?: number | undefined;
  readonly seed?: number | undefined;
  readonly timeout: number;
}

interface SwitchOptions extends ConfirmOptions {
  readonly to?: number | undefined;
  readonly force?: boolean | undefined;
  readonly timeout: number;
}

interface RetireOptions extends VersionOptions, ConfirmOptions {
  readonly force?: boolean | undefined;
  readonly shadows?: boolean | undefined;
}

interface RebuildOptions extends BuildOptions {
  readonly force?: boolean | undefined;
  readonly fresh?: boolean | undefined;
}

export const VERSIONS_HELP = `
A new version of a projection, whose code is in the config file beside the old one:
  mink projections plan cart-summary       how many events there are to apply, and how long it takes
  mink projections build cart-summary      fill the new version beside the live one; may be stopped and goes on
  mink projections compare cart-summary    in what its rows differ from the live ones; exit code 1 if they do
  mink projections switch cart-summary     make it the live one, in one transaction
  mink projections rollback cart-summary   back to the version before
  mink projections retire cart-summary --of 1   drop the old version, for good

Code that has changed:
  mink projections what-if cart-summary    in what its rows would differ; changes nothing; exit code 1 if they do
  mink projections rebuild cart-summary    apply the log to it again, beside it, and take its place
`;
const MILLISECONDS = 1_000;

/** The verbs for the life of a version, beside those for projections. */
export function addVersionCommands(group: Command, context: Context): void {
  const add = (verb: string, description: string): Command =>
    group
      .command(verb)
      .description(description)
      .argument('<name>', 'name of the projection')
      .option('--of <version>', 'its version (default: the highest in the config file)', wholeFrom(1));
  const addBuild = (verb: string, description: string): Command =>
    add(verb, description)
      .option('--rate <number>', 'events of a second, at most', wholeFrom(1))
      .option('--batch <number>', 'events that are stored together, at most', wholeFrom(1));
  add('plan', 'what a build would do, and how long it takes').action((name: string, _options, command: Command) =>
    plan(context, command.optsWithGlobals(), name),
  );
  addBuild('build', 'fill a version beside the live one').action((name: string, _options, command: Command) =>
    build(context, command.optsWithGlobals(), name),
  );
  addComparison(add('compare', 'in what the rows of a version differ from the live ones')).action(
    (name: string, _options, command: Command) =>
      compare(context, command.optsWithGlobals(), { verb: 'compare', name }),
  );
  addComparison(addBuild('what-if', 'in what the rows of this code would differ from the live ones')).action(
    (name: string, _options, command: Command) => compare(context, command.optsWithGlobals(), { verb: 'whatIf', name }),
  );
  addSwitches(group, context);
  addBuild('rebuild', 'apply the whole log to a version again, beside it, and take its place')
    .option('--fresh', 'begin anew where an earlier rebuild was stopped')
    .option('--force', 'also where keys are parked')
    .action((name: string, _options, command: Command) => rebuild(context, command.optsWithGlobals(), name));
}

function addComparison(command: Command): Command {
  return command
    .option('--against <version>', 'the version to compare with (default: the live one)', wholeFrom(1))
    .option('--samples <number>', 'rows that are shown', wholeFrom(0), 10)
    .option('--sample <number>', 'compare one key in so many', wholeFrom(1))
    .option('--seed <number>', 'with --sample: which keys', wholeFrom(0))
    .option('--timeout <seconds>', 'how long comparing may take', wholeFrom(1), 60);
}

function addSwitches(group: Command, context: Context): void {
  const add = (verb: 'switch' | 'rollback', description: string): Command =>
    addConfirmation(group.command(verb))
      .description(description)
      .argument('<name>', 'name of the projection')
      .option('--force', 'also where keys are parked')
      .option('--timeout <seconds>', 'how long to wait until it has caught up', wholeFrom(0), 30)
      .action((name: string, _options, command: Command) =>
        switchLive(context, command.optsWithGlobals(), { verb, name }),
      );
  add('switch', 'make a version the live one').option(
    '--to <version>',
    'the version (default: the highest in the config file)',
    wholeFrom(1),
  );
  add('rollback', 'make the version live that was it before');
  addConfirmation(group.command('retire'))
    .description('drop a version that is not live, for good')
    .argument('[name]', 'name of the projection')
    .option('--of <version>', 'its version, where it has more than one', wholeFrom(1))
    .option('--force', 'also while it is worked on')
    .option('--shadows', 'drop what crashes have left of rebuilds and comparisons instead')
    .action((name: string | undefined, _options, command: Command) => retire(context, command.optsWithGlobals(), name));
}

async function plan(context: Context, options: VersionOptions, name: string): Promise<void> {
  const { stdout, signal } = context;
  await withVersions(context, options, async (of) => {
    const found = await of.versions.plan(chooseCode(of, name, options.of), { signal });
    await stdout.write(options.json === true ? `${jsonText(found)}\n` : planText(found));
  });
}

function planText({ name, version, events, rate, duration, parkedKeys, live }: VersionPlan): string {
  const lines = [
    `${name} version ${version}: ${numberText(events)} events to apply, about ${timeText(duration)} at ${numberText(rate)}/s`,
    live === undefined
      ? 'no version is live'
      : `live: version ${live.version}, ${sizeText(live.size)}, ${counted(live.parkedKeys, 'key')} parked`,
    ...(parkedKeys === 0 ? [] : [`${counted(parkedKeys, 'key')} failed in a trial with the first events`]),
  ];
  return `${lines.join('\n')}\n`;
}

async function build(context: Context, options: BuildOptions, name: string): Promise<void> {
  await withVersions(context, options, async (of) => {
    const code = chooseCode(of, name, options.of);
    const built = await of.versions.build(code, buildOptions(context, options));
    await report(context, options, { ...built, verb: 'built' });
  });
}

function buildOptions(context: Context, options: BuildOptions): Parameters<VersionsOfConfig['versions']['build']>[1] {
  const onProgress = buildProgress(context, options);
  return { rate: options.rate, batchSize: options.batch, signal: context.signal, onProgress };
}

async function report(
  { stdout }: Context,
  { json }: GlobalOptions,
  { verb, ...built }: BuiltVersion & { readonly verb: 'built' | 'rebuilt' },
): Promise<void> {
  await stdout.line(json === true ? jsonText(built) : builtText(verb, built));
  if (built.parkedKeys > 0) throw new KeysParkedError(built.name, built.version, built.parkedKeys);
}

/** What became of a build, for people. */
export function builtText(verb: string, { name, version, events, duration, rate }: BuiltVersion): string {
  const time = `${(duration / MILLISECONDS).toFixed(1)} s`;
  return `${name} version ${version}: ${verb}, ${numberText(events)} events in ${time}, ${numberText(rate)}/s`;
}

async function compare(
  context: Context,
  options: CompareOptions,
  { verb, name }: { readonly verb: 'compare' | 'whatIf'; readonly name: string },
): Promise<void> {
  const { stdout } = context;
  const { against, samples, sample, seed, timeout } = options;
  await withVersions(context, options, async (of) => {
    const limits = { against, samples, sample, seed, timeout: timeout * MILLISECONDS };
    const all = { ...buildOptions(context, options), ...limits };
    const compared = await of.versions[verb](chooseCode(of, name, options.of), all);
    await stdout.write(options.json === true ? `${jsonText(compared)}\n` : comparisonText(compared));
    if (!compared.isSame) throw new VersionsDifferError(name, compared.version, compared.against);
  });
}

async function switchLive(
  context: Context,
  options: SwitchOptions,
  { verb, name }: { readonly verb: 'switch' | 'rollback'; readonly name: string },
): Promise<void> {
  const { stdout, stderr, signal } = context;
  await withVersions(context, options, async (of) => {
    const how = { isForced: options.force, timeout: options.timeout * MILLISECONDS, signal };
    const target = verb === 'rollback' ? undefined : await chooseTarget(of, name, options.to);
    const live = await of.store.projections.liveVersion(name);
    const to = target === undefined ? 'the version that was live before' : `version ${target.version}`;
    const isIdle = target !== undefined && !(await hasWorker(of.store, name, target.version));
    const idle = isIdle ? ', on which no process works: what is read would stand still' : '';
    const effect = {
      text: `let ${name} stand for ${to}, instead of version ${live ?? 'none'}${idle}`,
      facts: { name, live, to: target?.version },
    };
    if (!(await confirmed(context, options, effect))) return;
    const done =
      target === undefined ? await of.versions.rollback({ name }, how) : await of.versions.switchTo(target, how);
    const isWorkedOn = await hasWorker(of.store, name, done.to);
    await stdout.line(options.json === true ? jsonText({ ...done, isWorkedOn }) : switchedText(done));
    if (!isWorkedOn && options.json !== true) await stderr.line(idleText(done));
  });
}

async function chooseTarget(
  of: VersionsOfConfig,
  name: string,
  version: number | undefined,
): Promise<{ readonly name: string; readonly version: number }> {
  if (version !== undefined) return { name, version };
  return of.projections.length === 0
    ? findProjection(of.store, name, undefined, '--to')
    : chooseCode(of, name, undefined);
}

function switchedText({ name, from, to, lagEvents }: SwitchedVersion): string {
  if (from === to) return `${name}: version ${to} is live already`;
  const lag =
    lagEvents === undefined || lagEvents === 0 ? '' : `, after ${numberText(lagEvents)} events that it lacked`;
  return `${name}: version ${to} is live, instead of ${from}${lag}`;
}

/** Whether anybody keeps a version up to date: one that was built here may run nowhere yet. */
async function hasWorker({ projections }: VersionsOfConfig['store'], name: string, version: number): Promise<boolean> {
  const state = (await projections.list()).find((it) => it.name === name && it.version === version)?.state;
  return state !== 'stopped';
}

function idleText({ name, to }: SwitchedVersion): string {
  return `No process works on ${name} version ${to}: what is read stands still until one that has its code is started, or "mink projections rollback ${name}".`;
}

async function retire(context: Context, options: RetireOptions, name: string | undefined): Promise<void> {
  const { stdout } = context;
  if ((name === undefined) === (options.shadows !== true)) throw new UsageError('Give a name, or --shadows.');
  await withVersions(context, options, async ({ store, versions }) => {
    const effect = await retireEffect(store, name, options.of);
    if (!(await confirmed(context, options, effect))) return;
    if (name === undefined) {
      const dropped = await versions.dropShadows();
      await stdout.line(options.json === true ? jsonText({ dropped }) : `${dropped} shadows dropped`);
      return;
    }
    const projection = await findProjection(store, name, options.of);
    await versions.retire(projection, { isForced: options.force });
    const { version } = projection;
    await stdout.line(
      options.json === true ? jsonText({ name, version, done: 'retired' }) : `${name} version ${version}: retired`,
    );
  });
}

async function retireEffect(
  store: VersionsOfConfig['store'],
  name: string | undefined,
  of: number | undefined,
): Promise<Effect> {
  if (name === undefined) return { text: 'drop what was left of rebuilds and comparisons', facts: { shadows: true } };
  const { version } = await findProjection(store, name, of);
  const known = (await store.projections.list()).find((it) => it.name === name && it.version === version);
  const parkedKeys = known?.parkedKeys ?? 0;
  const text = `drop ${name} version ${version} for good: its rows, checkpoints and ${parkedKeys} parked keys`;
  return { text, facts: { name, version, parkedKeys } };
}

async function rebuild(context: Context, options: RebuildOptions, name: string): Promise<void> {
  await withVersions(context, options, async (of) => {
    const how = { ...buildOptions(context, options), isFresh: options.fresh, isForced: options.force };
    const built = await of.versions.rebuild(chooseCode(of, name, options.of), how);
    await report(context, options, { ...built, verb: 'rebuilt' });
  });
}
