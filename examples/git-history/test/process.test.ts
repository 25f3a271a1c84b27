import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startPostgres } from '@mink/dev';
import { Client } from 'pg';
import { describe, expect, onTestFinished, vi } from 'vitest';
import { test } from './support/git-program.ts';
import { countTotals } from '../src/questions/totals.ts';
import { createRandom, newSeed } from './support/random.ts';
import { temporaryFolder } from './support/repository.ts';
import { importAll, memoryStore } from './support/stores.ts';

vi.setConfig({ testTimeout: 120_000 });

/** The built program: `npm test` builds before it tests. */
const PROGRAM = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const GENERATOR = fileURLToPath(new URL('../scripts/make-repository.js', import.meta.url));

interface Ended {
  readonly exitCode: number | null;
  readonly output: string;
  readonly errors: string;
}

/** Runs the program in a folder; `onProgress` is called with each line of progress, and may end the process. */
async function start(
  args: readonly string[],
  {
    cwd,
    env = {},
    work = 'Imported ',
    onProgress = () => undefined,
  }: {
    readonly cwd: string;
    readonly env?: NodeJS.ProcessEnv;
    /** What lines of progress begin with. */
    readonly work?: string;
    readonly onProgress?: (kill: (signal: NodeJS.Signals) => void) => void;
  },
): Promise<Ended> {
  const { DATABASE_URL: _, ...inherited } = process.env;
  const child = spawn(process.execPath, [PROGRAM, ...args], { cwd, env: { ...inherited, ...env } });
  const lines: string[] = [];
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => void (output += text));
  createInterface({ input: child.stderr }).on('line', (line) => {
    lines.push(line);
    if (line.startsWith(work)) onProgress((signal) => child.kill(signal));
  });
  await once(child, 'close');
  return { exitCode: child.exitCode, output, errors: lines.join('\n') };
}

async function longRepository(seed: number, commits = 3_000): Promise<string> {
  const path = join(await temporaryFolder(), 'repository');
  const sizes = ['--commits', String(commits), '--large', '3000'];
  await promisify(execFile)(process.execPath, [GENERATOR, path, ...sizes, '--seed', String(seed)]);
  return path;
}

describe('the program, on a PostgreSQL of its own', () => {
  const seed = newSeed();

  test(`imports everything once, however often it is killed (seed ${seed})`, async () => {
    const random = createRandom(seed);
    const path = await longRepository(seed);
    const cwd = await temporaryFolder();
    const expected = memoryStore();
    const { id, appended } = await importAll(expected, path);

    for (let kills = 0; kills < 4; kills += 1) {
      let left = Math.floor(random() * 3);
      const { exitCode } = await start([path], {
        cwd,
        onProgress: (kill) => {
          left -= 1;
          if (left < 0) kill('SIGKILL');
        },
      });
      if (exitCode !== null) break;
    }
    const last = await start([path, '--json'], { cwd });
    expect(last.errors).not.toMatch(/error/iu);
    const summary = JSON.parse(last.output);
    expect(summary).toMatchObject({ commits: 3_000, ...(await countTotals(expected, id)) });
    expect(summary.appended.events + summary.alreadyThere.events).toBe(appended.events);
    expect(summary.alreadyThere.events).toBeGreaterThan(0);
    const again = await start([path, '--json'], { cwd });
    expect(JSON.parse(again.output)).toMatchObject({
      commits: 3_000,
      events: appended.events,
      appended: { commits: 0, events: 0 },
    });
  });

  test('ends with 130 on Ctrl-C, says how far it came, and goes on from there', async () => {
    const path = await longRepository(1);
    const cwd = await temporaryFolder();
    let isFirst = true;
    const stopped = await start([path], {
      cwd,
      onProgress: (kill) => {
        if (isFirst) kill('SIGINT');
        isFirst = false;
      },
    });
    expect(stopped).toMatchObject({
      exitCode: 130,
      errors: expect.stringMatching(/Stopped after [\d,]+ of 3,000 commits/u),
    });
    const next = await start([path, '--json'], { cwd });
    expect(next.exitCode).toBe(0);
    const summary = JSON.parse(next.output);
    expect(summary.commits).toBe(3_000);
    expect(summary.alreadyThere.commits).toBeGreaterThan(0);
  });

  test('says in one line that another program has its PostgreSQL, and shares it through DATABASE_URL', async () => {
    const path = await longRepository(1);
    const cwd = await temporaryFolder();
    const postgres = await startPostgres({ dataDir: join(cwd, '.mink', 'postgres') });
    onTestFinished(() => postgres.stop());
    const refused = await start([path], { cwd });
    expect(refused.exitCode).toBe(1);
    expect(refused.errors.split('\n')).toEqual([
      expect.stringMatching(/^Starting PostgreSQL/u),
      expect.stringMatching(/in use by another program .* DATABASE_URL=postgresql:/u),
    ]);
    const [url = ''] = /postgresql:\S+/u.exec(refused.errors) ?? [];
    const env = { DATABASE_URL: url };
    const both = await Promise.all([1, 2].map(() => start([path, '--json'], { cwd, env })));
    // Which of them gets there first, and whether the other is late enough to find all done, is a race.
    const won = both.filter(({ exitCode }) => exitCode === 0);
    expect(won.length).toBeGreaterThan(0);
    for (const { exitCode, errors } of both.filter((one) => !won.includes(one))) {
      expect(exitCode).toBe(1);
      expect(errors).toMatch(/Another import of this repository/u);
    }
    const expected = memoryStore();
    const { appended } = await importAll(expected, path);
    const last = await start([path, '--json'], { cwd, env });
    expect(JSON.parse(last.output)).toMatchObject({ commits: 3_000, events: appended.events, appended: { events: 0 } });
  });

  test('goes on with a rebuild that was stopped, and makes a table again that somebody has dropped', async () => {
    const path = await longRepository(2, 1_000);
    const cwd = await temporaryFolder();
    const postgres = await startPostgres({ dataDir: join(cwd, 'postgres') });
    onTestFinished(() => postgres.stop());
    const run = (args: readonly string[], work = '') => {
      const onProgress = (kill: (signal: NodeJS.Signals) => void): void => void (work !== '' && kill('SIGINT'));
      return start([path, ...args], { cwd, env: { DATABASE_URL: postgres.url }, work, onProgress });
    };
    await run([]);
    const before = await run(['--top', '20', '--json']);
    expect(before.exitCode).toBe(0);

    expect(await run(['--rebuild'], 'Rebuilding author-files')).toMatchObject({
      exitCode: 130,
      errors: expect.stringMatching(/same command again/u),
    });
    const rebuilt = await run(['--rebuild', '--verify']);
    expect(rebuilt).toMatchObject({ exitCode: 0, output: expect.stringMatching(/1 read model had been rebuilt/u) });
    expect(rebuilt.output.match(/ yes$/gmu)).toHaveLength(4);

    const client = new Client(postgres.url);
    await client.connect();
    await client.query('drop table git_history_read.files_v1 cascade');
    await client.end();
    const broken = await run(['--top', '20']);
    expect(broken).toMatchObject({
      exitCode: 1,
      errors: expect.stringMatching(/^[^\n]*files_v1[^\n]*--rebuild[^\n]*$/u),
    });
    expect(await run(['--rebuild'])).toMatchObject({
      exitCode: 0,
      output: expect.stringMatching(/^ +files +[\d,]+ /mu),
    });
    expect(await run(['--top', '20', '--json'])).toEqual(before);
  });
});
