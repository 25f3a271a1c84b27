import {
  InlineProjectionError,
  InlineRows,
  type AppendCommand,
  type InlineWork,
  type Projection,
} from '../core/index.ts';
import type { AppendCall } from './append-call.ts';
import { toAppendedEntries } from './appended-entries.ts';
import { ConnectionLostError, type Database, type Session } from './connection.ts';
import { unavailable } from './database-errors.ts';
import type { AppendAnswer, AppendTimeouts, EncodedCommand } from './queries/encode-command.ts';
import { lockInlineQuery, writeInlineQueries } from './queries/inline-projections.ts';
import { readRowsQuery, toStoredRow } from './queries/projection-rows.ts';
import type { SchemaName } from './schema-name.ts';
import { LONGEST_SILENCE } from './until-silent.ts';

/** What appends with inline projections work with. */
export interface InlineAppendSettings {
  readonly schema: SchemaName;
  readonly call: AppendCall;
}

type Answers = ReadonlyMap<EncodedCommand, AppendAnswer>;

/** What came of handlers: all have succeeded, or the transaction is to be rolled back and its commands sent in other groups. */
type Applied =
  | { readonly rows: InlineRows }
  | { readonly failed: Answers; readonly groups: readonly (readonly EncodedCommand[])[] };

/** Whether commands change rows of inline projections. */
export function changesRows(commands: readonly EncodedCommand[]): boolean {
  return commands.some(({ locks }) => locks.length > 0);
}

/**
 * Appends commands and applies the inline projections to them, in one transaction: rows are locked, then read; the events
 * appended; what the handlers make of them written, and committed. Two round trips, where the connection sends without waiting.
 *
 * Guarantees: events and rows are stored together or not at all, and each row sees its events in the order of the log. A handler that fails, or
 * takes too long, fails its own command: the others are sent again without it.
 *
 * Throws `DatabaseUnavailableError` where the connection breaks before the commit was sent, `ConnectionLostError` afterwards.
 */
export async function appendWithRows(
  settings: InlineAppendSettings & { readonly database: Database },
  commands: readonly EncodedCommand[],
  timeouts: AppendTimeouts,
): Promise<readonly AppendAnswer[]> {
  const answers = await sendGroup(settings, commands, timeouts);
  return commands.flatMap((command) => answers.get(command) ?? []);
}

async function sendGroup(
  settings: InlineAppendSettings & { readonly database: Database },
  commands: readonly EncodedCommand[],
  timeouts: AppendTimeouts,
): Promise<Answers> {
  const done = await settings.database.transact(async (session) => {
    const begin = 'begin isolation level read committed';
    const { answers, read } = await knownLoss(() => appendAndRead(session, settings, { commands, timeouts, begin }));
    const applied = applyAll(commands, answers, read);
    if ('failed' in applied) await knownLoss(() => session.runScript('rollback'));
    else await writeRows(session, settings.schema, applied.rows, 'commit');
    return { answers, applied };
  });
  if (!('failed' in done.applied)) return done.answers;
  const settled = new Map(done.applied.failed);
  for (const group of done.applied.groups) {
    if (group.length === 0) continue;
    for (const [command, answer] of await sendGroup(settings, group, timeouts)) settled.set(command, answer);
  }
  return settled;
}

/**
 * The same in a transaction of the caller's. Where a handler fails, what was appended is taken back, and the transaction can go on.
 *
 * Throws `InlineProjectionError`.
 */
export async function appendWithRowsWithin(
  session: Session,
  settings: InlineAppendSettings,
  command: EncodedCommand,
  timeouts: AppendTimeouts,
): Promise<AppendAnswer | undefined> {
  const commands = [command];
  const begin = 'savepoint mink_inline';
  const { answers, read } = await appendAndRead(session, settings, { commands, timeouts, begin });
  const applied = applyAll(commands, answers, read);
  if ('failed' in applied) {
    await session.runScript('rollback to savepoint mink_inline; release savepoint mink_inline');
    return applied.failed.get(command);
  }
  await writeRows(session, settings.schema, applied.rows, 'release savepoint mink_inline');
  return answers.get(command);
}

interface Group {
  readonly commands: readonly EncodedCommand[];
  readonly timeouts: AppendTimeouts;
  /** The statement that opens what can be taken back as a whole. */
  readonly begin: 'begin isolation level read committed' | 'savepoint mink_inline';
}

