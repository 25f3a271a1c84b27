import type { Command } from 'commander';
import {
  createProjectionEngine,
  type DeadLettersOf,
  type ParkedKey,
  type ProjectionEngine,
  type RetriedKey,
} from 'mink';
import { addConfirmation, confirmed, type ConfirmOptions } from '../confirm.ts';
import type { Context, GlobalOptions } from '../context.ts';
import { counted } from '../counted.ts';
import { withProjections } from '../database.ts';
import { DeadLettersLeftError, UsageError } from '../errors.ts';
import { interruptible } from '../interrupt.ts';
import { jsonText } from '../json-text.ts';
import { parseText, wholeFrom } from '../option-values.ts';
import { Table } from '../table.ts';
import { findProjection } from './find-projection.ts';

interface KeyOptions extends ConfirmOptions {
  readonly of?: number | undefined;
  readonly all?: boolean | undefined;
  readonly reason?: string | undefined;
}

const HELP = `
Examples:
  mink deadletters list                              keys whose events could not be applied, and why
  mink deadletters show cart-summary Cart-42         the events that wait
  mink deadletters dry-run cart-summary Cart-42      what a retry would do
  mink deadletters retry cart-summary --all          apply them, key by key, in their order; with --dry-run, only try
  mink deadletters discard cart-summary Cart-42 --reason "test data"

Needs "store" and "projections" of the config file: a retry runs their code. Exit code 1 if events are left.
`;

export function addDeadLettersCommand(program: Command, context: Context): void {
  const group = program
    .command('deadletters')
    .description('events that projections could not apply: list, try, retry, discard')
    .addHelpText('after', HELP);
  group
    .command('list')
    .description('parked keys')
    .action((_options, command: Command) => list(context, command.optsWithGlobals()));
  const add = (name: string, description: string, key: '<key>' | '[key]'): Command =>
    group
      .command(name)
      .description(description)
      .argument('<projection>', 'name of the projection')
      .argument(key, 'the parked key')
      .option('--of <version>', 'version of the projection, where it has more than one', wholeFrom(1));
  add('show', 'the events of a key that wait', '<key>').action(
    (name: string, key: string, _options, command: Command) =>
      withKey(context, command.optsWithGlobals(), { name, key }, show),
  );
  add('dry-run', 'what a retry would do', '<key>').action((name: string, key: string, _options, command: Command) =>
    withKey(context, command.optsWithGlobals(), { name, key }, dryRun),
  );
  add('retry', 'apply the events of a key in their order', '[key]')
    .option('--all', 'of all keys of the projection')
    .option('--dry-run', 'say what would be applied; nothing changes')
    .action((name: string, key: string | undefined, _options, command: Command) =>
      retry(context, command.optsWithGlobals(), { name, key }),
    );
  addConfirmation(add('discard', 'give the events of a key up, for good', '<key>'))
    .option('--reason <text>', 'why; it is kept', parseText)
    .action((name: string, key: string, _options, command: Command) =>
      withKey(context, command.optsWithGlobals(), { name, key }, discard),
    );
}

async function list(context: Context, options: GlobalOptions): Promise<void> {
  const { stdout, stderr, signal } = context;
  await withProjections(context, options, async (store, projections) => {
    const engine = createProjectionEngine(store, projections);
    const parked = await interruptible(engine.deadLetters.list().toArray(), signal);
    if (options.json === true) await stdout.write(parked.map((it) => `${jsonText(shown(it))}\n`).join(''));
    else if (parked.length === 0) await stderr.line('No dead letters.');
    else await stdout.write(tableOf(parked));
  });
}

function shown({ firstFailedAt, lastFailedAt, ...parked }: ParkedKey): object {
  const [first, last] = [firstFailedAt, lastFailedAt].map((time) => new Date(time).toISOString());
  return { ...parked, firstFailedAt: first, lastFailedAt: last };
}

function tableOf(parked: readonly ParkedKey[]): string {
  const table = new Table([
    { title: 'PROJECTION' },
    { title: 'VERSION', align: 'right' },
    { title: 'KEY' },
    { title: 'EVENTS', align: 'right' },
    { title: 'TRIES', align: 'right' },
    { title: 'SINCE' },
    { title: 'ERROR' },
  ]);
  return table.page(
    parked.map(({ name, version, key, events, attempts, firstFailedAt, error }) => {
      return [
        name,
        String(version),
        key,
        String(events),
        String(attempts),
        new Date(firstFailedAt).toISOString(),
        error,
      ];
    }),
  );
}

