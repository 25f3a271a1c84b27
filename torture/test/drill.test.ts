import { strictEqual } from 'node:assert';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { findSystemPostgres } from '@mink/dev';
import { describe, expect, test } from 'vitest';
import { drillTable, isOk } from '../src/drill/drill.ts';
import { EXERCISE_NAMES } from '../src/drill/exercises.ts';

const program = fileURLToPath(new URL('../dist/drill/main.js', import.meta.url));
const system = await findSystemPostgres();

async function drill(args: readonly string[]) {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let [output, errors] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const [code] = await once(child, 'close');
  return { code: Number(code), output, errors };
}

describe('the drill', () => {
  test.skipIf(system === undefined)(
    'in its short form, brings back everything that was acknowledged, and sees what the control loses',
    { timeout: 240_000 },
    async () => {
      const { code, output, errors } = await drill(['--seconds', '0', '--json']);
      strictEqual(code, 0, errors);
      const summary = JSON.parse(output);
      expect(summary).toMatchObject({ ok: true, seed: expect.any(Number) });
      expect(errors).toContain(`seed ${summary.seed}`);
      expect(summary.exercises.map(({ name }: { name: string }) => name)).toEqual(EXERCISE_NAMES);
      for (const { name, acknowledged, lost, isControl, problems } of summary.exercises) {
        expect({ name, problems }).toEqual({ name, problems: [] });
        expect(acknowledged).toBeGreaterThanOrEqual(100);
        expect({ name, hasLost: lost > 0 }).toEqual({ name, hasLost: isControl });
      }
    },
  );

  const outcome = { noticed: undefined, recovered: 1, acknowledged: 100, lost: 0, problems: [] };
  test.each([
    ['nothing is lost', outcome, false, true],
    ['something is lost', { ...outcome, lost: 1 }, false, false],
    ['a control loses something', { ...outcome, lost: 1 }, true, true],
    ['a control loses nothing', outcome, true, false],
    ['nothing was acknowledged', { ...outcome, acknowledged: 0 }, false, false],
    ['something else is wrong', { ...outcome, problems: ['the read model is not what the log says'] }, false, false],
  ])('%s: judges that', (_what, of, isControl, ok) => {
    strictEqual(isOk(of, isControl), ok);
  });

  test('prints what failed, and why', () => {
    const failed = { ...outcome, name: 'failover', title: 'failover', isControl: false, ok: false, lost: 3 } as const;
    expect(drillTable([failed])).toBe(
      [
        'WHAT      NOTICED  RECOVERED  ACKNOWLEDGED  LOST  RESULT',
        'failover  –        0.00 s     100           3     FAILED: something acknowledged is missing, or the control lost nothing',
      ].join('\n'),
    );
  });

  test.each([
    [['--only', 'failover,flood'], '--only: "flood" is not one of read-model-dropped'],
    [['--seconds', 'soon'], '--seconds "soon" is not a whole number from 0'],
    [['--loud'], "Unknown option '--loud'"],
  ])('refuses %j with exit code 2', async (args, message) => {
    const { code, output, errors } = await drill(args);
    expect({ code, output }).toEqual({ code: 2, output: '' });
    expect(errors).toContain(message);
    expect(errors).toContain('--help');
  });
});
