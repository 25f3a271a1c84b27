import { deepStrictEqual, ok, strictEqual } from 'node:assert';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { test, vi } from 'vitest';
import { createPostgresStore } from '../../src/postgres/index.ts';
import { describePostgres, runSql } from '../support/databases.ts';

const program = fileURLToPath(new URL('../support/run-snapshot-job.js', import.meta.url));
const INTERVAL = 1_000;
const patience = { timeout: 20_000 };

/** A process with a job, and how its runs ended. */
function start(url: string) {
  const child = spawn(process.execPath, [program, url, `${INTERVAL}`], { stdio: ['ignore', 'pipe', 'inherit'] });
  const runs: string[] = [];
  createInterface(child.stdout).on('line', (line) => runs.push(String(JSON.parse(line).status)));
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
    return child.exitCode;
  };
  return { child, runs, end };
}

function until(condition: () => boolean): Promise<unknown> {
  return vi.waitUntil(condition, patience);
}

describePostgres('the snapshot job in several processes', (databases) => {
  const fill = async (url: string): Promise<void> => {
    await using store = createPostgresStore({ url });
    for (let n = 0; n < 3; n += 1) await store.append(`Cart-${n}`, [{ type: 'Added', data: {} }]);
  };

  test('one works; when it is killed, another one takes over', { timeout: 60_000 }, async () => {
    const url = await databases.create();
    await fill(url);
    const first = start(url);
    await until(() => first.runs.includes('complete'));
    const second = start(url);
    await until(() => second.runs.includes('elsewhere'));
    const made = await runSql(url, 'select stream_name from mink.snapshots order by 1');
    deepStrictEqual(
      made.map((row) => row['stream_name']),
      ['Cart-0', 'Cart-1', 'Cart-2'],
    );
    await first.end('SIGKILL');
    const before = second.runs.length;
    await until(() => second.runs.slice(before).includes('complete'));
    strictEqual(await second.end('SIGTERM'), 0);
  });

  test('one that is frozen keeps nobody waiting, and does no harm when it wakes', { timeout: 60_000 }, async () => {
    const url = await databases.create();
    await fill(url);
    const frozen = start(url);
    await until(() => frozen.runs.includes('complete'));
    frozen.child.kill('SIGSTOP');
    const other = start(url);
    await until(() => other.runs.includes('complete'));
    const before = frozen.runs.length;
    frozen.child.kill('SIGCONT');
    await until(() => frozen.runs.length > before + 1);
    const all = [...frozen.runs, ...other.runs];
    ok(!all.includes('failed'), all.join(' '));
    strictEqual(await frozen.end('SIGTERM'), 0);
    strictEqual(await other.end('SIGTERM'), 0);
  });
});
