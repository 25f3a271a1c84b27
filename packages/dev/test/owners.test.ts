import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';

import { startPostgres } from '../src/index.ts';
import { isRunning, until, watchdogOf } from './support/conditions.ts';
import { makeTemplate, newDataDir } from './support/directory.ts';
import { compile, startOwner } from './support/owner.ts';
import { query } from './support/query.ts';

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

let built: Awaited<ReturnType<typeof compile>>;
let template: Awaited<ReturnType<typeof makeTemplate>>;
beforeAll(async () => {
  [built, template] = await Promise.all([compile(), makeTemplate()]);
});
afterAll(async () => {
  await built.remove();
  template.remove();
});

function owner(options: Record<string, unknown>) {
  const process = startOwner(built.library, options);
  onTestFinished(() => process.stop());
  return process;
}

async function running(options: Record<string, unknown>) {
  const process = owner(options);
  const report = await process.report;
  expect(report).toMatchObject({ status: 'running' });
  return { process, report };
}

const fields = (pid: number) => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
};

describe('an owner', () => {
  test('has its directory refused to other processes while it lives', async () => {
    const dataDir = template.copy();
    const { process: first, report } = await running({ dataDir });
    const error = await startPostgres({ dataDir }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'POSTGRES_ALREADY_RUNNING',
      pid: report.pid,
      port: report.port,
      ownerPid: first.pid,
    });
    await first.stop();
    const postgres = await startPostgres({ dataDir });
    await postgres.stop();
  });

  test('exits by itself when it has stopped its server', async () => {
    const { process: first } = await running({ dataDir: template.copy() });
    await first.stop();
    expect(await first.exited).toEqual([0, null]);
  });

  test('is alone in its session with the server: Ctrl-C does not reach the server', async () => {
    const { process: first, report } = await running({ dataDir: template.copy() });
    const [group, session] = [2, 3];
    expect(fields(report.pid)[group]).not.toBe(fields(first.pid)[group]);
    expect(fields(report.pid)[session]).not.toBe(fields(first.pid)[session]);
  });

  test('takes its server with it when it is killed', async () => {
    const dataDir = template.copy();
    const { process: first, report } = await running({ dataDir });
    await query(report.url, 'create table kept as select 42 as answer');
    await first.crash();
    await until('the server is gone', () => !isRunning(report.pid));
    expect(readFileSync(join(dataDir, 'postgres.log'), 'utf8')).toContain('database system is shut down');

    const postgres = await startPostgres({ dataDir });
    onTestFinished(() => postgres.stop());
    expect(await query(postgres.url, 'select answer from kept')).toEqual([[42]]);
  });

  test('that is killed with its watchdog leaves an orphan, which the next start replaces', async () => {
    const dataDir = template.copy();
    const { process: first, report } = await running({ dataDir });
    await query(report.url, 'create table kept as select 42 as answer');
    process.kill(watchdogOf(report.pid), 'SIGKILL');
    await first.crash();
    expect(await query(report.url, 'select answer from kept')).toEqual([[42]]);

    const postgres = await startPostgres({ dataDir });
    onTestFinished(() => postgres.stop());
    expect(isRunning(report.pid)).toBe(false);
    expect(postgres.pid).not.toBe(report.pid);
    expect(await query(postgres.url, 'select answer from kept')).toEqual([[42]]);
  });

  test('that is killed takes its temporary directory with it', async () => {
    const { process: first, report } = await running({ durable: false });
    await first.crash();
    await until('the directory is gone', () => !existsSync(report.dataDir));
    expect(isRunning(report.pid)).toBe(false);
  });

  test('that is killed during initdb leaves nothing that is used', async () => {
    const dataDir = newDataDir();
    const first = owner({ dataDir });
    const drafts = () =>
      (existsSync(dataDir) ? readdirSync(dataDir) : []).filter((name) => name.startsWith('data.new'));
    await until('initdb is at work', () => drafts().some((name) => existsSync(join(dataDir, name, 'PG_VERSION'))));
    await first.crash();
    const [remains] = drafts();
    expect(remains).toBeDefined();
    expect(existsSync(join(dataDir, 'data'))).toBe(false);

    const postgres = await startPostgres({ dataDir });
    onTestFinished(() => postgres.stop());
    expect(await query(postgres.url, 'select 1')).toEqual([[1]]);
    expect(drafts()).not.toContain(remains);
  });
});

/** Four processes start in the directory at once. */
async function race(dataDir: string) {
  const reports = await Promise.all([1, 2, 3, 4].map(() => owner({ dataDir }).report));
  const winner = reports.find((report) => report.status === 'running');
  return { outcomes: reports.map((report) => report.code ?? report.status).toSorted(), url: winner?.url ?? '' };
}

const refused = 'POSTGRES_ALREADY_RUNNING';

describe('of several processes that start at once, exactly one wins', () => {
  test('in a directory that does not exist', async () => {
    const { outcomes, url } = await race(newDataDir());
    expect(outcomes).toEqual([refused, refused, refused, 'running']);
    expect(await query(url, 'select 1')).toEqual([[1]]);
  });

  test('in a directory whose owner was killed', async () => {
    const dataDir = template.copy();
    const { process: first, report } = await running({ dataDir });
    process.kill(watchdogOf(report.pid), 'SIGKILL');
    await first.crash();
    const { outcomes, url } = await race(dataDir);
    expect(outcomes).toEqual([refused, refused, refused, 'running']);
    expect(await query(url, 'select 1')).toEqual([[1]]);
  });
});
