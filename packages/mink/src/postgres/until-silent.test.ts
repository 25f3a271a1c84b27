import { ok, strictEqual } from 'node:assert';
import { onTestFinished, test, vi } from 'vitest';
import { DatabaseUnavailableError } from '../core/index.ts';
import { ConnectionLostError, createDatabase, type PoolClientLike } from './connection.ts';
import { untilSilent } from './until-silent.ts';

const STATEMENT = untilSilent({ name: undefined, text: 'select 1', values: [] });

/** A database whose only connection answers when it is told to. */
function slowDatabase() {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const stream = { bytesRead: 0 };
  const released: unknown[] = [];
  let answer = (): void => {};
  const client: PoolClientLike & { readonly connection: object } = {
    connection: { stream },
    query: () => new Promise((resolve) => (answer = () => resolve({ rows: [['1']] }))),
    release: (error) => void released.push(error),
    on: () => undefined,
    off: () => undefined,
  };
  const database = createDatabase({ pool: { connect: async () => client }, wakeUp: 'poll' });
  return { database, stream, released, answer: () => answer() };
}

test('a connection on which nothing comes is lost, and thrown away', async () => {
  const { database, released } = slowDatabase();
  const [end] = await Promise.allSettled([database.run(STATEMENT), vi.advanceTimersByTimeAsync(60_000)]);
  const error: unknown = end.status === 'rejected' ? end.reason : undefined;
  ok(error instanceof ConnectionLostError && error instanceof DatabaseUnavailableError, String(error));
  strictEqual(released[0], error);
  strictEqual(vi.getTimerCount(), 0);
});

test('a long answer is waited for, as long as some of it comes', async () => {
  const { database, stream, released, answer } = slowDatabase();
  const running = database.run(STATEMENT);
  for (let minute = 0; minute < 5; minute += 1) {
    await vi.advanceTimersByTimeAsync(50_000);
    stream.bytesRead += 1;
    await vi.advanceTimersByTimeAsync(10_000);
  }
  answer();
  strictEqual((await running)[0]?.[0], '1');
  strictEqual(released[0], undefined);
  strictEqual(vi.getTimerCount(), 0);
});
