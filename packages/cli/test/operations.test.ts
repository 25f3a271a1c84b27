import { createProcessReport, createMetrics, type AuditEntry } from 'mink';
import { createPostgresStore } from 'mink/postgres';
import { describe, expect, test } from 'vitest';
import { AUDITED } from '../src/audited.ts';
import { useDatabase } from './support/database.ts';
import { jsonLines, runMink } from './support/run-mink.ts';

const database = useDatabase();
const noted = { type: 'Noted', data: {} };

const line: AuditEntry = {
  kind: 'command',
  type: 'Confirm',
  id: 'm-1',
  at: new Date('2026-01-01T12:00:00Z'),
  userId: 'ann',
  tenantId: undefined,
  correlationId: 'c-1',
  status: 'succeeded',
  errorCode: undefined,
  streamName: 'Order-1',
  streamVersion: 3,
};

describe('processes', () => {
  test('are a table of those that report, or all that is in effect in them', async () => {
    const { schema } = database.openStore();
    const metrics = createMetrics();
    const store = createPostgresStore({ url: database.url(), schema, observer: metrics.observer, maxConnections: 3 });
    const args = ['--url', database.url(), '--schema', schema];
    await store.readBound();
    expect(await runMink(['processes', ...args])).toMatchObject({ exitCode: 0, stdout: '', stderr: /^No process/u });
    const report = createProcessReport(store, { name: 'orders\u009B', release: '1.4.0', metrics });
    await report.start();
    const { stdout } = await runMink(['processes', ...args]);
    const [titles, row, ...others] = stdout.trimEnd().split('\n');
    expect(titles).toMatch(
      /^NAME +RELEASE +HOST +PID +SINCE +REPORTED +STATE +APPENDS\/S +P99 +COMMANDS\/S +ERRORS\/S$/u,
    );
    expect(row).toMatch(/^orders\\u009b +1\.4\.0 .* alive +0\.0 +0\.0 +0\.0$/u);
    expect(others).toEqual([]);
    const settings = await runMink(['processes', '--settings', ...args]);
    expect(settings.stdout).toMatch(/^pool\.maxConnections +3 +option$/mu);
    expect(settings.stdout).toMatch(/^database\.fsync +"off" +database$/mu);
    const [json] = jsonLines((await runMink(['processes', '--json', '--name', 'orders\u009B', ...args])).stdout);
    expect(json).toMatchObject({ release: '1.4.0', pid: process.pid, isSilent: false });
    expect((await runMink(['processes', '--json', '--name', 'other', ...args])).stdout).toBe('');
    expect(settings.stdout + stdout).not.toContain(new URL(database.url()).port);
    await report.close();
    await store.close();
  });
});

describe('audit', () => {
  test('lists lines, the newest first, by what they say', async () => {
    const { schema, store } = database.openStore();
    await store.operations.audit.write(line);
    await store.operations.audit.write({ ...line, kind: 'action', userId: 'bob', details: { reason: 'test\u001B' } });
    await store.operations.audit.write({ ...line, status: 'refused', errorCode: 'NO_ITEMS' });
    await store.close();
    const args = ['--url', database.url(), '--schema', schema];
    const { stdout } = await runMink(['audit', ...args]);
    expect(stdout).toBe(
      [
        'ID  AT                        USER  KIND     TYPE     STATUS             STREAM     DETAILS',
        ' 3  2026-01-01T12:00:00.000Z  ann   command  Confirm  refused: NO_ITEMS  Order-1@3',
        ' 2  2026-01-01T12:00:00.000Z  bob   action   Confirm  succeeded          Order-1@3  {"reason":"test\\u001b"}',
        ' 1  2026-01-01T12:00:00.000Z  ann   command  Confirm  succeeded          Order-1@3',
        '',
      ].join('\n'),
    );
    const ids = async (...more: string[]): Promise<unknown[]> =>
      jsonLines((await runMink(['audit', 'list', '--json', ...more, ...args])).stdout).map(({ id }) => id);
    expect(await ids('--user', 'ann')).toEqual([3, 1]);
    expect(await ids('--kind', 'action', 'view')).toEqual([2]);
    expect(await ids('--status', 'refused', '--type', 'Confirm')).toEqual([3]);
    expect(await ids('--stream', 'Order-1', '--correlation', 'c-1', '--limit', '1', '--before', '3')).toEqual([2]);
    expect(await runMink(['audit', '--kind', 'other', ...args])).toMatchObject({ exitCode: 2 });
  });

  test('prune deletes what is old, once somebody has said so', async () => {
    const { schema, store } = database.openStore();
    await store.operations.audit.write(line);
    await store.operations.audit.write({ ...line, at: new Date('2026-02-01T00:00:00Z') });
    const args = ['audit', 'prune', '--before', '2026-02-01T00:00:00Z', '--url', database.url(), '--schema', schema];
    const refused = await runMink(args, { answer: undefined });
    expect([refused.exitCode, refused.stderr]).toEqual([2, expect.stringContaining('Say --yes')]);
    expect((await runMink([...args, '--dry-run'])).stdout).toBe(
      'Would delete 1 line of the audit log, from before 2026-02-01T00:00:00.000Z.\n',
    );
    expect(JSON.parse((await runMink([...args, '--yes', '--json'])).stdout)).toEqual({ deleted: 1 });
    const left = await store.operations.audit.list({ kinds: ['command'] });
    expect(await store.operations.audit.list({ kinds: ['action'] })).toMatchObject([
      { type: 'audit.prune', status: 'succeeded' },
      { type: 'audit.prune', status: 'attempted', details: { options: { before: '2026-02-01T00:00:00.000Z' } } },
      { type: 'audit.prune', status: 'failed', errorCode: 'USAGE' },
      { type: 'audit.prune', status: 'attempted' },
    ]);
    expect(left.map(({ at }) => at.toISOString())).toEqual(['2026-02-01T00:00:00.000Z']);
    await store.close();
  });
});

