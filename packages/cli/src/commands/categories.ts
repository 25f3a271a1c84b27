import type { Command } from 'commander';
import type { Context, GlobalOptions } from '../context.ts';
import { withStore } from '../database.ts';
import { interruptible } from '../interrupt.ts';
import { jsonText } from '../json-text.ts';
import { Table } from '../table.ts';

export function addCategoriesCommand(program: Command, context: Context): void {
  program
    .command('categories')
    .description('how many streams and events each category has; reads the whole table of streams')
    .action((_options, command: Command) => categories(context, command.optsWithGlobals()));
}

async function categories(context: Context, options: GlobalOptions): Promise<void> {
  const { stdout, stderr, signal } = context;
  await withStore(context, options, async (store) => {
    const all = await interruptible(store.operations.categories(), signal);
    if (options.json === true) {
      await stdout.line(jsonText(all));
      return;
    }
    if (all.length === 0) await stderr.line('No streams.');
    const table = new Table([
      { title: 'CATEGORY' },
      { title: 'STREAMS', align: 'right' },
      { title: 'EVENTS', align: 'right' },
      { title: 'LAST RECORDED' },
    ]);
    const rows = all.map(({ category, streams, events, lastRecordedAt }) => {
      return [category, String(streams), String(events), lastRecordedAt.toISOString()];
    });
    if (rows.length > 0) await stdout.write(table.page(rows));
  });
}
