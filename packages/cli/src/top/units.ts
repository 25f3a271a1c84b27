const THOUSANDS = ['', 'k', 'M', 'G', 'T'];
const BYTES = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

function scaled(value: number, units: readonly string[], gap: string): string {
  let left = value;
  let unit = 0;
  // 999.95 would be rounded to 1000.
  while (left >= 999.5 && unit < units.length - 1) {
    left /= 1_000;
    unit += 1;
  }
  const digits = unit === 0 || left >= 99.95 ? 0 : 1;
  return `${left.toFixed(digits)}${gap}${units[unit] ?? ''}`;
}

/** A number in at most five characters: `950`, `1.2k`, `3.4M`. */
export function shortNumber(value: number): string {
  return value > 0 && value < 10 && !Number.isInteger(value) ? value.toFixed(1) : scaled(value, THOUSANDS, '');
}

/** Bytes, in thousands: `1.2 GB`. */
export function shortBytes(bytes: number): string {
  return scaled(bytes, BYTES, ' ');
}

/** A time that something took, in at most six characters: `0.8ms`, `250ms`, `1.2s`; nothing for undefined. */
export function shortLatency(seconds: number | undefined): string {
  if (seconds === undefined) return '';
  if (seconds >= 0.9995) return shortDuration(seconds);
  const milliseconds = seconds * 1_000;
  return `${milliseconds >= 9.95 || Number.isInteger(milliseconds) ? Math.round(milliseconds) : milliseconds.toFixed(1)}ms`;
}

const UNITS = [
  ['d', 86_400],
  ['h', 3_600],
  ['m', 60],
] as const;

/** Seconds in at most five characters: `4.2s`, `12m`, `3.5h`; `never` for Infinity. */
export function shortDuration(seconds: number): string {
  if (seconds === Infinity) return 'never';
  for (const [unit, size] of UNITS) {
    if (seconds < size) continue;
    const value = seconds / size;
    if (value >= 9_999) return `>27y`;
    return `${value >= 9.95 || Number.isInteger(value) ? Math.round(value) : value.toFixed(1)}${unit}`;
  }
  return `${seconds >= 9.95 || Number.isInteger(seconds) ? Math.round(seconds) : seconds.toFixed(1)}s`;
}
