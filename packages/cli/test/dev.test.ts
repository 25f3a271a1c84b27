import { createServer } from 'node:net';
import { once } from 'node:events';
import { existsSync, writeFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { project } from './support/project.ts';
import { jsonLines, runMink, startMink } from './support/run-mink.ts';

vi.setConfig({ testTimeout: 60_000 });

test('dev runs a migrated PostgreSQL in .mink/postgres until Ctrl-C; the next one finds its data', async () => {
  const cwd = project();
  const first = startMink(['dev', '--json'], { cwd });
  await first.untilPrinted('\n');
  const args = ['--json', '--port', '0', '--schema', 'mink'];
  const second = await runMink(['dev', ...args], { cwd });
  expect([second.exitCode, second.stdout]).toEqual([1, '']);
  expect(JSON.parse(second.stderr).error).toMatchObject({
    code: 'POSTGRES_ALREADY_RUNNING',
    dataDir: `${cwd}/.mink/postgres`,
  });
  first.interrupt();
  const { exitCode, stdout, stderr } = await first.done;
  expect([exitCode, stderr]).toEqual([0, '']);
  const [started] = jsonLines(stdout);
  expect(started).toMatchObject({
    schema: 'mink',
    dataDir: `${cwd}/.mink/postgres`,
    applied: [
      { version: 1 },
      { version: 2 },
      { version: 3 },
      { version: 4 },
      { version: 5 },
      { version: 6 },
      { version: 7 },
      { version: 8 },
      { version: 9 },
      { version: 10 },
    ],
  });
  expect(started.url).toBe(`postgresql://postgres@127.0.0.1:${started.port}/mink`);

  const again = startMink(['dev'], { cwd });
  await again.untilPrinted('Ctrl-C stops it');
  const status = await runMink(['migrate', 'status', '--json', '--url', started.url]);
  expect(JSON.parse(status.stdout)).toMatchObject({ pending: 0 });
  again.interrupt();
  const { stdout: text } = await again.done;
  expect(text.split('\n')[0]).toBe(started.url);
  expect(text).toContain('schema "mink" is up to date');
});

test('dev takes a directory, a port and a schema', async () => {
  const cwd = project();
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const address = taken.address();
  const port = typeof address === 'object' ? String(address?.port) : '';
  const args = ['dev', '--json', '--dir', 'db', '--port', port, '--schema', 'orders'];

  const refused = await runMink(args, { cwd });
  expect([refused.exitCode, refused.stdout]).toEqual([1, '']);
  expect(JSON.parse(refused.stderr).error).toMatchObject({ code: 'PORT_IN_USE', port: Number(port) });

  taken.close();
  await once(taken, 'close');
  const server = startMink(args, { cwd });
  await server.untilPrinted('\n');
  server.interrupt();
  const { stdout, exitCode } = await server.done;
  expect(exitCode).toBe(0);
  expect(jsonLines(stdout)[0]).toMatchObject({ port: Number(port), schema: 'orders', dataDir: join(cwd, 'db') });
  expect(existsSync(join(cwd, '.mink'))).toBe(false);
});

test('dev says in one line why it cannot start', async () => {
  const cwd = project();
  mkdirSync(join(cwd, 'mine'));
  writeFileSync(join(cwd, 'mine/letter.txt'), 'dear');
  const { exitCode, stdout, stderr } = await runMink(['dev', '--dir', 'mine'], { cwd });
  expect([exitCode, stdout]).toEqual([1, '']);
  expect(stderr).toMatch(/^error: .*letter\.txt.*\n$/u);
});

test('dev needs no config file, not even one that works', async () => {
  const cwd = project({ 'mink.config.ts': "throw new Error('DATABASE_URL is not set');" });
  const server = startMink(['dev', '--json'], { cwd });
  await server.untilPrinted('\n');
  server.interrupt();
  expect(await server.done).toMatchObject({ exitCode: 0, stderr: '' });
});

test('dev reports a server that stops on its own', async () => {
  const server = startMink(['dev', '--json'], { cwd: project() });
  await server.untilPrinted('\n');
  process.kill(jsonLines(server.stdout())[0].pid, 'SIGINT');
  const { exitCode, stderr } = await server.done;
  expect(exitCode).toBe(1);
  expect(JSON.parse(stderr).error).toMatchObject({
    code: 'DEV_SERVER_STOPPED',
    log: expect.stringContaining('postgres.log'),
  });
});

test('dev interrupted while it starts leaves nothing running', async () => {
  const cwd = project();
  const server = startMink(['dev', '--json'], { cwd });
  server.interrupt();
  expect(await server.done).toEqual({ exitCode: 130, stdout: '', stderr: '' });
  const next = startMink(['dev', '--json'], { cwd });
  await next.untilPrinted('\n');
  next.interrupt();
  expect(await next.done).toMatchObject({ exitCode: 0 });
});
