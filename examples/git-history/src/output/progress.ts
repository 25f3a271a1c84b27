import cliProgress from 'cli-progress';
import type { ImportProgress } from '../import/import-history.ts';
import { wholeNumber } from './table.ts';

/** Shows how an import goes. */
export interface ProgressDisplay {
  readonly show: (progress: ImportProgress) => void;
  readonly stop: () => void;
}

const FORMAT = '[{bar}] {percentage}% | {value}/{total} commits | {events} events | {eta_formatted} left';
const LINES = 10;

/** A bar on a terminal, and about ten plain lines anywhere else. */
export function createProgress(output: NodeJS.WritableStream & { readonly isTTY?: boolean }): ProgressDisplay {
  return output.isTTY === true ? createBar(output) : createLines((line) => output.write(line));
}

function createBar(stream: NodeJS.WritableStream): ProgressDisplay {
  const bar = new cliProgress.SingleBar({ format: FORMAT, stream, etaBuffer: 100, gracefulExit: false });
  let started = false;
  return {
    show({ commits, total, events }) {
      if (total === 0) return;
      if (started) bar.update(commits, { events: wholeNumber(events) });
      else bar.start(total, commits, { events: wholeNumber(events) });
      started = true;
    },
    stop() {
      if (started) bar.stop();
    },
  };
}

function createLines(print: (line: string) => void): ProgressDisplay {
  let printed = 0;
  return {
    show({ commits, total, events }) {
      const step = Math.floor((commits * LINES) / Math.max(total, 1));
      if (step <= printed) return;
      printed = step;
      print(`Imported ${wholeNumber(commits)} of ${wholeNumber(total)} commits, ${wholeNumber(events)} events\n`);
    },
    stop: () => undefined,
  };
}
