import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { actionOf } from './audited.ts';
import { addAuditCommand } from './commands/audit.ts';
import { addBackupCommands } from './commands/backup.ts';
import { addConsoleCommand } from './commands/console.ts';
import { addCategoriesCommand } from './commands/categories.ts';
import { addCompletionCommand } from './commands/completion.ts';
import { addDeadLettersCommand } from './commands/deadletters.ts';
import { addDevCommand } from './commands/dev.ts';
import { addDoctorCommand } from './commands/doctor/doctor.ts';
import { addEventsCommand } from './commands/events.ts';
import { addFeedCommand } from './commands/feed.ts';
import { addIncidentCommand } from './commands/incident.ts';
import { addMigrateCommand } from './commands/migrate.ts';
import { addMonitoringCommand } from './commands/monitoring.ts';
import { addProcessesCommand } from './commands/processes.ts';
import { addProjectionsCommand } from './commands/projections.ts';
import { addRebuildAllCommand } from './commands/rebuild-all-projections.ts';
import { addSchemaCommand } from './commands/schema.ts';
import { addSealCommand } from './commands/seal.ts';
import { addSnapshotsCommand } from './commands/snapshots.ts';
import { addStreamCommand } from './commands/stream.ts';
import { addStreamsCommand } from './commands/streams.ts';
import { addSubscriptionsCommand } from './commands/subscriptions.ts';
import { addTopCommand } from './commands/top.ts';
import { addUniqueSetsCommand } from './commands/unique-sets.ts';
import { addWhyCommand } from './commands/why.ts';
import type { Context } from './context.ts';
import { UsageError } from './errors.ts';
import { EXIT } from './exit-codes.ts';
import { describeFailure } from './failure.ts';
import { InterruptedError } from './interrupt.ts';
import type { Io } from './io.ts';
import { parseText } from './option-values.ts';
import { Output, OutputClosedError } from './output.ts';

const HELP_WIDTH = 100;

const EXAMPLES = `
Examples:
  mink dev                                   start a PostgreSQL for development
  mink migrate                               bring the schema up to date
  mink streams --category Order              what is in the store
  mink stream Order-42                       the events of a stream
  mink events --follow --after end           watch the log
  mink top                                   watch what is going on
  mink console --open                        all of it in a browser

The database: --url, else the store of the config file, else DATABASE_URL, else "url" of the config file.
What is not taken back is asked for; --yes answers, --dry-run says what would be done.
Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
`;

/** Runs one command line. Resolves with the exit code when everything is written and closed; never rejects. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  const { env, cwd, signal, ask, terminal } = io;
  const [stdout, stderr] = [new Output(io.stdout), new Output(io.stderr)];
  const context: Context = { stdout, stderr, env, cwd, signal, ask, terminal };
  const help: string[] = [];
  try {
    await buildProgram(context, (text) => help.push(text)).parseAsync(args, { from: 'user' });
    return EXIT.ok;
  } catch (error) {
    const ended = isVersionOfSomething(error, args) ? new UsageError(VERSION_STANDS_ALONE) : error;
    return await conclude(ended, { context, json: wantsJson(args), help: help.join('') }).catch(unwritable);
  }
}

const VERSION_STANDS_ALONE =
  '--version prints the version of mink, and stands alone. A version of a projection is said with --of.';

/** Printing the version of mink would look as if the command had been done. */
function isVersionOfSomething(error: unknown, args: readonly string[]): boolean {
  return (
    error instanceof CommanderError &&
    error.code === 'commander.version' &&
    args.some((argument) => !argument.startsWith('-'))
  );
}

interface Ending {
  readonly context: Context;
  readonly json: boolean;
  readonly help: string;
}

/** Streams of Node.js reject with an `AbortError` of their own. */
function isAbort(error: unknown, { reason }: AbortSignal): boolean {
  return error === reason || (error instanceof Error && error.name === 'AbortError');
}

async function conclude(error: unknown, { context, json, help }: Ending): Promise<number> {
  const { stdout, stderr, env, signal } = context;
  if (error instanceof OutputClosedError) return EXIT.ok;
  if (error instanceof InterruptedError || (signal.aborted && isAbort(error, signal))) return EXIT.interrupted;
  if (error instanceof CommanderError && error.exitCode === EXIT.ok) {
    await stdout.write(help);
    return EXIT.ok;
  }
  if (error instanceof CommanderError && help !== '' && !json) {
    await stderr.write(help);
    return EXIT.usage;
  }
  const { text, exitCode } = describeFailure(error, { json, debug: env['MINK_DEBUG'] === '1' });
  await stderr.write(text);
  return exitCode;
}

/** The message itself cannot be written; a reader that went away is no error, even here. */
function unwritable(error: unknown): number {
  return error instanceof OutputClosedError ? EXIT.ok : EXIT.failed;
}

/** Before the options are parsed, as their errors are in JSON, too. */
function wantsJson(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return args.slice(0, end === -1 ? args.length : end).includes('--json');
}

function buildProgram(context: Context, writeHelp: (text: string) => void): Command {
  const program = new Command('mink')
    .description('Event sourcing with mink: the store, its read models, and all that operates them.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .option(
      '--url <url>',
      'PostgreSQL to connect to (default: the store of the config file, then DATABASE_URL)',
      parseText,
    )
    .option('--schema <name>', 'schema of the store (default: the config file, then "mink")', parseText)
    .option('--config <path>', 'config file (default: mink.config.{js,mjs,ts} of this directory)', parseText)
    .option('--json', 'results and errors as JSON')
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: writeHelp,
      writeErr: writeHelp,
      outputError: () => undefined,
      getOutHelpWidth: () => HELP_WIDTH,
      getErrHelpWidth: () => HELP_WIDTH,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .addHelpText('after', EXAMPLES)
    .hook('preAction', (_program, command) => void (context.action = actionOf(command)));
  addDevCommand(program, context);
  addMigrateCommand(program, context);
  addStreamsCommand(program, context);
  addCategoriesCommand(program, context);
  addStreamCommand(program, context);
  addEventsCommand(program, context);
  addFeedCommand(program, context);
  addTopCommand(program, context);
  addProjectionsCommand(program, context);
  addRebuildAllCommand(program, context);
  addDeadLettersCommand(program, context);
  addSubscriptionsCommand(program, context);
  addIncidentCommand(program, context);
  addWhyCommand(program, context);
  addSchemaCommand(program, context);
  addSnapshotsCommand(program, context);
  addUniqueSetsCommand(program, context);
  addMonitoringCommand(program, context);
  addConsoleCommand(program, context);
  addProcessesCommand(program, context);
  addDoctorCommand(program, context);
  addAuditCommand(program, context);
  addBackupCommands(program, context);
  addSealCommand(program, context);
  addCompletionCommand(program, context);
  return program;
}

function packageVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  if (typeof manifest !== 'object' || manifest === null || !('version' in manifest)) return 'unknown';
  return String(manifest.version);
}
