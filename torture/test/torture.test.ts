import { strictEqual } from 'node:assert';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { temporaryDirectory, Torture } from './support/torture-run.ts';

/** Chance decides whether a short run meets a defect, and on a busy machine little happens in it: it may try again. */
const CONTROL = { timeout: 300_000, retry: 2 };

// Together: each waits for its servers most of the time.
describe.concurrent('the torture of the feed', () => {
  const seed = String(Math.floor(Math.random() * 2 ** 32));
  const feed = (evidence: string, ...args: readonly string[]): Torture =>
    new Torture(['--suite', 'feed', '--seed', seed, '--evidence', evidence, ...args]);

  test(
    'in its short form, loses and repeats nothing, over every phase and every kind of kill, while the controls lose',
    { timeout: 300_000 },
    async () => {
      await using directory = await temporaryDirectory();
      const { code, errors, summary } = await feed(directory.path, '--seconds', '5', '--cycles', '8').end();
      strictEqual(code, 0, errors);
      expect(summary).toMatchObject({ suite: 'feed', seed: Number(seed), lost: 0, repeated: 0, violations: 0 });
      expect(summary).toMatchObject({ phases: { stress: 1, kill: 1, reissue: 1, freeze: 1, network: 1 } });
      expect(summary['controls']).toEqual({ naive: expect.any(Number), xmin: expect.any(Number) });
      expect(summary['controlsLost']).toBeGreaterThan(1);
      expect(summary['cycles']).toBeGreaterThanOrEqual(8);
      const kinds = [
        'kill backend',
        'kill reader',
        'kill server',
        'kill server, prepared',
        'kill server, reissue',
        'kill writer',
      ];
      expect(Object.keys(summary['kills'] ?? {}).toSorted()).toEqual(kinds);
      expect(await readdir(directory.path)).toEqual([]);
    },
  );

  test.each([
    ['writers that announce no floor', 'no-floor-lock', 'stress'],
    ['readers that go by a bound from before a crash', 'one-incarnation', 'reissue'],
  ])('finds what %s lose, and keeps the evidence', CONTROL, async (_what, sabotage, phase) => {
    await using directory = await temporaryDirectory();
    const run = feed(directory.path, '--seconds', '2', '--cycles', '0', '--phases', phase, '--sabotage', sabotage);
    const { code, errors, summary } = await run.end();
    strictEqual(code, 1, errors);
    expect(summary['lost']).toBeGreaterThan(0);
    expect(errors).toMatch(/LOST: .* was never given position \d+/u);
    const [kept = ''] = await readdir(directory.path);
    expect(await readdir(join(directory.path, kept, `${phase}-1`))).toContain('findings.json');
  });

  test('is stopped by an interrupt, and leaves nothing behind', { timeout: 120_000 }, async () => {
    await using directory = await temporaryDirectory();
    const run = feed(directory.path, '--seconds', '600', '--phases', 'kill');
    await expect.poll(() => run.errors, { timeout: 60_000 }).toContain('fsync on');
    run.interrupt();
    const { code, output } = await run.end();
    expect(code).toBe(130);
    expect(output).toBe('');
    expect(await readdir(directory.path)).toEqual([]);
  });
});

describe('the command line', () => {
  test.each([
    [['--suite', 'aggregates'], 'there is no suite "aggregates"; there is feed, commands, projections'],
    [[], 'name a suite with --suite (feed, commands, projections)'],
    [['--suite', 'feed', '--seconds', 'soon'], '--seconds "soon" is not a whole number from 1'],
    [['--suite', 'feed', '--seed', '-1'], '--seed'],
    [['--suite', 'feed', '--postgres', 'mysql'], '--postgres is npm or system, not "mysql"'],
    [['--suite', 'feed', '--phases', 'stress,peace'], '--phases: "peace" is not one of stress, kill'],
    [['--suite', 'feed', '--sabotage', 'all'], '--sabotage "all" is not one of no-floor-lock'],
    [['--suite', 'commands', '--sabotage', 'no-bound'], '--sabotage "no-bound" is not one of no-keys, no-claims'],
    [['--suite', 'projections', '--sabotage', 'no-keys'], '--sabotage "no-keys" is not one of no-fence, no-parking'],
    [['--suite', 'commands', '--phases', 'stress'], '--phases is for the suite feed'],
    [['--suite', 'feed', '--loud'], "Unknown option '--loud'"],
  ])('refuses %j with exit code 2', async (args, message) => {
    const { code, output, errors } = await new Torture(args).end();
    expect(errors).toContain(message);
    expect(errors).toContain('--help');
    expect([code, output]).toEqual([2, '']);
  });

  test('explains itself', async () => {
    const { code, output } = await new Torture(['--help']).end();
    expect(code).toBe(0);
    for (const option of ['--suite', '--seconds', '--seed', '--cycles', '--postgres']) expect(output).toContain(option);
  });
});

