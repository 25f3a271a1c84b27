import { InvalidArgumentError } from 'commander';
import { parseStreamName } from 'mink';

const WHOLE = /^\d{1,16}$/u;
const TIME = /^(?<day>\d{4}-\d{2}-\d{2})T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2})$/u;
const MAX_PORT = 65_535;
const MILLISECONDS_PER_DAY = 86_400_000;

/** A parser of whole numbers from `minimum`. */
export function wholeFrom(minimum: number): (text: string) => number {
  return (text) => {
    const value = parseWhole(text);
    if (value !== undefined && value >= minimum) return value;
    throw new InvalidArgumentError(`Give a whole number from ${minimum}.`);
  };
}

/** A number above 0, such as a share or seconds. */
export function parsePositive(text: string): number {
  const value = /^\d{1,9}(?:\.\d{1,9})?$/u.test(text) ? Number(text) : 0;
  if (value > 0) return value;
  throw new InvalidArgumentError('Give a number above 0, such as 0.01.');
}

export function parsePort(text: string): number {
  const value = parseWhole(text);
  if (value !== undefined && value <= MAX_PORT) return value;
  throw new InvalidArgumentError(`Give a whole number from 0 to ${MAX_PORT}.`);
}

/** Where to stop in a stream: `7` is a version. */
export function parseStreamPoint(text: string): { readonly version: number } | { readonly time: Date } {
  const version = parseWhole(text);
  if (version !== undefined && version >= 1) return { version };
  const time = parseTime(text);
  if (time !== undefined) return { time };
  throw new InvalidArgumentError(
    'Give a version of the stream (7), or a time with its zone (2026-01-31T10:00:00Z). For a position of the log, use "mink events --stream NAME --until POSITION".',
  );
}

/** Where to stop in the log: `1200` is a position. */
export function parseLogPoint(text: string): { readonly position: number } | { readonly time: Date } {
  const position = parseWhole(text);
  if (position !== undefined) return { position };
  const time = parseTime(text);
  if (time !== undefined) return { time };
  throw new InvalidArgumentError('Give a position of the log (1200), or a time with its zone (2026-01-31T10:00:00Z).');
}

/** A moment. */
export function parseMoment(text: string): Date {
  const time = parseTime(text);
  if (time !== undefined) return time;
  throw new InvalidArgumentError('Give a time with its zone (2026-01-31T10:00:00Z).');
}

/** Where to begin in the log. */
export function parseAfter(text: string): number | 'end' {
  const position = text === 'end' ? text : parseWhole(text);
  if (position !== undefined) return position;
  throw new InvalidArgumentError('Give a position of the log (1200), or "end".');
}

/** Where to deliver from. */
export function parseStart(text: string): number | 'start' | 'end' {
  const start = text === 'start' || text === 'end' ? text : parseWhole(text);
  if (start !== undefined) return start;
  throw new InvalidArgumentError('Give a position of the log (1200), "start" or "end".');
}

export function parseText(text: string): string {
  if (text !== '') return text;
  throw new InvalidArgumentError('Give a text that is not empty.');
}

/** Adds one value to those of an option that may be repeated. */
export function collectText(text: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, parseText(text)];
}

/** The same for stream names. Throws `InvalidStreamNameError`. */
export function collectStreamName(text: string, earlier: readonly string[] = []): readonly string[] {
  parseStreamName(text);
  return [...earlier, text];
}

function parseWhole(text: string): number | undefined {
  const value = WHOLE.test(text) ? Number(text) : undefined;
  return Number.isSafeInteger(value) ? value : undefined;
}

/** A time without a zone would mean another moment on every machine, and JavaScript reads February 31 as March 3. */
function parseTime(text: string): Date | undefined {
  const day = TIME.exec(text)?.groups?.day;
  if (day === undefined) return undefined;
  const [time, midnight] = [new Date(text), new Date(`${day}T00:00:00Z`)];
  if (Number.isNaN(time.getTime()) || !midnight.toISOString().startsWith(day)) return undefined;
  return Math.abs(time.getTime() - midnight.getTime()) <= 2 * MILLISECONDS_PER_DAY ? time : undefined;
}
