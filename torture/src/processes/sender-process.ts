import {
  AppendOutcomeUnknownError,
  BusinessRuleViolationError,
  ConcurrencyConflictError,
  ConflictNotResolvedError,
  DatabaseUnavailableError,
  MessageTimeoutError,
  OverloadedError,
  UniqueValueTakenError,
  correlation,
  mayPass,
  recommendedPipeline,
  retry,
} from 'mink';
import { createPostgresStore } from 'mink/postgres';
import { describeError } from '../actors/library-writer.ts';
import { accountEvents, COMMAND_TYPES, createDispatch, type CommandData } from '../commands/accounts.ts';
import { toLine, type CommandAnswer } from '../commands/answers.ts';
import { naiveIdempotency } from '../commands/naive-idempotency.ts';
import { pause } from '../waiting.ts';
import { numberIn, parseRecord, recordIn, sortedJson, textIn, type JsonRecord } from './json.ts';
import { lifeOfParent } from './life.ts';
import { LinesWriter } from './lines-file.ts';

// A service with one store and one bus. It is told what to dispatch, one line a command, and writes down every answer. It is
// killed at any time; whoever told it then tells somebody else.
const config = parseRecord(process.argv[2] ?? '') ?? {};
const url = textIn(config, 'url');
const journal = new LinesWriter(textIn(config, 'journal'));
const running = new Set<Promise<void>>();
let hasEnded = false;
const signal = lifeOfParent((line) => {
  const told = parseRecord(line);
  if (told === undefined || hasEnded) return;
  const work = perform(told).finally(() => running.delete(work));
  running.add(work);
});

const store = createPostgresStore({
  url,
  categories: { Account: accountEvents },
  migrate: 'never',
  wakeUp: 'poll',
  connectTimeout: 2_000,
  lockTimeout: 5_000,
});
const isControl = textIn(config, 'layers') === 'naive';
const dispatch = createDispatch(
  store,
  isControl ? [correlation(), retry(), naiveIdempotency(url)] : recommendedPipeline({ timeout: 10_000 }),
);

await new Promise((resolve) => {
  signal.addEventListener('abort', resolve);
});
hasEnded = true;
await Promise.all(running);
await store.close();
process.exit(0);

async function perform(told: JsonRecord): Promise<void> {
  const answer = await send(told);
  // A database that is away is not asked without end.
  if (answer.status === 'open') await pause(30, signal);
  journal.write(toLine(numberIn(told, 'attempt'), answer));
}

async function send(told: JsonRecord): Promise<CommandAnswer> {
  const type = COMMAND_TYPES.find((name) => name === told['type']);
  if (type === undefined) throw new Error(`there is no command ${JSON.stringify(told)}`);
  try {
    const result = await dispatch(type, textIn(told, 'id'), toData(recordIn(told, 'data')));
    return { status: 'done', events: [], content: sortedJson(result) };
  } catch (error) {
    return toRefusal(error);
  }
}

function toData(record: JsonRecord): CommandData {
  return {
    account: textIn(record, 'account'),
    other: textIn(record, 'other'),
    amount: numberIn(record, 'amount'),
    email: textIn(record, 'email'),
    number: textIn(record, 'number'),
  };
}

function toRefusal(error: unknown): CommandAnswer {
  if (error instanceof BusinessRuleViolationError) {
    const { name, code, message } = error;
    return { status: 'refused', content: JSON.stringify({ name, code, message }) };
  }
  if (error instanceof UniqueValueTakenError) {
    const { streamName, set, value, heldBy } = error;
    return { status: 'taken', content: JSON.stringify({ streamName, set, value, heldBy }) };
  }
  const isExpected =
    error instanceof AppendOutcomeUnknownError ||
    error instanceof DatabaseUnavailableError ||
    error instanceof OverloadedError ||
    error instanceof ConcurrencyConflictError ||
    error instanceof ConflictNotResolvedError ||
    error instanceof MessageTimeoutError ||
    mayPass(error);
  if (!isExpected) journal.write(JSON.stringify({ line: 'unexpected', message: describeError(error) }));
  return { status: 'open', reason: describeError(error) };
}
