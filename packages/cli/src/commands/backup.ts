import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { access, open, rename, rm } from 'node:fs/promises';
import { Readable, type Duplex, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { StringDecoder } from 'node:string_decoder';
import { createGunzip, createGzip } from 'node:zlib';
import type { Command } from 'commander';
import { BackupBrokenError } from 'mink';
import {
  checkBackup,
  createBackup,
  recordBackup,
  restoreBackup,
  verifyStore,
  type CheckedBackup,
  type RestoredBackup,
  type StoreVerification,
} from 'mink/postgres';
import { positionText } from '../build-progress.ts';
import type { Context, GlobalOptions } from '../context.ts';
import { counted } from '../counted.ts';
import { findTarget, withStore } from '../database.ts';
import { FileExistsError, StoreBrokenError, UsageError } from '../errors.ts';
import { interruptible } from '../interrupt.ts';
import { jsonText } from '../json-text.ts';
import { collectText, parseLogPoint, wholeFrom } from '../option-values.ts';
import { progressOf } from '../progress.ts';
import { Table } from '../table.ts';

const BACKUP_HELP = `
Everything in it is of one moment: the events, the values of unique sets, the results of commands, the shapes. Read models and
snapshots follow from it. Appends wait for some milliseconds; then nobody waits.

Examples:
  mink backup orders-1.mink.gz                   the whole log, compressed
  mink backup orders-2.mink.gz --after 120000    what has come since the one that ends there
  mink backup - | ssh vault 'cat > orders.mink'  to stdout, as lines of JSON
`;
const RESTORE_HELP = `
Into an empty store; or one that holds the backups before it, or a part of this one: run it again where it was stopped. Each block of
events is checked before it is stored. Let nobody append meanwhile.

Examples:
  mink restore orders-1.mink.gz --schema restored
  mink restore orders-2.mink.gz --schema restored          goes on where the first one ends
  mink restore orders-1.mink.gz --schema then --until 2026-01-31T15:00:00Z
  mink restore orders-1.mink.gz --dry-run                  is the file sound? needs no database
  mink verify --schema restored
`;
const VERIFY_HELP = `
Gaps in streams, counters, orders, commits that are not whole, guards that are off, a sequence that is behind; checkpoints, snapshots,
results of commands, unique values and dead letters of events that are not there. Changes nothing; reads every event several times. Exit
code 1 where something is found.

Events that were changed behind mink's back are found where the log was sealed ("mink seal"), or by a backup.

Examples:
  mink verify
  mink verify --seals                      also: is every event what was sealed?
  mink verify --receipt 120000:5f3a…       also: is the log what it was when that was printed? whatever was done to the seals
  mink verify --backup orders-1.mink.gz    also: is every event what it is there?
`;

interface BackupOptions extends GlobalOptions {
  readonly after?: number | undefined;
  readonly from?: number | undefined;
  readonly dryRun?: boolean | undefined;
}

interface RestoreOptions extends GlobalOptions {
  readonly until?: ReturnType<typeof parseLogPoint> | undefined;
  readonly dryRun?: boolean | undefined;
}

interface VerifyOptions extends GlobalOptions {
  readonly seals?: boolean | undefined;
  readonly receipt?: readonly string[] | undefined;
  readonly backup?: string | undefined;
}

export function addBackupCommands(program: Command, context: Context): void {
  program
    .command('backup')
    .description('write the log into a file')
    .argument('<file>', 'a new file, compressed; - for stdout, not compressed')
    .option('--after <position>', 'only what comes behind it: where the backup before ends', wholeFrom(0))
    .option('--from <position>', 'the same', wholeFrom(0))
    .option('--dry-run', 'say what would be in it; nothing is written')
    .addHelpText('after', BACKUP_HELP)
    .action((file: string, _options, command: Command) => backup(context, file, command.optsWithGlobals()));
  program
    .command('restore')
    .description('bring a log back from a backup')
    .argument('<file>', 'what "mink backup" has written; - for stdin, compressed or not')
    .option('--until <position|time>', 'the log as it was then', parseLogPoint)
    .option('--dry-run', 'check the file alone; nothing is restored')
    .addHelpText('after', RESTORE_HELP)
    .action((file: string, _options, command: Command) => restore(context, file, command.optsWithGlobals()));
  program
    .command('verify')
    .description('look for what cannot be right in the log')
    .option('--seals', 'compare every event with what was sealed')
    .option('--receipt <position:root>', 'what "mink seal" has printed; may be repeated', collectText)
    .option('--backup <file>', 'compare every event with what a backup has')
    .addHelpText('after', VERIFY_HELP)
    .action((_options, command: Command) => verify(context, command.optsWithGlobals()));
}

async function backup(context: Context, file: string, options: BackupOptions): Promise<void> {
  if (options.dryRun === true) return planBackup(context, file, options);
  const { signal, stdout, stderr } = context;
  const target = await findTarget(context, options);
  const onProgress = progressOf(context, options, positionText);
  const { after = options.from ?? 0 } = options;
  const counts = { events: 0, upTo: 0 };
  const takenAt = new Date();
  const lines = async function* (): AsyncGenerator<string> {
    for await (const line of createBackup({ ...target, after, isRecorded: false, signal, onProgress })) {
      if (line.startsWith('[')) counts.events += 1;
      else if (counts.upTo === 0) counts.upTo = endOf(line);
      yield `${line}\n`;
    }
  };
  if (file === '-') {
    for await (const line of lines()) await stdout.write(line);
    await recordBackup(target, { takenAt, after, ...counts });
    return;
  }
  await writeNewFile(file, (out) => pipeline(Readable.from(lines()), createGzip(), out, { signal }));
  // Now that it is where it belongs.
  await recordBackup(target, { takenAt, after, ...counts });
  const said = { file, ...counts };
  if (options.json === true) await stdout.line(jsonText(said));
  else
    await stderr.line(
      `${counted(counts.events, 'event')}, up to position ${counts.upTo}. The next one: --after ${counts.upTo}`,
    );
}

/** Positions, as counting events would read them all. */
async function planBackup(context: Context, file: string, options: BackupOptions): Promise<void> {
  const { after = options.from ?? 0 } = options;
  const { position: upTo } = await withStore(context, options, (store) => store.feedStatus());
  if (file !== '-' && (await exists(file))) throw new FileExistsError(file);
  if (options.json === true) await context.stdout.line(jsonText({ file, after, upTo }));
  else
    await context.stdout.line(
      `Would hold what is behind position ${after}, up to position ${upTo}. Nothing was written.`,
    );
}

function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

function endOf(header: string): number {
  const value: unknown = JSON.parse(header);
  return typeof value === 'object' && value !== null && 'upTo' in value ? Number(value.upTo) : 0;
}

/** Under another name until it is whole, and on the disk: a file of that name is a backup. */
async function writeNewFile(file: string, write: (out: Writable) => Promise<void>): Promise<void> {
  if (await exists(file)) throw new FileExistsError(file);
  const part = `${file}.part`;
  try {
    await write(createWriteStream(part));
    const handle = await open(part, 'r');
    await handle.sync();
    await handle.close();
    await rename(part, file);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}

async function restore(context: Context, file: string, options: RestoreOptions): Promise<void> {
  const { signal, stdout } = context;
  if (options.dryRun === true) return check(context, file, options);
  const target = await findTarget(context, options);
  const onProgress = progressOf(context, options, positionText);
  const { until } = options;
  const untilPosition = until !== undefined && 'position' in until ? until.position : undefined;
  const untilTime = until !== undefined && 'time' in until ? until.time : undefined;
  const lines = await linesIn(file);
  const restored = await restoreBackup({ ...target, untilPosition, untilTime, signal, onProgress }, lines);
  if (options.json === true) await stdout.line(jsonText(restored));
  else await stdout.line(restoredText(target.schema, restored));
}

/** Whether a file can be restored, without a database. */
async function check({ stdout }: Context, file: string, options: RestoreOptions): Promise<void> {
  const checked = await checkBackup(await linesIn(file));
  if (options.json === true) await stdout.line(jsonText(checked));
  else await stdout.line(checkedText(checked));
}

function checkedText({ events, after, upTo, takenAt }: CheckedBackup): string {
  const from = after === 0 ? 'the whole log' : `what comes behind position ${after}`;
  return `Sound: ${counted(events, 'event')}, ${from} up to position ${upTo}, taken at ${takenAt.toISOString()}. Nothing was restored.`;
}

async function linesIn(file: string): Promise<AsyncGenerator<string>> {
  return linesOf(await openBackup(file));
}

const GZIP = Buffer.from([0x1f, 0x8b]);

/** What is in a file or comes in, compressed or not. */
async function openBackup(file: string): Promise<Readable> {
  const raw = file === '-' ? process.stdin : createReadStream(file);
  await once(raw, 'readable').catch((error: unknown) => {
    throw new UsageError(`"${file}" cannot be read: ${error instanceof Error ? error.message : String(error)}.`);
  });
  const first: unknown = raw.read();
  if (!Buffer.isBuffer(first)) return raw;
  raw.unshift(first);
  return first.subarray(0, GZIP.length).equals(GZIP) ? compose(raw, createGunzip()) : raw;
}

/** An error of either is one of what is read. */
function compose(from: Readable, through: Duplex): Readable {
  from.once('error', (error) => through.destroy(error));
  return from.pipe(through);
}

/** Text of any length, line by line; what cannot be unpacked is a broken backup. */
async function* linesOf(input: Readable): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8');
  let number = 0;
  let rest = '';
  try {
    for await (const chunk of input) {
      const parts = (rest + decoder.write(chunk)).split('\n');
      rest = parts.pop() ?? '';
      number += parts.length;
      yield* parts;
    }
  } catch (error) {
    if (!isPackingError(error)) throw error;
    throw new BackupBrokenError(number + 1, `it cannot be unpacked (${error.message})`);
  }
  if (rest !== '') yield rest;
}

function isPackingError(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && error.code.startsWith('Z_');
}

function restoredText(schema: string, { events, skipped, position, isPartial }: RestoredBackup): string {
  const known = skipped === 0 ? '' : `, ${skipped} were there already`;
  const next = isPartial
    ? '\nValues of unique sets are not known for that moment: run "mink unique-sets rebuild".'
    : '';
  return `${counted(events, 'event')} restored into schema "${schema}"${known}. The log ends at position ${position}.${next}`;
}

async function verify(context: Context, options: VerifyOptions): Promise<void> {
  const { signal, stdout } = context;
  const target = await findTarget(context, options);
  const onCheck = progressOf(context, options, (check: string) => `checks ${check}`);
  const { seals, receipt: receipts, backup: file } = options;
  const lines = file === undefined ? undefined : await linesIn(file);
  const found = await interruptible(
    verifyStore({ ...target, seals, receipts, backup: lines, signal, onCheck }),
    signal,
  );
  if (options.json === true) await stdout.line(jsonText(found));
  else await stdout.write(verdict(found));
  if (!found.ok) throw new StoreBrokenError(target.schema, found.findings.length);
}

function verdict({ ok, events, streams, sealedUpTo, findings }: StoreVerification): string {
  const sealed = sealedUpTo === undefined ? '' : ` Sealed up to position ${sealedUpTo}.`;
  if (ok) return `${counted(events, 'event')} in ${counted(streams, 'stream')}, as they should be.${sealed}\n`;
  const table = new Table([{ title: 'CHECK' }, { title: 'OF' }, { title: 'FINDING' }]);
  return table.page(findings.map(({ check, subject, detail }) => [check, subject, detail]));
}
