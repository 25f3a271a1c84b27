import type { Command } from 'commander';
import type { FeedHolder, FeedStatus } from 'mink';
import type { Context, GlobalOptions } from '../context.ts';
import { withStore } from '../database.ts';
import { interruptible } from '../interrupt.ts';
import { jsonText } from '../json-text.ts';
import { Table } from '../table.ts';

const HELP = `
Readers stop where a transaction that is still open may commit events. This shows which ones those are:
end one with "select pg_terminate_backend(PID)", or "rollback prepared 'NAME'" for a prepared transaction.

Examples:
  mink feed
  mink feed --json               {"position":1200,"head":1207,"heldBy":[{"floor":1200,"pid":4711,"age":9120,…}],…}
`;

export function addFeedCommand(program: Command, context: Context): void {
  program
    .command('feed')
    .description('show how far the log can be read, and who holds readers back')
    .addHelpText('after', HELP)
    .action((_options, command: Command) => feed(context, command.optsWithGlobals()));
}

async function feed(context: Context, options: GlobalOptions): Promise<void> {
  await withStore(context, options, async (store) => {
    const status = await interruptible(store.feedStatus(), context.signal);
    await context.stdout.write(options.json === true ? `${jsonText(withoutWakeUp(status))}\n` : describe(status));
  });
}

/** How this process would learn of appends says nothing about the services. */
function withoutWakeUp({ position, head, incarnation, heldBy }: FeedStatus): Omit<FeedStatus, 'wakeUp'> {
  return { position, head, incarnation, heldBy };
}

function describe({ position, head, heldBy }: FeedStatus): string {
  if (heldBy.length === 0) return `The log can be read to its end, position ${head}.\n`;
  const table = new Table([
    { title: 'FLOOR', align: 'right' },
    { title: 'PID', align: 'right' },
    { title: 'AGE', align: 'right' },
    { title: 'STATE' },
    { title: 'APPLICATION' },
    { title: 'USER' },
    { title: 'QUERY' },
  ]);
  return `The log can be read to position ${position} of ${head}. Held back by:\n${table.page(heldBy.map(rowOf))}`;
}

function rowOf(holder: FeedHolder): readonly string[] {
  const { floor, pid, preparedTransaction, age, state, applicationName, userName, query } = holder;
  return [
    String(floor),
    pid === undefined ? '' : String(pid),
    age === undefined ? '' : `${(age / 1000).toFixed(1)} s`,
    preparedTransaction === undefined ? (state ?? '') : `prepared '${preparedTransaction}'`,
    applicationName ?? '',
    userName ?? '',
    (query ?? '').replaceAll(/\s+/gu, ' ').trim(),
  ];
}
