import type { Command } from 'commander';
import type { StreamInfo } from 'mink';
import type { Context, GlobalOptions } from '../context.ts';
import { withStore } from '../database.ts';
import { interruptible } from '../interrupt.ts';
import { jsonText } from '../json-text.ts';
import { parseText, wholeFrom } from '../option-values.ts';
import { Table } from '../table.ts';

interface StreamsOptions extends GlobalOptions {
  readonly category?: string | undefined;
  readonly prefix?: string | undefined;
  readonly limit?: number | undefined;
}

const HELP = `
Examples:
  mink streams
  mink streams --category Order --limit 20
  mink streams --prefix Order-2026 --json     [{"streamName":"Order-2026-1","version":3,…}]
`;

export function addStreamsCommand(program: Command, context: Context): void {
  program
    .command('streams')
    .description('list the streams, by name')
    .option('--category <name>', 'only streams of this category', parseText)
    .option('--prefix <text>', 'only streams whose name begins so', parseText)
    .option('--limit <number>', 'at most so many', wholeFrom(1))
    .addHelpText('after', HELP)
    .action((_options, command: Command) => streams(context, command.optsWithGlobals()));
}

async function streams(context: Context, options: StreamsOptions): Promise<void> {
  const { category, prefix, limit } = options;
  await withStore(context, options, async (store) => {
    const pages = store.listStreams({ category, prefix, limit }).pages();
    const print = options.json === true ? printJson(context, pages) : printTable(context, pages);
    await interruptible(print, context.signal);
  });
}

type Pages = AsyncIterable<readonly StreamInfo[]>;

async function printTable({ stdout, stderr }: Context, pages: Pages): Promise<void> {
  const table = new Table([
    { title: 'STREAM' },
    { title: 'VERSION', align: 'right' },
    { title: 'CREATED' },
    { title: 'LAST RECORDED' },
  ]);
  let found = false;
  for await (const page of pages) {
    if (page.length === 0) continue;
    found = true;
    await stdout.write(table.page(page.map(rowOf)));
  }
  if (!found) await stderr.line('No streams.');
}

function rowOf({ streamName, version, createdAt, lastRecordedAt }: StreamInfo): readonly string[] {
  return [streamName, String(version), createdAt.toISOString(), lastRecordedAt.toISOString()];
}

/** One array, written page by page; nothing of it when already the first page cannot be read. */
async function printJson({ stdout }: Context, pages: Pages): Promise<void> {
  let found = false;
  for await (const page of pages) {
    if (page.length === 0) continue;
    const rows = page.map((info) => `  ${jsonText(info)}`).join(',\n');
    await stdout.write(`${found ? ',' : '['}\n${rows}`);
    found = true;
  }
  await stdout.line(found ? '\n]' : '[]');
}
