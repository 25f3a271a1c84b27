import { describe, expect, test, vi } from 'vitest';
import { useDatabase } from './support/database.ts';
import { jsonLines, runMink } from './support/run-mink.ts';
import { until } from './support/until.ts';

vi.setConfig({ testTimeout: 30_000 });
const database = useDatabase();

async function anOrder() {
  const { schema, store } = database.openStore();
  const metadata = { correlationId: 'c-1' };
  await store.append('Order-42', [{ type: 'OrderCreated', data: { customerId: 'c-9' } }], { metadata });
  const created = await store.streamInfoOrThrow('Order-42');
  // Times are whole milliseconds: the next events must get a later one.
  await until('the clock moves on', () => Date.now() > created.lastRecordedAt.getTime() + 1);
  await store.append('Order-42', [
    { type: 'ItemAdded', data: { sku: 'A' } },
    { type: 'ItemAdded', data: { sku: 'B' } },
  ]);
  await store.close();
  const args = ['--url', database.url(), '--schema', schema];
  const versions = async (...more: string[]): Promise<number[]> => {
    const { exitCode, stdout } = await runMink(['stream', 'Order-42', '--json', ...more, ...args]);
    expect(exitCode).toBe(0);
    return jsonLines(stdout).map(({ streamVersion }) => streamVersion);
  };
  return { args, versions, createdAt: created.lastRecordedAt.toISOString() };
}

describe('stream', () => {
  test('shows the events with payload and metadata', async () => {
    const { args, createdAt } = await anOrder();
    const { exitCode, stdout, stderr } = await runMink(['stream', 'Order-42', ...args]);
    expect([exitCode, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^Order-42, at version 3\n\n/u);
    expect(stdout).toContain(
      `#1  OrderCreated  ${createdAt}  position 1\n    data      {"customerId":"c-9"}\n    metadata  {"correlationId":"c-1"}\n`,
    );
    expect(stdout).toMatch(/#3 {2}ItemAdded {2}.*\n {4}data {6}\{"sku":"B"\}\n$/u);
  });

  test('--json is a line for each event, with everything that is known of it', async () => {
    const { args, createdAt } = await anOrder();
    const { stdout } = await runMink(['stream', 'Order-42', '--json', ...args]);
    const events = jsonLines(stdout);
    expect(events).toHaveLength(3);
    expect(events[0]).toEqual({
      globalPosition: 1,
      streamName: 'Order-42',
      streamVersion: 1,
      category: 'Order',
      type: 'OrderCreated',
      id: expect.stringMatching(/^[0-9a-f-]{36}$/u),
      recordedAt: createdAt,
      schemaVersion: 1,
      data: { customerId: 'c-9' },
      metadata: { correlationId: 'c-1' },
    });
  });

  test('--at shows it as it was at a version or a time', async () => {
    const { versions, createdAt } = await anOrder();
    expect(await versions('--at', '2')).toEqual([1, 2]);
    expect(await versions('--at', '99')).toEqual([1, 2, 3]);
    expect(await versions('--at', createdAt)).toEqual([1]);
    expect(await versions('--at', '2000-01-01T00:00Z')).toEqual([]);
    expect(await versions('--at', '2999-01-01T00:00:00.123456+05:30')).toEqual([1, 2, 3]);
  });

  test('--from, --limit and --backwards choose among the events', async () => {
    const { versions } = await anOrder();
    expect(await versions('--from', '2')).toEqual([2, 3]);
    expect(await versions('--limit', '2')).toEqual([1, 2]);
    expect(await versions('--backwards')).toEqual([3, 2, 1]);
    expect(await versions('--backwards', '--limit', '1')).toEqual([3]);
    expect(await versions('--backwards', '--at', '2', '--from', '2')).toEqual([2]);
  });

  test('a range without events says so', async () => {
    const { args } = await anOrder();
    const { exitCode, stderr } = await runMink(['stream', 'Order-42', '--from', '9', ...args]);
    expect([exitCode, stderr]).toEqual([0, 'No events in this range.\n']);
  });

  test('a missing stream is an error', async () => {
    const { args } = await anOrder();
    const text = await runMink(['stream', 'Order-43', ...args]);
    expect(text).toEqual({
      exitCode: 1,
      stdout: '',
      stderr: 'error: Stream "Order-43" does not exist. Check the category and the id.\n',
    });
    const json = await runMink(['stream', 'Order-43', '--json', ...args]);
    expect([json.exitCode, json.stdout]).toEqual([1, '']);
    expect(JSON.parse(json.stderr)).toEqual({
      error: {
        code: 'STREAM_NOT_FOUND',
        message: 'Stream "Order-43" does not exist. Check the category and the id.',
        streamName: 'Order-43',
      },
    });
  });

  test('cannot be made to steer the terminal by names, types, payloads or metadata', async () => {
    const { schema, store } = database.openStore();
    const evil = '\u009B31m\u202E';
    const data = { text: '\u001B]0;owned\u0007', [`key${evil}`]: '\u2028' };
    await store.append(`Order-${evil}`, [{ type: `Order${evil}`, data }], { metadata: { userId: evil } });
    await store.close();
    const args = ['stream', `Order-${evil}`, '--url', database.url(), '--schema', schema];
    const text = await runMink(args);
    const json = await runMink([...args, '--json']);
    const missing = await runMink(['stream', `Order-x${evil}`, ...args.slice(2)]);
    expect(text.stdout).toContain(String.raw`Order\u009b31m`);
    expect(missing.stderr).toContain(String.raw`Order-x\u009b31m`);
    expect(text.stdout + json.stdout + missing.stderr).toMatch(/^[\x20-\x7E\n]*$/u);
    expect(jsonLines(json.stdout)[0].data).toEqual(data);
  });
});
