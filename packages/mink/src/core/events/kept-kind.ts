import type { Issue } from '../errors.ts';

/**
 * Compares what was given with what readers will get. A schema may strip, trim and fill in, but it must not turn one kind
 * of value into another, which an ambiguous union does: a date that comes back as text. Returns the first place.
 */
export function lostKind(given: unknown, decoded: unknown, path = ''): Issue | undefined {
  if (decoded === undefined || given === undefined) return undefined;
  if (given instanceof Date || typeof given === 'bigint') {
    return isSameValue(given, decoded) ? undefined : changed(given, decoded, path);
  }
  if (typeof given !== 'object' || given === null || typeof decoded !== 'object' || decoded === null) {
    return typeof given === typeof decoded && (given === null) === (decoded === null)
      ? undefined
      : changed(given, decoded, path);
  }
  if (kindOf(given) !== kindOf(decoded)) return changed(given, decoded, path);
  if (Array.isArray(given) && Array.isArray(decoded)) {
    return firstIssue(given.map((item, index) => lostKind(item, decoded[index], `${path}[${index}]`)));
  }
  const readers = new Map(Object.entries(decoded));
  return firstIssue(
    Object.entries(given).map(([key, item]) => lostKind(item, readers.get(key), path === '' ? key : `${path}.${key}`)),
  );
}

function isSameValue(given: Date | bigint, decoded: unknown): boolean {
  if (typeof given === 'bigint') return given === decoded;
  return decoded instanceof Date && decoded.getTime() === given.getTime();
}

function kindOf(value: object): string {
  return Object.prototype.toString.call(value);
}

function firstIssue(issues: readonly (Issue | undefined)[]): Issue | undefined {
  return issues.find((issue) => issue !== undefined);
}

function changed(given: unknown, decoded: unknown, path: string): Issue {
  const reason = `is ${describe(given)}, and would be read back as ${describe(decoded)}: the schema's way back is ambiguous or loses something`;
  return { path, reason };
}

function describe(value: unknown): string {
  if (value instanceof Date) return `the date ${Number.isNaN(value.getTime()) ? 'NaN' : value.toISOString()}`;
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'object' && value !== null) return kindOf(value);
  return JSON.stringify(value) ?? String(value);
}
