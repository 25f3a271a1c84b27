import type { Command } from 'commander';
import { createMigrator, type Migration, type Migrator, type SchemaStatus } from 'mink/postgres';
import type { Context, GlobalOptions } from '../context.ts';
import { findTarget, type Target } from '../database.ts';
import { interruptible } from '../interrupt.ts';
import { jsonText } from '../json-text.ts';
import { maskPasswords } from '../mask-passwords.ts';
import { Table } from '../table.ts';
import { escapeControls } from '../terminal-text.ts';

interface UpOptions extends GlobalOptions {
  readonly dryRun?: boolean | undefined;
}

const MIGRATE_HELP = `
Examples:
  mink migrate                   apply what is pending
  mink migrate --dry-run         print the SQL that is pending; nothing changes
  mink migrate status            where the database stands
  mink migrate status --json     the same for a script
`;
const UP_HELP = `
Examples:
  mink migrate up                all pending migrations, or none
  mink migrate up --dry-run      print their SQL; nothing changes

Safe to run in several processes at once. Interrupted, it is applied as a whole or not at all.
`;
const STATUS_HELP = `
Examples:
  mink migrate status
  mink migrate status --json     {"schema":"mink","databaseVersion":1,"codeVersion":1,"pending":0,…}
`;

export function addMigrateCommand(program: Command, context: Context): void {
  const migrate = program
    .command('migrate')
    .description('bring the schema up to date, or show where it stands')
    .addHelpText('after', MIGRATE_HELP);
  migrate
    .command('up', { isDefault: true })
    .description('apply what is pending')
    .option('--dry-run', 'print the SQL that is pending; nothing changes')
    .addHelpText('after', UP_HELP)
    .action((_options, command: Command) => up(context, command.optsWithGlobals()));
  migrate
    .command('status')
    .description('show which migrations the database has; nothing changes')
    .addHelpText('after', STATUS_HELP)
    .action((_options, command: Command) => status(context, command.optsWithGlobals()));
}

async function up(context: Context, options: UpOptions): Promise<void> {
  const target = await findTarget(context, options);
  await withMigrator(context, target, async (migrator) => {
    if (options.dryRun === true) await dryRun(context, { migrator, target, json: options.json });
    else await apply(context, { migrator, target, json: options.json });
  });
}

interface Run {
  readonly migrator: Migrator;
  readonly target: Target;
  readonly json: boolean | undefined;
}

async function apply({ stdout }: Context, { migrator, target, json }: Run): Promise<void> {
  const applied = await migrator.up();
  const { databaseVersion } = await migrator.status();
  if (json === true) {
    return stdout.line(jsonText({ schema: target.schema, databaseVersion, applied: applied.map(identityOf) }));
  }
  const lines = applied.map((migration) => `Applied ${titleOf(migration)}.`);
  const state = applied.length === 0 ? 'is up to date' : 'was migrated';
  return stdout.line([...lines, `${placeOf(target)} ${state}, at version ${databaseVersion}.`].join('\n'));
}

async function dryRun({ stdout }: Context, { migrator, target, json }: Run): Promise<void> {
  const pending = await migrator.pending();
  if (json === true) {
    const migrations = pending.map((migration) => ({ ...identityOf(migration), sql: migration.sql }));
    return stdout.line(jsonText({ schema: target.schema, pending: migrations }));
  }
  const head = pending.length === 0 ? 'Nothing is pending' : `${pending.length} pending, in one transaction`;
  const notice = `-- ${placeOf(target)}: ${head}.`;
  // The migrator creates the schema and its record of migrations itself; its list of SQL does not say so.
  const record = '-- "mink migrate" also creates the schema, and records the migrations in its table "migrations".';
  const scripts = pending.map((migration) => `\n-- ${titleOf(migration)}\n${migration.sql.trimEnd()}`);
  return stdout.line([notice, ...(pending.length === 0 ? [] : [record]), ...scripts].join('\n'));
}

async function status(context: Context, options: GlobalOptions): Promise<void> {
  const { stdout } = context;
  const target = await findTarget(context, options);
  await withMigrator(context, target, async (migrator) => {
    const found = await migrator.status();
    if (options.json === true) return stdout.line(statusJson(found));
    const table = new Table([{ title: 'VERSION', align: 'right' }, { title: 'NAME' }, { title: 'APPLIED' }]);
    const rows = found.migrations.map(({ version, name, appliedAt }) => [
      String(version),
      name,
      appliedAt?.toISOString() ?? 'pending',
    ]);
    return stdout.write(`${placeOf(target)} ${summaryOf(found)}.\n\n${table.page(rows)}`);
  });
}

function statusJson(found: SchemaStatus): string {
  const migrations = found.migrations.map(({ version, name, appliedAt }) => ({
    version,
    name,
    appliedAt: appliedAt ?? null,
  }));
  return jsonText({ ...found, migrations, pending: pendingOf(found) });
}

function summaryOf(found: SchemaStatus): string {
  const { databaseVersion, codeVersion } = found;
  const pending = pendingOf(found);
  if (pending > 0 && databaseVersion === 0) return `does not exist yet; ${pending} pending`;
  if (pending > 0) return `is at version ${databaseVersion} of ${codeVersion}; ${pending} pending`;
  if (databaseVersion > codeVersion) return `is at version ${databaseVersion}, newer than this mink (${codeVersion})`;
  return `is up to date, at version ${databaseVersion}`;
}

function pendingOf({ migrations }: SchemaStatus): number {
  return migrations.filter(({ appliedAt }) => appliedAt === undefined).length;
}

/** A migration under way is finished, or rolled back, before this throws for Ctrl-C: closing waits for it. */
async function withMigrator(
  { signal }: Context,
  target: Target,
  work: (migrator: Migrator) => Promise<void>,
): Promise<void> {
  const migrator = createMigrator(target);
  try {
    await interruptible(work(migrator), signal);
  } finally {
    await migrator.close();
  }
}

function identityOf({ version, name }: Migration): { readonly version: number; readonly name: string } {
  return { version, name };
}

function titleOf({ version, name }: Migration): string {
  return `${String(version).padStart(6, '0')}_${name}`;
}

function placeOf({ schema, url }: Target): string {
  return escapeControls(`Schema "${schema}" of ${maskPasswords(url)}`);
}
