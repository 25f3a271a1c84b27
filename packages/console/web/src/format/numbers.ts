const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const precise = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 });

/** What stands where there is no value. */
export const NOTHING = '–';

/** `1,234,567` */
export const count = (value: number | undefined): string => (value === undefined ? NOTHING : whole.format(value));

/** `1.23M`, for where there is little room. */
export const shortCount = (value: number | undefined): string =>
  value === undefined ? NOTHING : value < 10_000 ? whole.format(value) : compact.format(value);

/** `1 event`, `2 events` */
export const counted = (value: number, one: string, many = `${one}s`): string =>
  `${whole.format(value)} ${value === 1 ? one : many}`;

/** `1,240/s`, `0.25/s` */
export const rate = (value: number | undefined): string =>
  value === undefined ? NOTHING : `${value >= 100 ? whole.format(value) : precise.format(value)}/s`;

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** `12.3 MB` */
export function bytes(value: number | undefined): string {
  if (value === undefined) return NOTHING;
  const step = value < 1 ? 0 : Math.min(Math.floor(Math.log10(value) / 3), UNITS.length - 1);
  return `${precise.format(value / 1_000 ** step)} ${UNITS[step]}`;
}

/** `42 %` of a part from 0 to 1. Everything is 100 % only when it is. */
export const percent = (part: number | undefined): string =>
  part === undefined ? NOTHING : `${Math.floor(part * 100)} %`;
