import cliProgress from 'cli-progress';
import { wholeNumber } from './table.ts';

/** How far some work is. */
export interface Progress {
  /** Begins the line: `Imported`. Another one begins another bar. */
  readonly work: string;
  readonly done: number;
  readonly total: number;
  readonly unit: string;
  /** Ends the line: `, 1,234 events`. */
  readonly note?: string | undefined;
}

/** Shows how long work goes. */
export interface ProgressDisplay {
  readonly show: (progress: Progress) => void;
  readonly stop: () => void;
}

const FORMAT = '{work} [{bar}] {percentage}% | {value}/{total} {unit}{note} | {eta_formatted} left';
const LINES = 10;

/** A bar on a terminal, and about ten plain lines anywhere else. */
export function createProgress(output: NodeJS.WritableStream & { readonly isTTY?: boolean }): ProgressDisplay {
  return output.isTTY === true ? createBar(output) : createLines((line) => output.write(line));
}

function createBar(stream: NodeJS.WritableStream): ProgressDisplay {
  let bar: cliProgress.SingleBar | undefined;
  let shown: string | undefined;
  const stop = (): void => {
    bar?.stop();
    bar = undefined;
    shown = undefined;
  };
  return {
    show({ work, done, total, unit, note = '' }) {
      if (total === 0) return;
      if (shown !== work) {
        stop();
        shown = work;
        bar = new cliProgress.SingleBar({ format: FORMAT, stream, etaBuffer: 100, gracefulExit: false });
        bar.start(total, done, { work, unit, note });
      }
      bar?.setTotal(total);
      bar?.update(done, { work, unit, note });
    },
    stop,
  };
}

function createLines(print: (line: string) => void): ProgressDisplay {
  let shown: string | undefined;
  let printed = 0;
  return {
    show({ work, done, total, unit, note = '' }) {
      if (shown !== work) printed = 0;
      shown = work;
      const step = Math.floor((done * LINES) / Math.max(total, 1));
      if (step <= printed) return;
      printed = step;
      print(`${work} ${wholeNumber(done)} of ${wholeNumber(total)} ${unit}${note}\n`);
    },
    stop: () => (shown = undefined),
  };
}