// When those of the feed have ended, which keep a small machine busy.
describe.concurrent('the torture of commands', () => {
  const seed = String(Math.floor(Math.random() * 2 ** 32));
  const commands = (evidence: string, ...args: readonly string[]): Torture =>
    new Torture(['--suite', 'commands', '--seed', seed, '--evidence', evidence, ...args]);

  test(
    'in its short form, finds one effect and one answer for each command, while the control does some twice',
    { timeout: 300_000 },
    async () => {
      await using directory = await temporaryDirectory();
      const { code, errors, summary } = await commands(directory.path, '--seconds', '3', '--cycles', '8').end();
      strictEqual(code, 0, errors);
      expect(summary).toMatchObject({ suite: 'commands', seed: Number(seed), lost: 0, repeated: 0, violations: 0 });
      expect(summary['controlsLost']).toBeGreaterThan(0);
      expect(summary['unanswered']).toBeGreaterThan(0);
      const kinds = ['kill backend', 'kill sender', 'kill server', 'terminate backend'];
      expect(Object.keys(summary['kills'] ?? {}).toSorted()).toEqual(kinds);
      expect(await readdir(directory.path)).toEqual([]);
    },
  );

  test.each([
    ['a key that whoever comes later takes over', 'no-keys', /REPEATED: took effect more than once/u],
    ['a value that nobody minds', 'no-claims', /HOLDER: .* both hold email/u],
  ])('finds what comes of %s', CONTROL, async (_what, sabotage, finding) => {
    await using directory = await temporaryDirectory();
    const run = commands(directory.path, '--seconds', '10', '--cycles', '0', '--sabotage', sabotage);
    const { code, errors, summary } = await run.end();
    strictEqual(code, 1, errors);
    expect(errors).toMatch(finding);
    expect(Number(summary['repeated']) + Number(summary['violations'])).toBeGreaterThan(0);
    const [kept = ''] = await readdir(directory.path);
    expect(await readdir(join(directory.path, kept, 'commands-1'))).toContain('findings.json');
  });
});

describe.concurrent('the torture of projections', () => {
  const seed = String(Math.floor(Math.random() * 2 ** 32));
  const projections = (evidence: string, ...args: readonly string[]): Torture =>
    new Torture(['--suite', 'projections', '--seed', seed, '--evidence', evidence, ...args]);

  test(
    'in its short form, finds every read model to be what the log says, while the control loses or repeats something',
    { timeout: 480_000 },
    async () => {
      await using directory = await temporaryDirectory();
      const { code, errors, summary } = await projections(directory.path, '--seconds', '1', '--cycles', '13').end();
      strictEqual(code, 0, errors);
      expect(summary).toMatchObject({ suite: 'projections', seed: Number(seed), lost: 0, repeated: 0, violations: 0 });
      expect(summary['controlsLost']).toBeGreaterThan(0);
      expect(summary['parked']).toBeGreaterThan(0);
      for (const what of ['build', 'switch', 'interrupted', 'resumed']) {
        expect(summary).toHaveProperty(['versions', what]);
      }
      expect(await readdir(directory.path)).toEqual([]);
    },
  );

  test.each([
    ['workers that write though others have taken over', 'no-fence'],
    ['events that pass one that waits', 'no-parking'],
    ['versions that are switched before they have caught up', 'no-catch-up'],
    ['builds that go on behind where they were', 'one-too-far'],
  ])('finds what comes of %s', CONTROL, async (_what, sabotage) => {
    await using directory = await temporaryDirectory();
    const run = projections(directory.path, '--seconds', '10', '--cycles', '0', '--sabotage', sabotage);
    const { code, errors, summary } = await run.end();
    strictEqual(code, 1, errors);
    expect(errors).toMatch(/(?:at rest|cycle \d+ \(.*\)): (?:LOST|REPEATED|ORDER|ANSWER|STUCK): /u);
    expect(Number(summary['lost']) + Number(summary['repeated']) + Number(summary['violations'])).toBeGreaterThan(0);
    const [kept = ''] = await readdir(directory.path);
    expect((await readdir(join(directory.path, kept))).some((name) => name.startsWith('projections-'))).toBe(true);
  });
});
