import { InvalidArgumentError } from '../core/index.ts';
import type { Row, Statement } from './connection.ts';
import { createAppendQuery, parseAppendAnswers } from './queries/append.ts';
import { createAppendGuardedQuery, parseAppendGuardedAnswers } from './queries/append-guarded.ts';
import { createAppendOneQuery, parseAppendOneAnswer } from './queries/append-one.ts';
import { createAppendSimpleQuery, inLockOrder, parseAppendSimpleAnswers } from './queries/append-simple.ts';
import type { AppendAnswer, AppendTimeouts, EncodedCommand } from './queries/encode-command.ts';
import type { SchemaName } from './schema-name.ts';

/** Runs one statement, wherever the append is to happen. */
export type RunStatement = (statement: Statement) => Promise<readonly Row[]>;

/** Sends commands in one call, and gives an answer for each. They must not share a stream. */
export type AppendCall = (
  run: RunStatement,
  commands: readonly EncodedCommand[],
  timeouts: AppendTimeouts,
) => Promise<readonly AppendAnswer[]>;

/**
 * Chooses the shortest way for a call: a single event, simple commands, anything, or anything with keys and values to
 * hold. The functions take the same locks in the same order and answer alike; the short ones cost a fraction.
 */
export function createAppendCall(schema: SchemaName): AppendCall {
  const any = createAppendQuery(schema);
  const simple = createAppendSimpleQuery(schema);
  const one = createAppendOneQuery(schema);
  const guarded = createAppendGuardedQuery(schema);
  const call: AppendCall = async (run, commands, timeouts) => {
    const [first] = commands;
    if (commands.length === 1 && first?.isSimple === true && first.texts.length === 1) {
      const [row] = await run(one(first, timeouts));
      return [parseAppendOneAnswer(first, row)];
    }
    if (commands.some(({ isGuarded }) => isGuarded)) {
      const [row] = await run(sendable(() => guarded(commands, timeouts)));
      return withUntried(commands, parseAppendGuardedAnswers(commands, row), (rest) => call(run, rest, timeouts));
    }
    if (!commands.every(({ isSimple }) => isSimple)) {
      const [row] = await run(sendable(() => any(commands, timeouts)));
      return parseAppendAnswers(commands, row);
    }
    const sorted = inLockOrder(commands);
    const [row] = await run(sendable(() => simple(sorted, timeouts)));
    const answers = new Map(parseAppendSimpleAnswers(sorted, row).map((answer, index) => [sorted[index], answer]));
    return commands.flatMap((command) => answers.get(command) ?? []);
  };
  return call;
}

/** Nothing was appended because of others in the call: the rest is sent without them. */
async function withUntried(
  commands: readonly EncodedCommand[],
  answers: readonly AppendAnswer[],
  send: (rest: readonly EncodedCommand[]) => Promise<readonly AppendAnswer[]>,
): Promise<readonly AppendAnswer[]> {
  const rest = commands.filter((_, index) => answers[index]?.outcome === 'untried');
  if (rest.length === 0) return answers;
  const later = [...(await send(rest))];
  return answers.flatMap((answer) => (answer.outcome === 'untried' ? (later.shift() ?? []) : answer));
}

/** A buffer that no message can hold is the caller's affair. */
function sendable(build: () => Statement): Statement {
  try {
    return build();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new InvalidArgumentError('events', 'are too large to be sent at once. Append fewer at a time.', {
      cause: error,
    });
  }
}
