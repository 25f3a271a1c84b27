import { Option, type Command } from 'commander';
import type { Context } from '../context.ts';
import { parsePort, parseText } from '../option-values.ts';

const HELP = `
Examples:
  mink console --open                                    look, in a browser, at this machine
  mink console --allow-actions                           mend, too: retry dead letters, build versions, …
  mink console --environment production --payloads none  nothing of payloads and metadata
  MINK_CONSOLE_TOKEN=… mink console --host 0.0.0.0       for others: they sign in with the token

With "store", "projections", "deciders" and "aggregates" of the config file it shows states and lags, and can retry and build;
without them, what is stored. Ctrl-C stops it (exit code 0).
`;

export function addConsoleCommand(program: Command, context: Context): void {
  program
    .command('console')
    .description('the admin console: streams, projections, dead letters and more in a browser, until Ctrl-C')
    .option('--port <number>', 'port; 0 is a free one', parsePort, 4466)
    .option('--host <address>', 'address to listen on; any but this machine needs a token', parseText, '127.0.0.1')
    .option('--environment <name>', 'name on every page, such as production', parseText, 'development')
    .option('--token-file <path>', 'file with the token to sign in with (or set MINK_CONSOLE_TOKEN)', parseText)
    .addOption(
      new Option('--role <role>', 'what one may do (default: viewer; with --allow-actions, operator)').choices([
        'viewer',
        'operator',
        'admin',
      ]),
    )
    .addOption(
      new Option('--payloads <access>', 'what is shown of payloads')
        .choices(['none', 'masked', 'full'])
        .default('masked'),
    )
    .option('--allow-actions', 'let the role do what it may; otherwise the console is read-only')
    .option('--open', 'open it in the browser')
    .addHelpText('after', HELP)
    .action(async (_options, command: Command) => {
      // Not before it is wanted: its server costs other commands a part of their start.
      const { runConsole } = await import('../run-console.ts');
      await runConsole(context, command.optsWithGlobals());
    });
}
