import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';

import type { PostgresOptions } from '../src/index.ts';
import {
  DataDirVersionError,
  ForeignDataDirError,
  InvalidPostgresOptionError,
  PortInUseError,
  PostgresAlreadyRunningError,
  PostgresBinariesNotFoundError,
  PostgresStartError,
  createTemporaryPostgres,
  findRunningPostgres,
  findSystemPostgres,
  startPostgres,
} from '../src/index.ts';
import { findWatchdog, isRunning, until } from './support/conditions.ts';
import { makeTemplate, newDataDir, privateDirectory } from './support/directory.ts';
import { query } from './support/query.ts';

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

const system = await findSystemPostgres();
if (system === undefined) console.warn('Skipped: tests of a system PostgreSQL, because none is installed.');

async function start(options: PostgresOptions) {
  const postgres = await startPostgres(options);
  onTestFinished(() => postgres.stop());
  return postgres;
}

async function listen(port: number) {
  const server = createServer();
  server.listen({ host: '127.0.0.1', port });
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

let template: Awaited<ReturnType<typeof makeTemplate>>;
beforeAll(async () => {
  template = await makeTemplate();
});
afterAll(() => template.remove());

describe('a data directory', () => {
  test('keeps data and port when the server is stopped and started again', async () => {
    const dataDir = newDataDir();
    const first = await start({ dataDir });
    expect(first.serverVersion).toBe('18.4');
    expect(await query(first.url, 'select current_database()')).toEqual([['mink']]);
    await query(first.url, 'create table kept as select 42 as answer');
    expect(await findRunningPostgres(dataDir)).toEqual({ url: first.url, port: first.port, pid: first.pid });
    await first.stop();
    expect(await findRunningPostgres(dataDir)).toBeUndefined();
    await first.stop();
    expect(isRunning(first.pid)).toBe(false);
    await until('its watchdog is gone', () => findWatchdog(first.pid) === undefined);

    const second = await start({ dataDir });
    expect(second.port).toBe(first.port);
    expect(await query(second.url, 'select answer from kept')).toEqual([[42]]);
  });

  test('gets another port when the remembered one is taken', async () => {
    const dataDir = template.copy();
    const first = await start({ dataDir });
    await first.stop();
    await listen(first.port);
    const second = await start({ dataDir });
    expect(second.port).not.toBe(first.port);
    expect(await query(second.url, 'select 1')).toEqual([[1]]);
  });

  test('gets further databases, whatever their names hold', async () => {
    const dataDir = template.copy();
    const first = await start({ dataDir });
    await first.stop();
    const second = await start({ dataDir, database: 'Über "x" 1' });
    expect(await query(second.url, 'select current_database()')).toEqual([['Über "x" 1']]);
  });

  test('sorts and changes case the same on every machine', async () => {
    const { url } = await start({ dataDir: template.copy() });
    const sql = `select upper('é'), string_agg(x, '' order by x), current_setting('timezone') from (values ('a'), ('B')) v (x)`;
    expect(await query(url, sql)).toEqual([['É', 'Ba', 'UTC']]);
  });

  test('is refused while its server runs in this process', async () => {
    const dataDir = template.copy();
    const first = await start({ dataDir });
    const error = await startPostgres({ dataDir }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(PostgresAlreadyRunningError);
    expect(error).toMatchObject({ pid: first.pid, port: first.port, ownerPid: process.pid });
    expect(await query(first.url, 'select 1')).toEqual([[1]]);
  });

  test('is refused, and left alone, when it holds foreign files', async () => {
    const dataDir = privateDirectory();
    writeFileSync(join(dataDir, 'thesis.txt'), 'years of work');
    await expect(startPostgres({ dataDir })).rejects.toThrow(ForeignDataDirError);
    expect(readdirSync(dataDir)).toEqual(['thesis.txt']);
    await expect(startPostgres({ dataDir: join(dataDir, 'thesis.txt') })).rejects.toThrow(ForeignDataDirError);
  });

  test('is refused when it is a cluster made by somebody else', async () => {
    const dataDir = template.copy();
    const postgres = await start({ dataDir });
    await postgres.stop();
    await expect(startPostgres({ dataDir: join(dataDir, 'data') })).rejects.toThrow(/plain PostgreSQL cluster/);
  });

  test.skipIf(system === undefined)('is refused when another major version made it', async () => {
    const dataDir = newDataDir();
    const older = await start({ dataDir, binDir: system?.binDir });
    expect(older.serverVersion).toBe(system?.version);
    expect(await query(older.url, 'show server_version_num')).not.toEqual([['180004']]);
    await older.stop();
    const error = await startPostgres({ dataDir }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(DataDirVersionError);
    expect(error).toMatchObject({
      dataVersion: system?.version.split('.')[0],
      serverVersion: '18.4',
    });
  });

  test('starts although the pid of a killed server now belongs to another process', async () => {
    const dataDir = template.copy();
    const first = await start({ dataDir });
    await first.stop();
    const other = spawn('sleep', ['60'], process.geteuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {});
    onTestFinished(() => void other.kill());
    const leftover = [other.pid, join(dataDir, 'data'), 1_700_000_000, first.port, '', '127.0.0.1', '', 'ready', ''];
    writeFileSync(join(dataDir, 'data/postmaster.pid'), leftover.join('\n'));
    const second = await start({ dataDir });
    expect(second.pid).not.toBe(other.pid);
  });

  test('is removed with a temporary server', async () => {
    const postgres = await createTemporaryPostgres();
    expect(await query(postgres.url, 'show fsync')).toEqual([['on']]);
    await postgres[Symbol.asyncDispose]();
    expect(existsSync(postgres.dataDir)).toBe(false);
  });
});

describe('a server', () => {
  test('is refused a port that is in use', async () => {
    const port = await listen(0);
    const error = await startPostgres({ dataDir: template.copy(), port }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(PortInUseError);
    expect(error).toMatchObject({ port });
  });

  test('that stops although clients are connected tells them so', async () => {
    const postgres = await start({ dataDir: template.copy() });
    const client = new Client({ connectionString: postgres.url });
    const told = once(client, 'error');
    client.on('error', () => undefined);
    await client.connect();
    await postgres.stop();
    expect(await told).toMatchObject([{ code: '57P01' }]);
  });

  test('that dies says so, loses nothing and can be started again', async () => {
    const dataDir = template.copy();
    const first = await start({ dataDir });
    await query(first.url, 'create table kept as select 42 as answer');
    process.kill(first.pid, 'SIGKILL');
    expect(await first.exited).toEqual({ code: null, signal: 'SIGKILL' });
    const second = await start({ dataDir });
    expect(await query(second.url, 'select answer from kept')).toEqual([[42]]);
    await first.stop();
    expect(isRunning(second.pid)).toBe(true);
  });

  test('waits for the processes that a killed server left behind', async () => {
    const dataDir = template.copy();
    const first = await start({ dataDir });
    const client = new Client({ connectionString: first.url });
    client.on('error', () => undefined);
    await client.connect();
    const { rows } = await client.query('select pg_backend_pid() as pid');
    process.kill(rows[0].pid, 'SIGSTOP');
    process.kill(first.pid, 'SIGKILL');
    await first.exited;

    const starting = start({ dataDir });
    const log = join(dataDir, 'postgres.log');
    const refusal = /pre-existing shared memory block/;
    await until('the start was refused', () => existsSync(log) && refusal.test(readFileSync(log, 'utf8')));
    process.kill(rows[0].pid, 'SIGCONT');
    const second = await starting;
    expect(await query(second.url, 'select 1')).toEqual([[1]]);
    const previousLog = readFileSync(join(dataDir, 'postgres.previous.log'), 'utf8');
    expect(previousLog).toContain('ready to accept connections');
    expect(previousLog).not.toMatch(refusal);
  });

  test('gives up fsync only when durability is waived', async () => {
    const postgres = await createTemporaryPostgres({
      durable: false,
      settings: { max_connections: '7' },
    });
    onTestFinished(() => postgres.stop());
    expect(await query(postgres.url, 'show fsync')).toEqual([['off']]);
    expect(await query(postgres.url, 'show max_connections')).toEqual([['7']]);
  });

  test('that cannot start fails with the last lines of its log and frees the directory', async () => {
    const dataDir = template.copy();
    const error = await startPostgres({ dataDir, settings: { shared_buffers: 'plenty' } }).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(PostgresStartError);
    expect(error).toMatchObject({ dataDir, log: expect.stringContaining('shared_buffers') });
    expect((await start({ dataDir })).dataDir).toBe(dataDir);
  });

  test('that does not answer in time is stopped', async () => {
    const dataDir = template.copy();
    await expect(startPostgres({ dataDir, startTimeoutMs: 0.001 })).rejects.toThrow(/within 0.001 ms/);
    await until('nobody works there', () => !existsSync(join(dataDir, 'data/postmaster.pid')));
    expect(existsSync(join(dataDir, 'lock'))).toBe(false);
  });

  test('without binaries leaves no directory behind', async () => {
    const dataDir = newDataDir();
    await expect(startPostgres({ dataDir, binDir: '/nonexistent' })).rejects.toThrow(PostgresBinariesNotFoundError);
    expect(existsSync(dataDir)).toBe(false);
  });

  test.each([
    { port: 70_000 },
    { database: '' },
    { dataDir: '' },
    { settings: { port: '1' } },
    { settings: { 'a=b': '1' } },
    { startTimeoutMs: 0 },
  ])('is refused the options %j', (bad) => {
    const attempt = () => startPostgres({ dataDir: '/nonexistent/x', ...bad });
    expect(attempt).toThrow(InvalidPostgresOptionError);
  });
});

test('a system PostgreSQL is found with its version', () => {
  if (system === undefined) return;
  expect(existsSync(join(system.binDir, 'initdb'))).toBe(true);
  expect(system.version).toMatch(/^\d+\.\d+$/);
});
