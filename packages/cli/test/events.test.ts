import { describe, expect, test, vi } from 'vitest';
import { useDatabase } from './support/database.ts';
import { appendUntilEnded, BrokenPipe, jsonLines, runMink, startMink } from './support/run-mink.ts';

vi.setConfig({ testTimeout: 30_000 });
const database = useDatabase();

async function someEvents() {
  const { schema, store } = database.openStore();
  await store.append('Order-1', [{ type: 'OrderCreated', data: { n: 1 } }]);
  await store.append('Cart-1', [{ type: 'CartOpened', data: { n: 2 } }]);
  const last = await store.append('Order-2', [
    { type: 'OrderCreated', data: { n: 3 } },
    { type: 'ItemAdded', data: { n: 4 } },
  ]);
  const args = ['--url', database.url(), '--schema', schema];
  const numbers = async (...more: string[]): Promise<number[]> => {
    const { exitCode, stdout, stderr } = await runMink(['events', '--json', ...more, ...args]);
    expect([exitCode, stderr]).toEqual([0, '']);
    return jsonLines(stdout).map(({ data }) => data.n);
  };
  return { store, args, numbers, last };
}

describe('events', () => {
  test('is a table of the log', async () => {
    const { args, store } = await someEvents();
    await store.close();
    const { exitCode, stdout, stderr } = await runMink(['events', ...args]);
    expect([exitCode, stderr]).toEqual([0, '']);
    const lines = stdout.trimEnd().split('\n');
    expect(lines[0]).toBe('POSITION  RECORDED                  STREAM   VERSION  TYPE          DATA');
    expect(lines[1]).toMatch(/^ {7}1 {2}\d{4}\S+Z {2}Order-1 {8}1 {2}OrderCreated {2}\{"n":1\}$/u);
    expect(lines).toHaveLength(5);
  });

  test('chooses by type, category, stream and prefix', async () => {
    const { numbers, store } = await someEvents();
    await store.close();
    expect(await numbers()).toEqual([1, 2, 3, 4]);
    expect(await numbers('--type', 'ItemAdded', 'CartOpened')).toEqual([2, 4]);
    expect(await numbers('--type', 'ItemAdded', '--type', 'CartOpened')).toEqual([2, 4]);
    expect(await numbers('--category', 'Order')).toEqual([1, 3, 4]);
    expect(await numbers('--category', 'Order', '--type', 'OrderCreated')).toEqual([1, 3]);
    expect(await numbers('--stream', 'Order-1', 'Cart-1')).toEqual([1, 2]);
    expect(await numbers('--prefix', 'Order-2', 'Ca')).toEqual([2, 3, 4]);
  });

  test('chooses by position, time, number and direction', async () => {
    const { numbers, store, last } = await someEvents();
    await store.close();
    const position = String(last.globalPosition);
    expect(await numbers('--after', String(last.globalPosition - 1))).toEqual([4]);
    expect(await numbers('--until', String(last.globalPosition - 1))).toEqual([1, 2, 3]);
    expect(await numbers('--until', '2000-01-01T00:00:00Z')).toEqual([]);
    expect(await numbers('--until', '2999-01-01T00:00:00Z')).toEqual([1, 2, 3, 4]);
    expect(await numbers('--limit', '2')).toEqual([1, 2]);
    expect(await numbers('--backwards')).toEqual([4, 3, 2, 1]);
    expect(await numbers('--backwards', '--limit', '2', '--until', position)).toEqual([4, 3]);
  });

  test('without any event says so on stderr', async () => {
    const { args, store } = await someEvents();
    await store.close();
    const none = await runMink(['events', '--type', 'Nothing', ...args]);
    expect(none).toEqual({ exitCode: 0, stdout: '', stderr: 'No events.\n' });
  });

  test('interrupted, ends with exit code 130', async () => {
    const { args, store } = await someEvents();
    await store.close();
    const reading = startMink(['events', ...args]);
    reading.interrupt();
    expect(await reading.done).toMatchObject({ exitCode: 130, stderr: '' });
  });
});

describe('events --follow', () => {
  test('prints what is there, then what comes, and ends with exit code 0 on Ctrl-C', async () => {
    const { args, store } = await someEvents();
    const tail = startMink(['events', '--follow', '--json', ...args]);
    await tail.untilPrinted('{"n":4}');
    await store.append('Order-3', [{ type: 'OrderCreated', data: { n: 5 } }]);
    await tail.untilPrinted('{"n":5}');
    tail.interrupt();
    const { exitCode, stdout, stderr } = await tail.done;
    expect([exitCode, stderr]).toEqual([0, '']);
    expect(jsonLines(stdout).map(({ data }) => data.n)).toEqual([1, 2, 3, 4, 5]);
    await store.close();
  });

  test('--after end leaves out what is there, and --limit ends it', async () => {
    const { args, store } = await someEvents();
    const tail = startMink([
      'events',
      '-f',
      '--after',
      'end',
      '--limit',
      '2',
      '--category',
      'Order',
      '--json',
      ...args,
    ]);
    await appendUntilEnded(tail.done, async (n) => {
      await store.append('Order-3', [{ type: 'OrderCreated', data: { n: n + 10 } }]);
      await store.append('Cart-3', [{ type: 'CartOpened', data: { n: n + 10 } }]);
    });
    const { exitCode, stdout } = await tail.done;
    expect(exitCode).toBe(0);
    const numbers = jsonLines(stdout).map(({ data }) => data.n);
    expect(numbers).toHaveLength(2);
    expect(numbers[0]).toBeGreaterThanOrEqual(10);
    expect(numbers[1]).toBe(numbers[0] + 1);
    await store.close();
  });

  test('--after a position that is beyond the log is an error', async () => {
    const { args, store } = await someEvents();
    await store.close();
    const { exitCode, stderr } = await runMink(['events', '--follow', '--after', '999', '--json', ...args]);
    expect(exitCode).toBe(1);
    expect(JSON.parse(stderr).error).toMatchObject({ code: 'LOG_REWOUND', after: 999, head: 4 });
  });
});

describe('the output of events', () => {
  test('may be closed by its reader: no error, and nothing more is read', async () => {
    const { schema, store } = database.openStore();
    const events = Array.from({ length: 2_500 }, (_, n) => ({ type: 'Counted', data: { n } }));
    await store.append('Counter-1', events);
    await store.close();
    for (const format of [[], ['--json']]) {
      const stdout = new BrokenPipe({ code: 'EPIPE', good: 1 });
      const args = ['events', ...format, '--url', database.url(), '--schema', schema];
      expect(await runMink(args, { stdout })).toMatchObject({ exitCode: 0, stderr: '' });
      expect(stdout.writes).toBe(2);
    }
  });

  test('that cannot be written is an error', async () => {
    const { args, store } = await someEvents();
    await store.close();
    const stdout = new BrokenPipe({ code: 'ENOSPC', good: 0 });
    const { exitCode, stderr } = await runMink(['events', ...args], { stdout });
    expect([exitCode, stderr]).toEqual([1, 'error: The output cannot be written: write ENOSPC.\n']);
  });
});
