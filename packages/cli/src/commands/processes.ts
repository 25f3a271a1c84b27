import type { Command } from 'commander';
import type { ProcessReport } from 'mink';
import type { Context, GlobalOptions } from '../context.ts';
import { withStore } from '../database.ts';
import { interruptible } from '../interrupt.ts';
import { jsonText } from '../json-text.ts';
import { parseText } from '../option-values.ts';
import { Table } from '../table.ts';

interface ProcessesOptions extends GlobalOptions {
  readonly name?: string | undefined;
  readonly settings?: boolean | undefined;
}

const HELP = `
Processes that report what they are (createProcessReport), the last report first. One that is silent has died, or cannot reach the
database; after a day it is forgotten.

Examples:
  mink processes
  mink processes --name orders --settings    what is in effect in each, and who has said so
  mink processes --json                      all of it, one process a line
`;

export function addProcessesCommand(program: Command, context: Context): void {
  program
    .command('processes')
    .description('the processes that work with the store, how they do and what is in effect in them')
    .option('--name <name>', 'only those of this name', parseText)
    .option('--settings', 'with what is in effect')
    .addHelpText('after', HELP)
    .action((_options, command: Command) => processes(context, command.optsWithGlobals()));
}

async function processes(context: Context, options: ProcessesOptions): Promise<void> {
  const { stdout, stderr, signal } = context;
  await withStore(context, options, async (store) => {
    const all = await interruptible(store.operations.processes(), signal);
    const found = all.filter(({ name }) => options.name === undefined || name === options.name);
    if (options.json === true) await stdout.write(found.map((it) => `${jsonText(it)}\n`).join(''));
    else if (found.length === 0)
      await stderr.line('No process reports. See createProcessReport in docs/operations.md.');
    else if (options.settings === true) for (const it of found) await stdout.write(settingsText(it));
    else await stdout.write(tableOf(found));
  });
}

function tableOf(found: readonly ProcessReport[]): string {
  const table = new Table([
    { title: 'NAME' },
    { title: 'RELEASE' },
    { title: 'HOST' },
    { title: 'PID', align: 'right' },
    { title: 'SINCE' },
    { title: 'REPORTED' },
    { title: 'STATE' },
    { title: 'APPENDS/S', align: 'right' },
    { title: 'P99', align: 'right' },
    { title: 'COMMANDS/S', align: 'right' },
    { title: 'ERRORS/S', align: 'right' },
  ]);
  return table.page(found.map(rowOf));
}

function rowOf(report: ProcessReport): readonly string[] {
  const { name, release = '', host, pid, startedAt, reportedAt, isSilent, vitals } = report;
  return [
    name,
    release,
    host,
    String(pid),
    startedAt.toISOString(),
    reportedAt.toISOString(),
    isSilent ? 'silent' : 'alive',
    vitals?.appendsPerSecond?.toFixed(1) ?? '',
    vitals?.appendP99 === undefined ? '' : `${(vitals.appendP99 * 1_000).toFixed(1)} ms`,
    vitals?.commandsPerSecond.toFixed(1) ?? '',
    vitals?.commandErrorsPerSecond.toFixed(1) ?? '',
  ];
}

function settingsText({ name, host, pid, configuration }: ProcessReport): string {
  const table = new Table([{ title: 'SETTING' }, { title: 'VALUE' }, { title: 'FROM' }]);
  const rows = configuration.map((it) => [it.name, jsonText(it.value), it.source]);
  return `${jsonText(name).slice(1, -1)}, process ${pid} on ${jsonText(host).slice(1, -1)}:\n${table.page(rows)}`;
}