type KeyWork = (context: Context, options: KeyOptions, engine: ProjectionEngine, of: DeadLettersOf) => Promise<void>;

async function withKey(
  context: Context,
  options: KeyOptions,
  { name, key }: { readonly name: string; readonly key: string },
  work: KeyWork,
): Promise<void> {
  await withProjections(context, options, async (store, projections) => {
    const projection = await findProjection(store, name, options.of);
    await work(context, options, createProjectionEngine(store, projections), { projection, key });
  });
}

const show: KeyWork = async ({ stdout, stderr, signal }, options, engine, of) => {
  const events = await interruptible(engine.deadLetters.show(of).toArray(), signal);
  if (options.json === true) {
    await stdout.write(events.map((event) => `${jsonText(event)}\n`).join(''));
    return;
  }
  if (events.length === 0) await stderr.line('Not parked.');
  const table = new Table([
    { title: 'POSITION', align: 'right' },
    { title: 'STREAM' },
    { title: 'TYPE' },
    { title: 'DATA' },
  ]);
  const rows = events.map(({ globalPosition, streamName, streamVersion, type, data }) => {
    return [String(globalPosition), `${streamName}@${streamVersion}`, type, jsonText(data)];
  });
  if (rows.length > 0) await stdout.write(table.page(rows));
};

const dryRun: KeyWork = async ({ stdout, signal }, options, engine, of) => {
  const result = await interruptible(engine.deadLetters.dryRun(of), signal);
  if (options.json === true) {
    await stdout.line(jsonText({ key: of.key, ...result }));
    return;
  }
  await stdout.line(`${of.key}: ${outcomeText('would be applied', result)}`);
  for (const { path, before, after } of result.changes) {
    await stdout.line(
      `  ${path === '' ? 'all of it' : path}: ${jsonText(before ?? null)} -> ${jsonText(after ?? null)}`,
    );
  }
};

function outcomeText(verb: string, { applied, left, error }: RetriedKey): string {
  const rest = left === 0 ? 'none is left' : `${left} left, the first fails: ${error}`;
  return `${applied} ${verb}, ${rest}`;
}

async function retry(
  context: Context,
  options: KeyOptions,
  { name, key }: { readonly name: string; readonly key: string | undefined },
): Promise<void> {
  if ((key === undefined) === (options.all !== true)) throw new UsageError('Give a key, or --all.');
  const { stdout, signal } = context;
  await withProjections(context, options, async (store, projections) => {
    const projection = await findProjection(store, name, options.of);
    const engine = createProjectionEngine(store, projections);
    const { deadLetters } = engine;
    const keys = key === undefined ? (await deadLetters.list(projection).toArray()).map((it) => it.key) : [key];
    if (options.dryRun === true) {
      for (const one of keys) await dryRun(context, options, engine, { projection, key: one });
      return;
    }
    let left = 0;
    for (const one of keys) {
      const result = await interruptible(deadLetters.retry({ projection, key: one }, { signal }), signal);
      left += result.left;
      if (options.json === true) await stdout.line(jsonText({ key: one, ...result }));
      else await stdout.line(`${one}: ${outcomeText('applied', result)}`);
    }
    if (left > 0) throw new DeadLettersLeftError(name, left);
  });
}

const discard: KeyWork = async (context, options, engine, of) => {
  const { stdout, signal } = context;
  const { reason } = options;
  if (reason === undefined) throw new UsageError('Say why, with --reason: it is kept.');
  const waiting = (await engine.deadLetters.show(of).toArray()).length;
  const effect = {
    text: `give up ${counted(waiting, 'event')} of ${of.key}, for good: ${of.projection.name} will lack them`,
    facts: { ...of.projection, key: of.key, events: waiting },
  };
  if (!(await confirmed(context, options, effect))) return;
  const discarded = await interruptible(engine.deadLetters.discard(of, { reason }), signal);
  if (options.json === true) await stdout.line(jsonText({ key: of.key, discarded }));
  else await stdout.line(`${of.key}: ${counted(discarded, 'event')} discarded`);
};
