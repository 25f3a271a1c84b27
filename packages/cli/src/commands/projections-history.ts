import type { Command } from 'commander';
import type { CheckpointSample } from 'mink';
import type { Context } from '../context.ts';
import { withStore } from '../database.ts';
import { interruptible } from '../interrupt.ts';
import { jsonText } from '../json-text.ts';
import { parseMoment, wholeFrom } from '../option-values.ts';
import { Table } from '../table.ts';
import { findProjection } from './find-projection.ts';
import type { VersionOptions } from './projections.ts';

interface HistoryOptions extends VersionOptions {
  readonly since?: Date | undefined;
}

export function addProjectionsHistoryCommand(group: Command, context: Context): void {
  group
    .command('history')
    .description('where a projection was, a line for each minute in which it moved, of the last seven days')
    .argument('<name>', 'name of the projection')
    .option('--of <version>', 'its version, where it has more than one', wholeFrom(1))
    .option('--since <time>', 'from this time on, such as 2026-01-31T10:00:00Z', parseMoment)
    .action((name: string, _options, command: Command) => history(context, command.optsWithGlobals(), name));
}

async function history(context: Context, options: HistoryOptions, name: string): Promise<void> {
  const { stdout, stderr, signal } = context;
  await withStore(context, options, async (store) => {
    const read = async (): Promise<readonly CheckpointSample[]> => {
      const projection = await findProjection(store, name, options.of);
      return store.projections.checkpointHistory(projection, { since: options.since });
    };
    const samples = (await interruptible(read(), signal)).map(withRate);
    if (options.json === true) await stdout.write(samples.map((it) => `${jsonText(it)}\n`).join(''));
    else if (samples.length === 0) await stderr.line('It has not moved.');
    else await stdout.write(tableOf(samples));
  });
}

interface Shown {
  readonly at: string;
  readonly position: number;
  readonly events: number;
  /** Events a second since the line before; null where there is none, or it began anew. */
  readonly rate: number | null;
}

function withRate({ at, position, events }: CheckpointSample, index: number, all: readonly CheckpointSample[]): Shown {
  const before = all[index - 1];
  const isOn = before !== undefined && events >= before.events && at > before.at;
  const rate = isOn ? ((events - before.events) * 1_000) / (at - before.at) : null;
  return { at: new Date(at).toISOString(), position, events, rate };
}

function tableOf(samples: readonly Shown[]): string {
  const table = new Table([
    { title: 'AT' },
    { title: 'POSITION', align: 'right' },
    { title: 'EVENTS', align: 'right' },
    { title: 'EVENTS/S', align: 'right' },
  ]);
  return table.page(
    samples.map(({ at, position, events, rate }) => [
      at,
      String(position),
      String(events),
      rate === null ? '' : rate.toFixed(1),
    ]),
  );
}
