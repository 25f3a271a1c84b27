import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Random } from '../random.ts';
import { EXERCISES, type ExerciseName } from './exercises.ts';
import type { Outcome } from './scene.ts';

export interface DrillOptions {
  readonly names: readonly ExerciseName[];
  readonly binDir: string;
  readonly directory: string;
  readonly random: Random;
  readonly seconds: number;
  readonly signal: AbortSignal;
  readonly tell: (message: string) => void;
}

/** An exercise that has ended, well or not. */
export interface Rehearsed extends Outcome {
  readonly name: ExerciseName;
  readonly title: string;
  readonly isControl: boolean;
  readonly ok: boolean;
}

/** Runs exercises one after the other: each has the machine for itself, as its times are told. */
export async function drill(options: DrillOptions): Promise<readonly Rehearsed[]> {
  const { names, binDir, random, seconds, signal, tell } = options;
  const done: Rehearsed[] = [];
  for (const name of names) {
    if (signal.aborted) break;
    tell(`${name} …`);
    const directory = join(options.directory, name);
    await mkdir(directory, { recursive: true });
    const { title, isControl, run } = EXERCISES[name];
    const context = { binDir, directory, random: random.derive(name), load: seconds * 1_000, tell };
    const outcome = await run(context).catch(failed);
    done.push({ name, title, isControl, ok: isOk(outcome, isControl), ...outcome });
  }
  return done;
}

/** What cannot be brought to its end, has failed. */
function failed(error: unknown): Outcome {
  const problem = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { noticed: undefined, recovered: Number.NaN, acknowledged: 0, lost: 0, problems: [problem] };
}

/** Nothing that was acknowledged is missing; in a control, something must be. */
export function isOk({ lost, acknowledged, problems }: Outcome, isControl: boolean): boolean {
  return problems.length === 0 && acknowledged > 0 && lost > 0 === isControl;
}

/** The result as a table, for people. */
export function drillTable(rehearsed: readonly Rehearsed[]): string {
  const rows = [
    ['WHAT', 'NOTICED', 'RECOVERED', 'ACKNOWLEDGED', 'LOST', 'RESULT'],
    ...rehearsed.map((it) => [
      it.title,
      secondsText(it.noticed),
      secondsText(it.recovered),
      String(it.acknowledged),
      String(it.lost),
      resultText(it),
    ]),
  ];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function resultText({ ok, isControl, problems, remark }: Rehearsed): string {
  const [problem = 'something acknowledged is missing, or the control lost nothing'] = problems;
  if (!ok) return `FAILED: ${problem.split('\n')[0]}`;
  return `ok${remark === undefined ? '' : ` (${remark})`}${isControl && remark === undefined ? ' (control)' : ''}`;
}

function secondsText(milliseconds: number | undefined): string {
  if (milliseconds === undefined || Number.isNaN(milliseconds)) return '–';
  return `${(milliseconds / 1_000).toFixed(2)} s`;
}
