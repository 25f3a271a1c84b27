import { join, resolve } from 'node:path';
import { startPostgres, type RunningPostgres } from '@mink/dev';
import type { Command } from 'commander';
import { createMigrator, type Migration } from 'mink/postgres';
import type { Context, GlobalOptions } from '../context.ts';
import { DEFAULT_SCHEMA, DEV_DIRECTORY } from '../database.ts';
import { DevServerStoppedError } from '../errors.ts';
import { aborted, interruptible } from '../interrupt.ts';
import { jsonText } from '../json-text.ts';
import { parsePort, parseText } from '../option-values.ts';
import { escapeControls } from '../terminal-text.ts';

interface DevOptions extends GlobalOptions {
  readonly dir: string;
  readonly port: number;
}

const HELP = `
Examples:
  mink dev                          the port is free, and the same the next time
  mink dev --port 5433 --dir .db    a port and a directory of your own
  mink dev --json | head -1         {"url":"postgresql://…","port":5433,…}

It reads no config file, which may need the URL itself. Ctrl-C stops the server (exit code 0); the data stays.
`;

export function addDevCommand(program: Command, context: Context): void {
  program
    .command('dev')
    .description('start a PostgreSQL for development, with the schema in it, until Ctrl-C')
    .option('--dir <path>', 'directory for its data', parseText, DEV_DIRECTORY)
    .option('--port <number>', 'port on 127.0.0.1; 0 is a free one', parsePort, 0)
    .addHelpText('after', HELP)
    .action((_options, command: Command) => dev(context, command.optsWithGlobals()));
}

/** Runs until the signal is aborted, which is its ordinary end. */
async function dev(context: Context, { dir, port, schema = DEFAULT_SCHEMA, json }: DevOptions): Promise<void> {
  const { signal, stdout, stderr } = context;
  const postgres = await startPostgres({ dataDir: resolve(context.cwd, dir), port });
  try {
    const applied = await migrateUp(postgres.url, schema, signal);
    await stdout.line(
      json === true ? asJson(postgres, { schema, applied }) : asText(postgres, { schema, applied, dir }),
    );
    await Promise.race([aborted(signal), failWhenItEnds(postgres)]);
    if (json !== true) await stderr.line('Stopping PostgreSQL.');
  } finally {
    await postgres.stop();
  }
}

async function migrateUp(url: string, schema: string, signal: AbortSignal): Promise<readonly Migration[]> {
  const migrator = createMigrator({ url, schema });
  try {
    return await interruptible(migrator.up(), signal);
  } finally {
    await migrator.close();
  }
}

async function failWhenItEnds(postgres: RunningPostgres): Promise<never> {
  const { code, signal } = await postgres.exited;
  const how = signal === null ? `exit code ${code}` : `signal ${signal}`;
  throw new DevServerStoppedError(how, join(postgres.dataDir, 'postgres.log'));
}

interface Started {
  readonly schema: string;
  readonly applied: readonly Migration[];
}

function asJson(postgres: RunningPostgres, { schema, applied }: Started): string {
  const { url, port, dataDir, serverVersion, pid } = postgres;
  const migrations = applied.map(({ version, name }) => ({ version, name }));
  return jsonText({ url, port, schema, dataDir, serverVersion, pid, applied: migrations });
}

function asText(postgres: RunningPostgres, { schema, applied, dir }: Started & { readonly dir: string }): string {
  const state = applied.length === 0 ? 'is up to date' : `was migrated (${applied.length} applied)`;
  const lines = [
    postgres.url,
    `PostgreSQL ${postgres.serverVersion} runs with its data in ${dir}; schema "${schema}" ${state}.`,
    `In another terminal: export DATABASE_URL=${postgres.url}`,
    'Ctrl-C stops it; the data stays.',
  ];
  return lines.map(escapeControls).join('\n');
}