describe('what somebody changes on the command line', () => {
  test.each([...AUDITED])('mink %s is a command', async (name) => {
    const { stdout } = await runMink([...name.split(' '), '--help']);
    expect(stdout).toContain(`Usage: mink ${name} `);
  });

  test('is in the audit log: who, what, and what came of it', async () => {
    const { schema, store } = database.openStore();
    await store.readBound();
    const args = ['--url', database.url(), '--schema', schema];
    expect(await runMink(['subscriptions', 'replay', 'mails', '--from', '7', '--yes', ...args])).toMatchObject({
      exitCode: 2,
    });
    await runMink(['snapshots', 'prune', '--keep', '2', ...args]);
    await runMink(['projections', 'list', ...args]);
    const lines = await store.operations.audit.list();
    expect(lines.map(({ type, status, errorCode }) => [type, status, errorCode])).toEqual([
      ['snapshots.prune', 'succeeded', undefined],
      ['snapshots.prune', 'attempted', undefined],
      ['subscriptions.replay', 'failed', 'USAGE'],
      ['subscriptions.replay', 'attempted', undefined],
    ]);
    expect(lines[3]).toMatchObject({
      kind: 'action',
      userId: /@/u,
      details: { arguments: ['mails'], options: { from: 7 } },
    });
    expect(lines[2]?.messageId).toBe(lines[3]?.messageId);
    expect(JSON.stringify(lines)).not.toContain(schema);
    await store.close();
  });
});

describe('categories and streams', () => {
  test('can be seen by size and age', async () => {
    const { schema, store } = database.openStore();
    await store.append('Order-1', [noted]);
    await store.append('Order-2', [noted, noted, noted]);
    await store.append('Cart-1', [noted, noted]);
    await store.append('Order-1', [noted]);
    await store.close();
    const args = ['--url', database.url(), '--schema', schema];
    const { stdout } = await runMink(['categories', ...args]);
    expect(stdout).toMatch(/^CATEGORY  STREAMS  EVENTS  LAST RECORDED\nCart +1 +2  20.*\nOrder +2 +5  20.*\n$/u);
    expect(JSON.parse((await runMink(['categories', '--json', ...args])).stdout)).toHaveLength(2);
    const names = async (...more: string[]): Promise<unknown[]> => {
      const found = await runMink(['streams', '--json', ...more, ...args]);
      return JSON.parse(found.stdout).map(({ streamName }: { streamName: string }) => streamName);
    };
    expect(await names('--longest', '--limit', '2')).toEqual(['Order-2', 'Cart-1']);
    expect(await names('--recent')).toEqual(['Order-1', 'Cart-1', 'Order-2']);
    expect(await names('--recent', '--category', 'Cart')).toEqual(['Cart-1']);
    expect(await runMink(['streams', '--recent', '--longest', ...args])).toMatchObject({ exitCode: 2 });
  });
});
