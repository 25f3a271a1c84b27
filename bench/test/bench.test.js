import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const program = fileURLToPath(new URL('../main.js', import.meta.url));

function bench(...args) {
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...args], (error, stdout, stderr) => {
      resolve({ code: error?.code ?? 0, stdout, stderr });
    });
  });
}

describe('the benchmark as a program', () => {
  test('explains itself and lists its rows', async () => {
    expect((await bench('--help')).stdout).toContain('npm run bench -- [options]');
    expect((await bench('--list')).stdout).toContain('rows: latency-p50 (ms), latency-p99 (ms)');
  });

  test('refuses what it does not know, with exit code 2 and the options', async () => {
    const { code, stderr } = await bench('--only', 'append-2');
    expect(code).toBe(2);
    expect(stderr).toContain('there is no "append-2"');
    expect(stderr).toContain('--subjects NAMES');
  });
});

describe('a short run of the projections', () => {
  let folder;
  let outcome;
  let rows;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mink-bench-test-'));
    const output = join(folder, 'results.json');
    const works = 'projection-100k,rebuild-p4-far,visible,visible-remote,inline-overhead,idle-50';
    const options = `--only ${works} --subjects mink,floor --rounds 1 --seconds 0.2 --shrink 100`.split(' ');
    outcome = await bench(...options, '--output', output);
    ({ rows } = JSON.parse(await readFile(output, 'utf8')));
  }, 180_000);

  afterAll(() => rm(folder, { recursive: true, force: true }));

  test('applies every event once, whoever does it', () => {
    expect(outcome).toMatchObject({ code: 0 });
    const projected = rows.filter(({ work }) => work === 'projection-100k');
    expect(projected).toMatchObject([
      { subject: 'mink', unit: 'events/s', better: 'higher', checked: 1_000, lost: 0, repeated: 0 },
      { subject: 'floor', unit: 'events/s', better: 'higher', checked: 1_000, lost: 0, repeated: 0 },
    ]);
  });

  test('sees every append', () => {
    for (const name of ['visible-p50', 'visible-p99', 'visible-remote-p50', 'visible-remote-p99']) {
      const row = rows.find(({ work, subject }) => work === name && subject === 'mink');
      expect(row).toMatchObject({ unit: 'ms', better: 'lower', checked: 100, lost: 0 });
      expect(row.median).toBeGreaterThan(0);
    }
  });

  test('gives a number for whoever is measured, and says why others are not', () => {
    const names = ['rebuild-p4-far', 'rebuild-p4-far-busy', 'inline-overhead', 'idle-50-cpu', 'idle-50-queries'];
    for (const name of names) {
      const row = rows.find(({ work, subject }) => work === name && subject === 'mink');
      expect(row.median).toBeGreaterThan(0);
      expect(row.lost ?? 0).toBe(0);
      expect(rows.find(({ work, subject }) => work === name && subject === 'floor').note).toContain('mink alone');
    }
  });
});

describe('a short run of one row', () => {
  let folder;
  let outcome;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mink-bench-test-'));
    const output = join(folder, 'results.json');
    const options = '--only append-1-c32 --subjects mink,floor --rounds 1 --seconds 0.3'.split(' ');
    outcome = await bench(...options, '--output', output);
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  test('measures, counts the events again, and writes everything down', async () => {
    expect(outcome.stderr).not.toContain('LOST');
    expect(outcome.code).toBe(0);
    const results = JSON.parse(await readFile(join(folder, 'results.json'), 'utf8'));
    expect(results.settings.server).toMatchObject({
      fsync: 'on',
      synchronous_commit: 'on',
      wal_level: 'replica',
      jit: 'on',
    });
    const rows = results.rows.filter(({ work }) => work === 'append-1-c32');
    expect(rows.map(({ subject }) => subject)).toEqual(['mink', 'floor']);
    for (const { unit, better, rounds, median, checked, lost } of rows) {
      expect({ unit, better, lost }).toEqual({ unit: 'appends/s', better: 'higher', lost: 0 });
      expect(rounds).toEqual([median]);
      expect(median).toBeGreaterThan(0);
      expect(checked).toBeGreaterThan(0);
    }
    expect(await readFile(join(folder, 'results.svg'), 'utf8')).toContain('append-1-c32');
    expect(outcome.stdout).toMatch(/^append-1-c32 +appends\/s/mu);
  });
});
