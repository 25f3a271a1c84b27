import { Option, type Command } from 'commander';
import type { StreamInfo } from 'mink';
import type { Context, GlobalOptions } from '../context.ts';
import { withStore } from '../database.ts';
import { interruptible } from '../interrupt.ts';
import { jsonText } from '../json-text.ts';
import { parseText, wholeFrom } from '../option-values.ts';
import type { ReadableStore } from '../readable-store.ts';
import { Table } from '../table.ts';

interface StreamsOptions extends GlobalOptions {
  readonly category?: string | undefined;
  readonly prefix?: string | undefined;
  readonly limit?: number | undefined;
  readonly longest?: boolean | undefined;
  readonly recent?: boolean | undefined;
}

const HELP = `
Examples:
  mink streams
  mink streams --category Order --limit 20
  mink streams --longest                      those with the most events; reads the whole table of streams
  mink streams --recent --category Order      those of the last events
  mink streams --prefix Order-2026 --json     [{"streamName":"Order-2026-1","version":3,…}]
`;

export function addStreamsCommand(program: Command, context: Context): void {
  program
    .command('streams')
    .description('list the streams, by name, length or age')
    .option('--category <name>', 'only streams of this category', parseText)
    .option('--prefix <text>', 'only streams whose name begins so', parseText)
    .addOption(new Option('--longest', 'those with the most events').conflicts(['recent', 'prefix']))
    .addOption(new Option('--recent', 'those of the last 10,000 events').conflicts(['longest', 'prefix']))
    .option('--limit <number>', 'at most so many (default: all; with --longest or --recent 20)', wholeFrom(1))
    .addHelpText('after', HELP)
    .action((_options, command: Command) => streams(context, command.optsWithGlobals()));
}

async function streams(context: Context, options: StreamsOptions): Promise<void> {
  await withStore(context, options, async (store) => {
    const pages = pagesOf(store, options);
    const print = options.json === true ? printJson(context, pages) : printTable(context, pages);
    await interruptible(print, context.signal);
  });
}

async function* pagesOf(store: ReadableStore, options: StreamsOptions): Pages {
  const { category, prefix, limit } = options;
  const { operations } = store;
  if (options.longest === true) yield await operations.longestStreams({ category, limit });
  else if (options.recent === true) yield await operations.recentStreams({ category, limit });
  else yield* store.listStreams({ category, prefix, limit }).pages();
}

type Pages = AsyncGenerator<readonly StreamInfo[], void, undefined>;

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
