import { DatabaseError, type AppendCommand, type AppendOutcome, type OpenTransaction } from '../core/index.ts';
import { createAppendCall, type AppendCall } from './append-call.ts';
import type { Database } from './connection.ts';
import { appendWithRows, appendWithRowsWithin, changesRows } from './inline-append.ts';
import { encodeCommand, type AppendAnswer, type EncodedCommand } from './queries/encode-command.ts';
import { inlineLock } from './queries/inline-projections.ts';
import type { SchemaName } from './schema-name.ts';
import { untilSilent } from './until-silent.ts';

/** What appends are sent with. */
export interface AppendSenderSettings {
  readonly database: Database;
  readonly schema: SchemaName;
  /** Milliseconds that a caller's own transaction may be idle after an append; 0 leaves the server's setting. */
  readonly holdTimeout: number;
}

/** Milliseconds until the server ends the transaction of a process that is frozen between two statements: readers wait for it. */
const INLINE_HOLD = 10_000;
/** Raised by the guard of inline projections. */
const INLINE_CHANGED = 'MK007';

/** Carries the refusal of the guard past the pump, which would send the batch again in halves. */
class InlineChanged extends Error {}

/** Sends appends, and applies inline projections to those that change rows. */
export class AppendSender {
  readonly #settings: AppendSenderSettings;
  readonly #call: AppendCall;

  constructor(settings: AppendSenderSettings) {
    this.#settings = settings;
    this.#call = createAppendCall(settings.schema);
  }

  /** Turns a command into text, and its rows into locks. */
  encode(command: AppendCommand): EncodedCommand {
    const { schema } = this.#settings;
    return encodeCommand(
      command,
      command.inline?.keys.map((key) => inlineLock(schema, key)),
    );
  }

  /** Sends commands in one transaction of the store's own. `lock` in milliseconds. */
  async send(commands: readonly EncodedCommand[], lock: number): Promise<readonly AppendAnswer[]> {
    const { database, schema } = this.#settings;
    const call = this.#call;
    try {
      return changesRows(commands)
        ? await appendWithRows({ database, schema, call }, commands, { lock, hold: INLINE_HOLD })
        : await call((statement) => database.run(untilSilent(statement)), commands, { lock, hold: 0 });
    } catch (error) {
      throw isInlineChanged(error) ? new InlineChanged('other ones are active', { cause: error }) : error;
    }
  }

  /** Sends a command in a transaction of the caller's: what was not committed is rolled back with its connection. */
  async sendWithin(tx: OpenTransaction, command: EncodedCommand): Promise<AppendAnswer> {
    const { database, schema, holdTimeout: hold } = this.#settings;
    const session = database.within(tx);
    const call = this.#call;
    const [answer] = changesRows([command])
      ? [await appendWithRowsWithin(session, { schema, call }, command, { lock: 0, hold })]
      : await call((statement) => session.run(statement), [command], { lock: 0, hold });
    if (answer === undefined) throw new Error('the append function gave no answer');
    return answer;
  }
}

/** The outcome of an append that the guard of inline projections has refused; throws any other error. */
export function toInlineChanged(error: unknown): AppendOutcome {
  if (error instanceof InlineChanged) return { status: 'inline_changed', cause: error.cause };
  if (isInlineChanged(error)) return { status: 'inline_changed', cause: error };
  throw error;
}

function isInlineChanged(error: unknown): boolean {
  return error instanceof DatabaseError && error.sqlState === INLINE_CHANGED;
}
