import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import type { Context, GlobalOptions } from '../context.ts';
import { interruptible } from '../interrupt.ts';
import { jsonText } from '../json-text.ts';
import { parsePositive } from '../option-values.ts';
import { LiveTop } from '../top/live-top.ts';
import { lookingAt, type Look } from '../top/look.ts';
import { movementOf, total, type Movement } from '../top/rates.ts';
import { screenOf, WORST_FIRST } from '../top/screen.ts';
import { withVersions } from '../versions.ts';

const HELP = `
Keys: q ends it, p pauses it, left and right choose the column to sort by, up and down the direction.

BEHIND is in events, and WAIT how long the first of them has waited, for projections of the config file; without their
code, BEHIND is in positions of the log. PER S, ETA and what is appended in a second come from two looks, an interval apart.
P50, P99 and commands are what processes that report have said of their last interval (createProcessReport). POOL is connections in
use, and behind a plus calls that wait for one, as of their last report.

Examples:
  mink top                       live, every two seconds
  mink top --interval 0.5
  mink top --once                one table; also where the output is no terminal
  mink top --json                {"appendedPerSecond":120.4,"position":1200,"projections":[{"name":"cart-summary",…}],…}
`;

const INTERVAL = 2;
const DAY = 86_400;
/** Where the output is no terminal. */
const SIZE = { columns: 100, rows: Infinity };

interface TopOptions extends GlobalOptions {
  readonly once?: boolean | undefined;
  /** Seconds. */
  readonly interval?: number | undefined;
}

export function addTopCommand(program: Command, context: Context): void {
  program
    .command('top')
    .description('watch what is going on: appends, projections, dead letters, whoever holds readers back, storage')
    .option('--once', 'one table, of two looks')
    .option('--interval <seconds>', `between two looks, at most a day (default: ${INTERVAL})`, parseInterval)
    .addHelpText('after', HELP)
    .action((_options, command: Command) => top(context, command.optsWithGlobals()));
}

/** A timer knows no more than 24 days. */
function parseInterval(text: string): number {
  return Math.min(parsePositive(text), DAY);
}

async function top(context: Context, options: TopOptions): Promise<void> {
  const { terminal, signal, stdout } = context;
  const interval = (options.interval ?? INTERVAL) * 1_000;
  await withVersions(context, options, async ({ store, projections }) => {
    const look = lookingAt(store, projections);
    if (terminal !== undefined && options.once !== true && options.json !== true) {
      await new LiveTop(context, terminal, { look, interval }).run();
      return;
    }
    const movement = await interruptible(twoLooks(look, interval, signal), signal);
    if (options.json === true) await stdout.line(jsonText(asJson(movement)));
    else {
      const lines = screenOf(movement, { size: terminal?.size() ?? SIZE, sorting: WORST_FIRST, note: '' });
      await stdout.write(lines.map((line) => `${line.trimEnd()}\n`).join(''));
    }
  });
}

async function twoLooks(look: () => Promise<Look>, interval: number, signal: AbortSignal): Promise<Movement> {
  const before = await look();
  await sleep(interval, undefined, { signal });
  return movementOf(before, await look());
}

function asJson({ look, seconds, appended, growth, projections }: Movement): object {
  const { position, head, heldBy } = look.feed;
  return {
    time: new Date(look.time).toISOString(),
    seconds,
    appendedPerSecond: appended,
    position,
    head,
    heldBy,
    processes: look.processes.map(({ configuration: _configuration, ...it }) => it),
    storage: { ...look.storage, total: total(look.storage), growthPerSecond: growth },
    projections: projections.map(({ rate, eta, oldestParkedAt, ...it }) => ({
      ...it,
      ratePerSecond: rate,
      // JSON has no Infinity: it is behind and does not come closer.
      eta: eta === Infinity ? null : eta,
      oldestParkedAt: oldestParkedAt === undefined ? undefined : new Date(oldestParkedAt).toISOString(),
    })),
  };
}
