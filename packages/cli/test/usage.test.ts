import { describe, expect, test } from 'vitest';
import { BrokenPipe, runMink } from './support/run-mink.ts';

describe('help and version', () => {
  test('prints the version', async () => {
    expect(await runMink(['--version'])).toEqual({ exitCode: 0, stdout: '0.1.0\n', stderr: '' });
  });

  test('does no command that is given --version, and does not look as if it had', async () => {
    const { exitCode, stdout, stderr } = await runMink(['projections', 'retire', 'cart-summary', '--version', '1']);
    expect([exitCode, stdout]).toEqual([2, '']);
    expect(stderr).toContain('A version of a projection is said with --of.');
  });

  test.each([
    [[]],
    [['dev']],
    [['migrate']],
    [['migrate', 'up']],
    [['migrate', 'status']],
    [['streams']],
    [['stream']],
    [['events']],
  ])('explains %j with examples and the global options', async (command) => {
    const { exitCode, stdout, stderr } = await runMink([...command, '--help']);
    expect([exitCode, stderr]).toEqual([0, '']);
    expect(stdout).toContain(`Usage: mink ${command.join(' ')}`);
    expect(stdout).toMatch(/\nExamples:\n {2}mink /u);
    expect(stdout).toContain('--schema <name>');
  });

  test('without a command prints the help as a wrong usage', async () => {
    const { exitCode, stdout, stderr } = await runMink([]);
    expect([exitCode, stdout]).toEqual([2, '']);
    expect(stderr).toContain('Usage: mink');
  });

  test('a reader of the help that goes away is no error', async () => {
    const stdout = new BrokenPipe({ code: 'EPIPE', good: 0 });
    expect(await runMink(['--help'], { stdout })).toMatchObject({ exitCode: 0, stderr: '' });
  });
});

describe('wrong usage ends with exit code 2 and one message', () => {
  test.each([
    [['evnts'], "unknown command 'evnts'"],
    [['streams', '--nope'], "unknown option '--nope'"],
    [['streams', 'extra'], 'too many arguments'],
    [['migrate', 'down'], 'too many arguments'],
    [['stream'], "missing required argument 'name'"],
    [['streams', '--limit', '0'], 'Give a whole number from 1.'],
    [['streams', '--limit', '1.5'], 'Give a whole number from 1.'],
    [['streams', '--limit', '99999999999999999999'], 'Give a whole number from 1.'],
    [['streams', '--category', ''], 'Give a text that is not empty.'],
    [['stream', 'Order-1', '--from', '-1'], 'Give a whole number from 1.'],
    [['stream', 'Order-1', '--at', '0'], 'Give a version of the stream (7), or a time with its zone'],
    [['stream', 'Order-1', '--at', 'yesterday'], 'Give a version of the stream (7), or a time with its zone'],
    [['stream', 'Order-1', '--at', '2026-01-31'], 'Give a version of the stream (7), or a time with its zone'],
    [['stream', 'Order-1', '--at', '2026-01-31T10:00:00'], 'a time with its zone'],
    [['stream', 'Order-1', '--at', '2026-02-31T10:00:00Z'], 'a time with its zone'],
    [['stream', 'Order-1', '--at', '2026-01-31T25:00:00Z'], 'a time with its zone'],
    [['events', '--after', 'start'], 'Give a position of the log (1200), or "end".'],
    [['events', '--until', 'soon'], 'Give a position of the log (1200), or a time with its zone'],
    [['events', '--type', ''], 'Give a text that is not empty.'],
    [['events', '--stream', 'Order'], 'Stream name "Order" is not valid'],
    [['events', '--after', 'end'], 'together with --follow'],
    [['events', '--follow', '--backwards'], '--follow and --backwards exclude each other.'],
    [['events', '--follow', '--until', '7'], '--follow and --until exclude each other.'],
    [['dev', '--port', '70000'], 'Give a whole number from 0 to 65535.'],
    [['streams', '--url', 'nonsense'], 'url: is not a URL.'],
    [['streams', '--url', 'http://localhost'], 'url: begins with "http:".'],
    [['streams', '--url', 'postgres://localhost:1/x', '--schema', 'pg_x'], 'schema: "pg_x" begins with "pg_"'],
    [['stream', 'Order', '--url', 'postgres://localhost:1/x'], 'Stream name "Order" is not valid'],
  ])('%j', async (args, message) => {
    const { exitCode, stdout, stderr } = await runMink(args);
    expect([exitCode, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^error: /u);
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/^ +at /mu);

    const inJson = await runMink([...args, '--json']);
    expect([inJson.exitCode, inJson.stdout]).toEqual([2, '']);
    const { error } = JSON.parse(inJson.stderr);
    expect(error.code).toMatch(/^[A-Z_]+$/u);
    expect(error.message).not.toMatch(/^error:/u);
  });

  test('a missing command in JSON', async () => {
    const { exitCode, stderr } = await runMink(['--json']);
    expect(exitCode).toBe(2);
    expect(JSON.parse(stderr).error).toMatchObject({ code: 'USAGE', message: 'A command is missing.' });
  });

  test('a "--json" after "--" is a value', async () => {
    const { stderr } = await runMink(['stream', '--', '--json', 'more']);
    expect(stderr).toMatch(/^error: /u);
  });
});

describe('a database that cannot be used', () => {
  test.each([[['streams']], [['stream', 'Order-1']], [['events']], [['events', '--follow']], [['migrate']]])(
    '%j says how to give one',
    async (args) => {
      const { exitCode, stdout, stderr } = await runMink(args, { env: { DATABASE_URL: '' } });
      expect([exitCode, stdout]).toEqual([1, '']);
      expect(stderr).toMatch(/^error: No database is given\. Use --url, set DATABASE_URL, .*\n$/u);
    },
  );

  test.each([[['streams']], [['stream', 'Order-1']], [['events']], [['events', '--follow']], [['migrate', 'status']]])(
    '%j tells that it cannot be reached, without the password',
    async (args) => {
      const url = 'postgres://app:s3cret@127.0.0.1:1/app?password=s3cret';
      const text = await runMink(args, { url });
      expect([text.exitCode, text.stdout]).toEqual([1, '']);
      expect(text.stderr).toMatch(/^error: The database cannot be reached: .*\n$/u);

      const json = await runMink([...args, '--json'], { url, env: { MINK_DEBUG: '1' } });
      const { error } = JSON.parse(json.stderr);
      expect(error.code).toBe('DATABASE_UNAVAILABLE');
      expect(error.stack).toContain('caused by');
      expect(text.stderr + json.stderr).not.toContain('s3cret');
    },
  );

  test('shows the stack with MINK_DEBUG=1 only', async () => {
    const url = 'postgres://127.0.0.1:1/app';
    const plain = await runMink(['streams'], { url });
    expect(plain.stderr.trim().split('\n')).toHaveLength(1);
    const debug = await runMink(['streams'], { url, env: { MINK_DEBUG: '1' } });
    expect(debug.stderr).toMatch(/\n +at /u);
  });
});
