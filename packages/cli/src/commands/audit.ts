import { Option, type Command } from 'commander';
import type { ListAuditOptions, StoredAuditEntry } from 'mink';
import { addConfirmation, confirmed, type ConfirmOptions } from '../confirm.ts';
import type { Context, GlobalOptions } from '../context.ts';
import { counted } from '../counted.ts';
import { withStore } from '../database.ts';
import { interruptible } from '../interrupt.ts';
import { jsonText } from '../json-text.ts';
import { parseMoment, parseText, wholeFrom } from '../option-values.ts';
import { Table } from '../table.ts';

interface ListOptions extends GlobalOptions {
  readonly kind?: NonNullable<ListAuditOptions['kinds']>;
  readonly type?: string | undefined;
  readonly user?: string | undefined;
  readonly status?: ListAuditOptions['status'];
  readonly stream?: string | undefined;
  readonly correlation?: string | undefined;
  readonly before?: number | undefined;
  readonly limit: number;
}

interface PruneOptions extends ConfirmOptions {
  readonly before: Date;
}

const HELP = `
Examples:
  mink audit                                        the last lines: who wanted what, and what came of it
  mink audit --user ann --kind command --limit 500
  mink audit --stream Order-42 --json
  mink audit --before 1200                          the page before: ids fall
  mink audit prune --before 2025-01-01T00:00:00Z --dry-run
`;

export function addAuditCommand(program: Command, context: Context): void {
  const group = program.command('audit').description('who wanted what, and what came of it').addHelpText('after', HELP);
  group
    .command('list', { isDefault: true })
    .description('lines of the audit log, the newest first')
    .addOption(
      new Option('--kind <kinds...>', 'only these kinds').choices(['command', 'query', 'action', 'view'] as const),
    )
    .option('--type <name>', 'only this type of message or action', parseText)
    .option('--user <id>', 'only of this user', parseText)
    .addOption(
      new Option('--status <status>', 'only with this outcome').choices([
        'attempted',
        'succeeded',
        'refused',
        'failed',
      ] as const),
    )
    .option('--stream <name>', 'only about this stream', parseText)
    .option('--correlation <id>', 'only what belongs together', parseText)
    .option('--before <id>', 'only lines with a lower id', wholeFrom(1))
    .option('--limit <number>', 'at most so many', wholeFrom(1), 100)
    .action((_options, command: Command) => list(context, command.optsWithGlobals()));
  addConfirmation(group.command('prune'))
    .description('delete the lines from before a moment, for good')
    .requiredOption('--before <time>', 'a time with its zone', parseMoment)
    .action((_options, command: Command) => prune(context, command.optsWithGlobals()));
}

async function list(context: Context, options: ListOptions): Promise<void> {
  const { stdout, stderr, signal } = context;
  const { kind: kinds, type, user: userId, status, stream: streamName, correlation: correlationId } = options;
  const { before, limit } = options;
  await withStore(context, options, async (store) => {
    const query = { kinds, type, userId, status, streamName, correlationId, before, limit };
    const lines = await interruptible(store.operations.audit.list(query), signal);
    if (options.json === true) await stdout.write(lines.map((line) => `${jsonText(line)}\n`).join(''));
    else if (lines.length === 0) await stderr.line('No such line.');
    else await stdout.write(tableOf(lines));
  });
}

function tableOf(lines: readonly StoredAuditEntry[]): string {
  const table = new Table([
    { title: 'ID', align: 'right' },
    { title: 'AT' },
    { title: 'USER' },
    { title: 'KIND' },
    { title: 'TYPE' },
    { title: 'STATUS' },
    { title: 'STREAM' },
    { title: 'DETAILS' },
  ]);
  return table.page(lines.map(rowOf));
}

function rowOf(line: StoredAuditEntry): readonly string[] {
  const { id, at, userId = '', kind, type, status, errorCode, streamName, streamVersion, details } = line;
  return [
    String(id),
    at.toISOString(),
    userId,
    kind,
    type,
    errorCode === undefined ? status : `${status}: ${errorCode}`,
    streamName === undefined ? '' : `${streamName}${streamVersion === undefined ? '' : `@${streamVersion}`}`,
    details === undefined ? '' : jsonText(details),
  ];
}

async function prune(context: Context, options: PruneOptions): Promise<void> {
  const { stdout, signal } = context;
  const { before, json } = options;
  await withStore(context, options, async ({ operations: { audit } }) => {
    const lines = await interruptible(audit.count({ before }), signal);
    const text = `delete ${counted(lines, 'line')} of the audit log, from before ${before.toISOString()}`;
    if (!(await confirmed(context, options, { text, facts: { lines } }))) return;
    const deleted = await interruptible(audit.prune({ before }), signal);
    await stdout.line(json === true ? jsonText({ deleted }) : `${counted(deleted, 'line')} deleted`);
  });
}
