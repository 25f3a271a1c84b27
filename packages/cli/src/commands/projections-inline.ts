import type { Command } from 'commander';
import type { Context, GlobalOptions } from '../context.ts';
import { withProjections, withStore } from '../database.ts';
import { UsageError } from '../errors.ts';
import { interruptible } from '../interrupt.ts';
import { jsonText } from '../json-text.ts';
import { wholeFrom } from '../option-values.ts';
import { findProjection } from './find-projection.ts';

interface VersionOptions extends GlobalOptions {
  readonly of?: number | undefined;
}

/** Adds the commands that make a projection inline, and async again. */
export function addProjectionsInlineCommands(group: Command, context: Context): void {
  const add = (
    verb: 'inline' | 'async',
    description: string,
    run: (context: Context, options: VersionOptions, name: string) => Promise<void>,
  ): void => {
    group
      .command(verb)
      .description(description)
      .argument('<name>', 'name of the projection')
      .option('--of <version>', 'its version, where it has more than one', wholeFrom(1))
      .action((name: string, _options, command: Command) => run(context, command.optsWithGlobals(), name));
  };
  add('inline', 'apply a projection of the config file in every append from now on', makeInline);
  add('async', 'take an inline projection out of the appends; an engine goes on with it', makeAsync);
}

async function makeInline(context: Context, options: VersionOptions, name: string): Promise<void> {
  const { signal } = context;
  await withProjections(context, options, async (store, projections) => {
    const found = projections.filter((it) => it.name === name && (options.of ?? it.version) === it.version);
    const [projection, another] = found;
    if (projection === undefined) throw new UsageError(`"projections" of the config file has no "${name}".`);
    if (another !== undefined) {
      throw new UsageError(`"${name}" has several versions. Say which one: --of ${projection.version}.`);
    }
    if (projection.kind !== 'rows') throw new UsageError(`"${name}" writes SQL, and cannot be inline.`);
    await interruptible(store.projections.activateInline([projection], { signal }), signal);
    await tell(context, options, { name, version: projection.version, done: 'inline' });
  });
}

async function makeAsync(context: Context, options: VersionOptions, name: string): Promise<void> {
  const { signal } = context;
  await withStore(context, options, async (store) => {
    const projection = await interruptible(findProjection(store, name, options.of), signal);
    await interruptible(store.projections.deactivateInline([projection]), signal);
    await tell(context, options, { ...projection, done: 'async' });
  });
}

async function tell(
  { stdout }: Context,
  { json }: GlobalOptions,
  result: { readonly name: string; readonly version: number; readonly done: 'inline' | 'async' },
): Promise<void> {
  if (json === true) await stdout.line(jsonText(result));
  else await stdout.line(`${result.name} version ${result.version}: ${result.done}`);
}
