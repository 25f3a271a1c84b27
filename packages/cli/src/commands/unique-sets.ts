import type { Command } from 'commander';
import type { Context, GlobalOptions } from '../context.ts';
import { counted } from '../counted.ts';
import { withConfiguredStore, withStore } from '../database.ts';
import { UniqueValuesSharedError } from '../errors.ts';
import { interruptible } from '../interrupt.ts';
import { jsonText } from '../json-text.ts';
import { progressOf } from '../progress.ts';
import { Table } from '../table.ts';

const HELP = `
Examples:
  mink unique-sets holder email ada@example.com    the stream that has this value
  mink unique-sets rebuild User                    once a set was added to a category, or its function changed

rebuild needs the store of the config file. Appends may go on meanwhile, and it can be run again at any time. Its exit code is
1 if more than one stream has the same value.
`;

export function addUniqueSetsCommand(program: Command, context: Context): void {
  const group = program
    .command('unique-sets')
    .description('who holds a unique value; build sets from the events')
    .addHelpText('after', HELP);
  group
    .command('holder')
    .description('the stream that holds a value')
    .argument('<set>', 'name of the set')
    .argument('<value>', 'the value, as the set has it')
    .action((set: string, value: string, _options, command: Command) =>
      showHolder(context, command.optsWithGlobals(), { set, value }),
    );
  group
    .command('rebuild')
    .description('give every stream of a category the values that its events say')
    .argument('<category>', 'name of the category')
    .action((category: string, _options, command: Command) => rebuild(context, command.optsWithGlobals(), category));
}

async function showHolder(
  context: Context,
  options: GlobalOptions,
  { set, value }: { readonly set: string; readonly value: string },
): Promise<void> {
  const { stdout, stderr, signal } = context;
  await withStore(context, options, async (store) => {
    const streamName = await interruptible(store.uniqueSets.holderOf(set, value), signal);
    if (options.json === true) await stdout.line(jsonText({ set, value, streamName: streamName ?? null }));
    else if (streamName === undefined) await stderr.line('No stream holds it.');
    else await stdout.line(streamName);
  });
}

async function rebuild(context: Context, options: GlobalOptions, category: string): Promise<void> {
  const { stdout, signal } = context;
  await withConfiguredStore(context, options, async (store) => {
    const onProgress = progressOf(context, options, (streams: number) => `${category}: ${counted(streams, 'stream')}`);
    const { streams, conflicts } = await interruptible(
      store.uniqueSets.rebuild(category, { signal, onProgress }),
      signal,
    );
    if (options.json === true) await stdout.line(jsonText({ category, streams, conflicts }));
    else
      await stdout.line(
        `${category}: ${counted(streams, 'stream')}, ${counted(conflicts.length, 'value')} with more than one`,
      );
    if (conflicts.length === 0) return;
    if (options.json !== true) {
      const table = new Table([{ title: 'STREAM' }, { title: 'SET' }, { title: 'VALUE' }, { title: 'HELD BY' }]);
      const rows = conflicts.map((it) => [it.streamName, it.set, it.value, it.heldBy]);
      await stdout.write(table.page(rows));
    }
    throw new UniqueValuesSharedError(category, conflicts.length);
  });
}
