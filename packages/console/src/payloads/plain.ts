import type { JsonValue } from 'mink';

const DEEPEST = 200;

/**
 * A payload or a state as JSON, for people: maps are objects, sets are arrays, dates are texts. What is nested more than 200 deep, or
 * in itself, is cut off.
 */
export function toPlain(value: unknown): JsonValue | undefined {
  return plain(value, []);
}

function plain(value: unknown, within: readonly object[]): JsonValue | undefined {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'bigint':
      return String(value);
    case 'undefined':
    case 'function':
    case 'symbol':
      return undefined;
    case 'object':
      return value === null ? null : plainObject(value, within);
  }
}

function plainObject(value: object, outer: readonly object[]): JsonValue | undefined {
  if (outer.length >= DEEPEST || outer.includes(value)) return '…';
  const within = [...outer, value];
  if (Array.isArray(value)) return value.map((item: unknown) => plain(item, within) ?? null);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  if (value instanceof Set) return Array.from(value, (item) => plain(item, within) ?? null);
  if (value instanceof Map)
    return plainEntries(
      [...value].map(([key, item]) => [nameOf(key), item]),
      within,
    );
  if (ArrayBuffer.isView(value)) return `${value.byteLength} bytes`;
  if ('toJSON' in value && typeof value.toJSON === 'function') return plain(value.toJSON(''), within);
  return plainEntries(Object.entries(value), within);
}

function plainEntries(entries: readonly (readonly [string, unknown])[], within: readonly object[]): JsonValue {
  return Object.fromEntries(
    entries.flatMap(([name, item]) => {
      const shown = plain(item, within);
      return shown === undefined ? [] : [[name, shown]];
    }),
  );
}

function nameOf(key: unknown): string {
  return typeof key === 'object' && key !== null ? JSON.stringify(plain(key, [])) : String(key);
}