/** Locks the rows, reads them, and appends: rows first, so that each of them sees events in the order of their positions. */
async function appendAndRead(
  session: Session,
  { schema, call }: InlineAppendSettings,
  { commands, timeouts, begin }: Group,
): Promise<{ readonly answers: Answers; readonly read: InlineRows }> {
  const read = new InlineRows();
  let answers: Answers = new Map();
  const locks = commands.flatMap((command) => command.locks);
  // Commands with keys and values to hold take these before their streams.
  const isGuarded = commands.some((command) => command.isGuarded);
  const streamNames = isGuarded ? [] : commands.flatMap(({ names }) => names);
  const isOwn = begin !== 'savepoint mink_inline';
  const lock = lockInlineQuery(schema, locks, { streamNames, isOwn, lockTimeout: timeouts.lock });
  const reads = Array.from(keysByProjection(commands), ([projection, keys]) => async () => {
    const { spec } = projection.readModel;
    const rows = await session.run(readRowsQuery(schema, projection, { table: spec, keys: [...keys] }));
    read.load(
      projection,
      rows.map((row) => toStoredRow(spec, row)),
    );
  });
  await session.runInOrder(
    [
      () => session.runScript(begin),
      () => session.run(lock),
      ...reads,
      async () => {
        const all = await call((statement) => session.run(statement), commands, timeouts);
        answers = new Map(all.flatMap((answer, index) => pair(commands[index], answer)));
      },
    ],
    // In somebody else's transaction, locks are waited for as long as that one says.
    isOwn ? LONGEST_SILENCE : undefined,
  );
  return { answers, read };
}

function pair(command: EncodedCommand | undefined, answer: AppendAnswer): readonly [EncodedCommand, AppendAnswer][] {
  return command === undefined ? [] : [[command, answer]];
}

function keysByProjection(commands: readonly EncodedCommand[]): ReadonlyMap<Projection, ReadonlySet<string>> {
  const keys = new Map<Projection, Set<string>>();
  for (const { command } of commands) {
    for (const { projection, key } of command.inline?.keys ?? []) {
      const own = keys.get(projection);
      if (own === undefined) keys.set(projection, new Set([key]));
      else own.add(key);
    }
  }
  return keys;
}

/** Runs the handlers for the commands that were appended, in the order of their positions. */
function applyAll(commands: readonly EncodedCommand[], answers: Answers, rows: InlineRows): Applied {
  const appended = commands
    .flatMap((encoded) => {
      const { inline } = encoded.command;
      const answer = answers.get(encoded);
      return inline !== undefined && answer?.outcome === 'appended' ? [{ encoded, inline, answer }] : [];
    })
    .toSorted((left, right) => (left.answer.positions[0] ?? 0) - (right.answer.positions[0] ?? 0));
  const failed = new Map<EncodedCommand, AppendAnswer>();
  const begin = performance.now();
  for (const [index, { encoded, inline, answer }] of appended.entries()) {
    const failure = failureOf(inline, encoded.command, answer, rows);
    if (failure !== undefined) failed.set(encoded, failedAnswer(failure));
    const isLate = performance.now() - begin > inline.timeout && index < appended.length - 1;
    if (!isLate) continue;
    // Readers of the log wait for all of them: in two transactions they wait half as long.
    const first = appended.slice(0, index + 1).map((it) => it.encoded);
    return { failed, groups: [without(first, failed), without(commands, new Set([...failed.keys(), ...first]))] };
  }
  return failed.size === 0 ? { rows } : { failed, groups: [without(commands, failed)] };
}

function failureOf(
  inline: InlineWork,
  command: AppendCommand,
  answer: AppendAnswer,
  rows: InlineRows,
): InlineProjectionError | undefined {
  try {
    inline.apply(rows, toAppendedEntries(command, answer));
    return undefined;
  } catch (error) {
    if (error instanceof InlineProjectionError) return error;
    throw error;
  }
}

function failedAnswer(failure: InlineProjectionError): AppendAnswer {
  return { outcome: 'failed', culprit: undefined, versions: [], positions: [], recordedAt: 0, failure };
}

function without(
  commands: readonly EncodedCommand[],
  others: { has(command: EncodedCommand): boolean },
): readonly EncodedCommand[] {
  return commands.filter((command) => !others.has(command));
}

async function writeRows(session: Session, schema: SchemaName, rows: InlineRows, end: string): Promise<void> {
  const writes = [...rows.writes()].flatMap(([projection, changed]) => {
    const statements = writeInlineQueries(schema, projection, changed);
    return statements.map((statement) => () => session.run(statement));
  });
  await session.runInOrder([...writes, () => session.runScript(end)], end === 'commit' ? LONGEST_SILENCE : undefined);
}

/** Before its commit is sent, a transaction that loses its connection is rolled back. */
async function knownLoss<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof ConnectionLostError ? unavailable(error.cause) : error;
  }
}
