import { describe, expect, test } from 'vitest';
import { Client } from 'pg';
import { useDatabase } from './support/database.ts';
import { runMink } from './support/run-mink.ts';

const database = useDatabase();
const event = { type: 'Noted', data: {} };

describe('feed', () => {
  test('says that everything can be read, where nobody holds it back', async () => {
    const { schema, store } = database.openStore();
    await store.append('Note-1', [event, event]);
    await store.close();
    const args = ['feed', '--url', database.url(), '--schema', schema];
    const stdout = 'The log can be read to its end, position 2.\n';
    expect(await runMink(args)).toEqual({ exitCode: 0, stdout, stderr: '' });
    expect(JSON.parse((await runMink([...args, '--json'])).stdout)).toEqual({
      position: 2,
      head: 2,
      incarnation: expect.any(String),
      heldBy: [],
    });
  });

  test('names the transactions that hold readers back, oldest first', async () => {
    const { schema, store } = database.openStore();
    await store.append('Note-1', [event]);
    const holder = new Client({ connectionString: database.url(), application_name: 'slow-import' });
    await holder.connect();
    await holder.query('begin');
    await store.append('Note-2', [event], { tx: holder });
    const args = ['feed', '--url', database.url(), '--schema', schema];
    const { exitCode, stdout } = await runMink(args);
    expect(exitCode).toBe(0);
    const [summary, titles, row] = stdout.trimEnd().split('\n');
    expect(summary).toBe('The log can be read to position 1 of 2. Held back by:');
    expect(titles).toMatch(/^FLOOR +PID +AGE +STATE +APPLICATION +USER +QUERY$/u);
    expect(row).toMatch(/^ +1 +\d+ +\d+\.\d s +idle in transaction +slow-import +\S+ +select /u);
    expect(JSON.parse((await runMink([...args, '--json'])).stdout)).toMatchObject({
      position: 1,
      head: 2,
      heldBy: [{ floor: 1, pid: expect.any(Number), state: 'idle in transaction', applicationName: 'slow-import' }],
    });
    await holder.end();
    await store.close();
  });
});
