import type { Issue } from '../errors.ts';
import { typed } from '../typed.ts';
import { formatPath } from './standard-schema.ts';

/**
 * Compares what was given with what readers will get. A schema may strip, trim and fill in, but it must not turn one kind
 * of value into another, which an ambiguous union does: a date that comes back as text. Returns the first place.
 */
export function lostKind(given: unknown, decoded: unknown): Issue | undefined {
  const lost = firstLost(given, decoded);
  return lost === undefined ? undefined : { path: formatPath(lost.path), reason: lost.reason };
}

/** The path is put together from the inside, when there is something to say. */
interface Lost {
  readonly path: (string | number)[];
  readonly reason: string;
}

function firstLost(given: unknown, decoded: unknown): Lost | undefined {
  if (decoded === undefined || given === undefined) return undefined;
  if (given instanceof Date || typeof given === 'bigint') {
    return isSameValue(given, decoded) ? undefined : changed(given, decoded);
  }
  if (typeof given !== 'object' || given === null || typeof decoded !== 'object' || decoded === null) {
    return typeof given === typeof decoded && (given === null) === (decoded === null)
      ? undefined
      : changed(given, decoded);
  }
  if (kindOf(given) !== kindOf(decoded)) return changed(given, decoded);
  if (Array.isArray(given) && Array.isArray(decoded)) {
    for (const [index, item] of given.entries()) {
      const lost = firstLost(item, decoded[index]);
      if (lost !== undefined) return under(index, lost);
    }
    return undefined;
  }
  const read = typed<Readonly<Record<string, unknown>>>(decoded);
  for (const [key, item] of Object.entries(given)) {
    const lost = Object.hasOwn(read, key) ? firstLost(item, read[key]) : undefined;
    if (lost !== undefined) return under(key, lost);
  }
  return undefined;
}

function under(key: string | number, lost: Lost): Lost {
  lost.path.unshift(key);
  return lost;
}

function isSameValue(given: Date | bigint, decoded: unknown): boolean {
  if (typeof given === 'bigint') return given === decoded;
  return decoded instanceof Date && decoded.getTime() === given.getTime();
}

function kindOf(value: object): string {
  return Object.prototype.toString.call(value);
}

function changed(given: unknown, decoded: unknown): Lost {
  const reason = `is ${describe(given)}, and would be read back as ${describe(decoded)}: the schema's way back is ambiguous or loses something`;
  return { path: [], reason };
}

function describe(value: unknown): string {
  if (value instanceof Date) return `the date ${Number.isNaN(value.getTime()) ? 'NaN' : value.toISOString()}`;
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'object' && value !== null) return kindOf(value);
  return JSON.stringify(value) ?? String(value);
}
