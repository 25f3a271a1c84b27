import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { parseArguments } from '../src/evolve/arguments.ts';
import { Measurements } from '../src/evolve/measurements.ts';
import { outcomeText, toOutcome } from '../src/evolve/outcome.ts';

const MAIN = fileURLToPath(new URL('../dist/evolve/main.js', import.meta.url));
const TIMEOUT_MS = 120_000;

const counts = z.object({ requests: z.number(), p50: z.number(), p99: z.number() });
const printed = z.object({
  ok: z.boolean(),
  guarantees: z.array(z.object({ name: z.string(), ok: z.boolean() })),
  requests: z.object({ sent: z.number(), failed: z.number() }),
  ownReads: z.object({ sent: z.number(), missed: z.number() }),
  verified: z.array(z.looseObject({ name: z.string(), ok: z.boolean(), parked: z.number() })),
  rows: z.array(z.object({ name: z.string(), ok: z.boolean(), rows: z.number() })),
  served: z.record(z.string(), z.number()),
  steps: z.array(z.object({ name: z.string(), duration: z.number() })),
  latencies: z.object({ before: counts, during: counts, after: counts }),
  problems: z.array(z.string()),
});

function evolve(...args: readonly string[]) {
  if (!existsSync(MAIN)) throw new Error(`${MAIN} is missing. Run "npm run build" first.`);
  const { DATABASE_URL: _, ...env } = process.env;
  const child = spawn(process.execPath, [MAIN, ...args], { env });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { child, ended, stdout: () => stdout, stderr: () => stderr };
}

describe('the walk', { timeout: TIMEOUT_MS }, () => {
  it('changes the list under load, and nobody notices', async () => {
    const { ended, stdout, stderr } = evolve('--seconds', '2', '--json');
    const code = await ended;
    expect(code, `${stdout()}\n${stderr()}`).toBe(0);
    const outcome = printed.parse(JSON.parse(stdout()));
    expect(outcome).toMatchObject({ ok: true, requests: { failed: 0 }, ownReads: { missed: 0 }, problems: [] });
    expect(outcome.verified).toMatchObject([
      { name: 'order-list 1', ok: true, parked: 0 },
      { name: 'order-list 2', ok: true, parked: 0 },
    ]);
    expect(outcome.rows).toMatchObject([
      { name: 'order-list 2', ok: true },
      { name: 'open-orders 1', ok: true },
    ]);
    // Old and new processes have answered, and the new ones with either version.
    expect(Object.keys(outcome.served).toSorted()).toEqual([
      'new order-list/1',
      'new order-list/2',
      'old order-list/1',
    ]);
    expect(outcome.steps.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['plan', 'what-if', 'build', 'compare', 'switch', 'rollback', 'switch again', 'retire']),
    );
    expect(stderr()).toMatch(/Order-old-1: items 2 -> 4, since ItemAdded at position \d+/u);
  });

  it('leaves nothing behind when it is stopped', async () => {
    const { child, ended, stdout } = evolve('--seconds', '60');
    await expect.poll(stdout, { timeout: TIMEOUT_MS }).toContain('# build');
    child.kill('SIGINT');
    expect(await ended).toBe(130);
    const [, databasePort = ''] = /^Database: \S+:(\d+)\//mu.exec(stdout()) ?? [];
    await expect(fetch(`http://127.0.0.1:${databasePort}`)).rejects.toThrow('fetch failed');
  });

  it.each(['0', 'x', '1e9'])('says in one line that --seconds %s is no time', async (seconds) => {
    const { ended, stderr } = evolve('--seconds', seconds);
    expect(await ended).toBe(2);
    expect(stderr()).toMatch(/^--seconds .*\n$/u);
  });
});

describe('the outcome', () => {
  const found = { orders: 1, verified: [], rows: [], steps: [] };
  const measured = (): Measurements => {
    const measurements = new Measurements();
    measurements.took('before', 2);
    measurements.ownRead(true, '');
    return measurements;
  };
  const verified = { name: 'order-list 2', ok: true, events: 1, parked: 0 };
  const rows = { name: 'order-list 2', ok: true, rows: 1 };

  it('is good where nothing went wrong', () => {
    const outcome = toOutcome(measured(), { ...found, verified: [verified], rows: [rows] });
    expect(outcome.ok).toBe(true);
    expect(outcomeText(outcome)).not.toContain('BROKEN');
  });

  it.each([
    ['no request failed', (it: Measurements) => it.fail('POST /orders: 500'), {}],
    ['no read missed its own write', (it: Measurements) => it.ownRead(false, 'it is not there'), {}],
    ['every version has applied every event once', () => undefined, { verified: [{ ...verified, ok: false }] }],
    ['every version has applied every event once', () => undefined, { verified: [{ ...verified, parked: 1 }] }],
    ['every row is what a replay of the log makes', () => undefined, { rows: [{ ...rows, ok: false }] }],
  ])('says that it is broken: %s', (name, happen, wrong) => {
    const measurements = measured();
    happen(measurements);
    const outcome = toOutcome(measurements, { ...found, ...wrong });
    expect(outcome.ok).toBe(false);
    expect(outcomeText(outcome)).toContain(`BROKEN: ${name}`);
  });

  it('is broken where nothing was tried', () => {
    expect(toOutcome(new Measurements(), found).ok).toBe(false);
  });

  it('has the middle and the slowest of the requests', () => {
    const measurements = new Measurements();
    for (let time = 1; time <= 200; time += 1) measurements.took('after', time);
    expect(measurements.latencies('after')).toEqual({ requests: 200, p50: 100, p99: 198 });
    expect(measurements.latencies('during')).toEqual({ requests: 0, p50: 0, p99: 0 });
  });
});

it('takes --help for a question', () => {
  expect(parseArguments(['--help'])).toBeUndefined();
  expect(parseArguments([])).toEqual({ seconds: 20, json: false });
});
