import { createHash } from 'node:crypto';

/**
 * A hash of a value that does not depend on the order of keys. Dates, maps, sets and bigints count for what they hold; of
 * other instances, what a JSON would hold.
 */
export function fingerprintOf(value: unknown): string {
  return createHash('sha256').update(canonical(value)).digest('base64url');
}

function canonical(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`;
  // JSON would make null of it.
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'undefined';
  if (Array.isArray(value)) return `[${Array.from(value, canonical).join(',')}]`;
  if (value instanceof Date) return `Date(${value.getTime()})`;
  if (value instanceof Map) return `Map(${canonical([...value])})`;
  if (value instanceof Set) return `Set(${canonical([...value])})`;
  if (ArrayBuffer.isView(value))
    return `Bytes(${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')})`;
  if (value instanceof ArrayBuffer) return canonical(new Uint8Array(value));
  // URLs and the like show nothing of what they hold otherwise.
  const json: unknown = 'toJSON' in value && typeof value.toJSON === 'function' ? value.toJSON() : value;
  if (json !== value) return `JSON(${canonical(json)})`;
  const entries: readonly [string, unknown][] = Object.entries(value);
  const members = entries
    .filter(([, item]) => item !== undefined)
    .toSorted(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, item]) => `${JSON.stringify(name)}:${canonical(item)}`);
  return `{${members.join(',')}}`;
}
