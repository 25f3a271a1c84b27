import { NOTHING } from './numbers.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const absolute = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'long' });
const clock = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });

const digits = (value: number): string => value.toLocaleString('en', { maximumSignificantDigits: 3 });

/** From the longest: what it is called, and what its rest is told in. */
const LONG = [
  { unit: DAY, name: 'd', rest: HOUR, restName: 'h' },
  { unit: HOUR, name: 'h', rest: MINUTE, restName: 'min' },
  { unit: MINUTE, name: 'min', rest: SECOND, restName: 's' },
];

/** `0.8 ms`, `4.2 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`, of milliseconds. */
export function duration(time: number | undefined): string {
  if (time === undefined || !Number.isFinite(time)) return NOTHING;
  const long = LONG.find(({ unit }) => time >= unit);
  if (long === undefined) return time < SECOND ? `${digits(time)} ms` : `${digits(time / SECOND)} s`;
  const rest = Math.floor((time % long.unit) / long.rest);
  const first = `${Math.floor(time / long.unit)} ${long.name}`;
  return rest === 0 ? first : `${first} ${rest} ${long.restName}`;
}

/** `12 s ago`, and `just now` for what is no second old, or in the future by clocks that differ. */
export function ago(at: number, now: number): string {
  const age = now - at;
  if (age < SECOND) return 'just now';
  if (age < MINUTE) return `${Math.floor(age / SECOND)} s ago`;
  if (age < HOUR) return `${Math.floor(age / MINUTE)} min ago`;
  if (age < DAY) return `${Math.floor(age / HOUR)} h ago`;
  return `${Math.floor(age / DAY)} d ago`;
}

/** `28 Nov 2026, 06:31:02 UTC` */
export const absoluteTime = (at: number): string => absolute.format(at);

/** `06:31:02` */
export const clockTime = (at: number): string => clock.format(at);
