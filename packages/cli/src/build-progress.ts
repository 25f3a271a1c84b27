import type { BuildProgress } from 'mink';
import type { Context, GlobalOptions } from './context.ts';
import { jsonText } from './json-text.ts';

const INTERVAL = 1_000;
const BAR = 20;

/** A line on stderr once a second, for each version that is built; with `--json`, in JSON. */
export function buildProgress(
  { stderr }: Pick<Context, 'stderr'>,
  { json }: GlobalOptions,
): (progress: BuildProgress) => void {
  const told = new Map<string, number>();
  return (progress) => {
    const key = `${progress.name} ${progress.version < 0 ? 'shadow' : progress.version}`;
    const now = performance.now();
    if (now < (told.get(key) ?? now - INTERVAL) + INTERVAL) return;
    told.set(key, now);
    const text = json === true ? jsonText({ progress }) : progressText(progress);
    // Whoever does not want to read it does not keep the work from going on.
    void stderr.line(text).catch(() => undefined);
  };
}

/** `cart-summary [##########----------]  50%  500 of 1,000 events, 250/s, 2 s left`. */
function progressText({ name, events, left, rate, timeLeft }: BuildProgress): string {
  const total = events + left;
  const share = total === 0 ? 1 : events / total;
  const end = timeLeft === undefined ? '' : `, ${timeText(timeLeft)} left`;
  return `${name} ${barText(share)}  ${numberText(events)} of ${numberText(total)} events, ${numberText(rate)}/s${end}`;
}

/** `[##########----------]  50%`, of a share from 0 to 1. */
function barText(share: number): string {
  const done = Math.floor(share * BAR);
  const percent = `${Math.floor(share * 100)}%`.padStart(4);
  return `[${'#'.repeat(done)}${'-'.repeat(BAR - done)}] ${percent}`;
}

/** How far something has come in the log, with a bar. */
export function positionText({ position, upTo }: { readonly position: number; readonly upTo: number }): string {
  return `${barText(upTo === 0 ? 1 : position / upTo)}  position ${numberText(position)} of ${numberText(upTo)}`;
}

/** A duration, as somebody would say it. */
export function timeText(milliseconds: number): string {
  const seconds = Math.ceil(milliseconds / 1_000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.ceil(minutes / 60)} h`;
}

/** A count with its thousands apart. */
export function numberText(count: number): string {
  return Math.round(count).toLocaleString('en-US');
}

/** Bytes, in the largest unit that leaves a whole number. */
export function sizeText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1_024 && unit < units.length - 1) {
    value /= 1_024;
    unit += 1;
  }
  return `${Math.round(value)} ${units[unit] ?? ''}`;
}
