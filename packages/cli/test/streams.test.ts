import { describe, expect, test } from 'vitest';
import { useDatabase } from './support/database.ts';
import { runMink } from './support/run-mink.ts';

const database = useDatabase();

async function someStreams() {
  const { schema, store } = database.openStore();
  await store.append('Order-1', [
    { type: 'OrderCreated', data: {} },
    { type: 'OrderShipped', data: {} },
  ]);
  await store.append('Order-22', [{ type: 'OrderCreated', data: {} }]);
  await store.append('Cart-1', [{ type: 'CartOpened', data: {} }]);
  await store.close();
  const args = ['--url', database.url(), '--schema', schema];
  const names = async (...more: string[]): Promise<unknown[]> => {
    const { stdout } = await runMink(['streams', '--json', ...more, ...args]);
    return JSON.parse(stdout).map(({ streamName }: { streamName: string }) => streamName);
  };
  return { args, names };
}

describe('streams', () => {
  test('is a table of names, versions and times', async () => {
    const { args } = await someStreams();
    const { exitCode, stdout, stderr } = await runMink(['streams', ...args]);
    expect([exitCode, stderr]).toEqual([0, '']);
    const time = String.raw`\d{4}-\d{2}-\d{2}T[\d:.]+Z`;
    const [titles, ...rows] = stdout.trimEnd().split('\n');
    expect(titles).toBe('STREAM    VERSION  CREATED                   LAST RECORDED');
    expect(rows).toEqual([
      expect.stringMatching(new RegExp(`^Cart-1          1  ${time}  ${time}$`, 'u')),
      expect.stringMatching(new RegExp(`^Order-1         2  ${time}  ${time}$`, 'u')),
      expect.stringMatching(new RegExp(`^Order-22        1  ${time}  ${time}$`, 'u')),
    ]);
  });

  test('--json is one document', async () => {
    const { args } = await someStreams();
    const { stdout } = await runMink(['--json', 'streams', ...args]);
    expect(JSON.parse(stdout)).toContainEqual({
      streamName: 'Order-1',
      category: 'Order',
      version: 2,
      state: 'live',
      createdAt: expect.stringMatching(/Z$/u),
      lastRecordedAt: expect.stringMatching(/Z$/u),
    });
  });

  test('--category, --prefix and --limit choose among them', async () => {
    const { names } = await someStreams();
    expect(await names()).toEqual(['Cart-1', 'Order-1', 'Order-22']);
    expect(await names('--category', 'Order')).toEqual(['Order-1', 'Order-22']);
    expect(await names('--prefix', 'Order-2')).toEqual(['Order-22']);
    expect(await names('--limit', '2')).toEqual(['Cart-1', 'Order-1']);
    expect(await names('--category', 'Order', '--prefix', 'Cart')).toEqual([]);
  });

  test('lists more streams than fit a page', async () => {
    const { schema, store } = database.openStore();
    const created = [{ type: 'Created', data: {} }];
    const entries = Array.from({ length: 1_234 }, (_, index) => ({ streamName: `Many-${index}`, events: created }));
    await store.appendMany(entries);
    await store.close();
    const args = ['--url', database.url(), '--schema', schema];
    expect(JSON.parse((await runMink(['streams', '--json', ...args])).stdout)).toHaveLength(1_234);
    const { stdout } = await runMink(['streams', ...args]);
    expect(stdout.split('\n')).toHaveLength(1_236);
    expect(stdout.match(/STREAM/gu)).toHaveLength(1);
  });

  test('without any stream says so on stderr', async () => {
    const { schema, store } = database.openStore();
    await store.readBound();
    await store.close();
    const args = ['streams', '--url', database.url(), '--schema', schema];
    expect(await runMink(args)).toEqual({ exitCode: 0, stdout: '', stderr: 'No streams.\n' });
    expect(await runMink([...args, '--json'])).toEqual({ exitCode: 0, stdout: '[]\n', stderr: '' });
  });

  test('does not create a schema that is missing', async () => {
    const args = ['--url', database.url(), '--schema', database.newSchema()];
    const { exitCode, stdout, stderr } = await runMink(['streams', ...args]);
    expect([exitCode, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^error: Schema "store_\d+" does not exist.* Run "mink migrate"/u);
    const json = await runMink(['streams', '--json', ...args]);
    expect(json.stdout).toBe('');
    expect(JSON.parse(json.stderr).error).toMatchObject({ code: 'SCHEMA_VERSION', databaseVersion: 0 });
    expect((await runMink(['migrate', 'status', ...args])).stdout).toContain('does not exist yet');
  });

  test('cannot be made to steer the terminal by a stream name', async () => {
    const { schema, store } = database.openStore();
    await store.append('Order-\u009B2J\u202E', [{ type: 'OrderCreated', data: {} }]);
    await store.close();
    const args = ['streams', '--url', database.url(), '--schema', schema];
    const table = await runMink(args);
    expect(table.stdout).toContain(String.raw`Order-\u009b2J\u202e`);
    const json = await runMink([...args, '--json']);
    expect(JSON.parse(json.stdout)[0].streamName).toBe('Order-\u009B2J\u202E');
    expect(table.stdout + json.stdout).toMatch(/^[\x20-\x7E\n]*$/u);
  });
});
