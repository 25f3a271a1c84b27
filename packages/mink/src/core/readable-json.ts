import type { JsonValue } from './json.ts';

const DEEPEST = 1_000;

/**
 * JSON for people, of anything that a codec or a fold may have made: dates, bigints, maps, sets, bytes, objects of classes. A map is a
 * list of pairs: its keys are values, as those of a set are. What lies in itself, or deeper than 1,000, is cut off.
 */
export function readableJson(value: unknown): JsonValue {
  return readable(value, []);
}

function readable(value: unknown, within: readonly object[]): JsonValue {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'bigint':
      return String(value);
    case 'object':
      return value === null ? null : readableObject(value, within);
    default:
      return null;
  }
}

function readableObject(value: object, outer: readonly object[]): JsonValue {
  if (outer.length >= DEEPEST || outer.includes(value)) return '…';
  const within = [...outer, value];
  const inner = (item: unknown): JsonValue => readable(item, within);
  if (value instanceof Date && Number.isNaN(value.getTime())) return String(value);
  if (ArrayBuffer.isView(value)) return `${value.byteLength} bytes`;
  if ('toJSON' in value && typeof value.toJSON === 'function') return inner(value.toJSON());
  if (Array.isArray(value)) return Array.from<unknown, JsonValue>(value, inner);
  if (value instanceof Map || value instanceof Set) return Array.from<unknown, JsonValue>(value, inner);
  const members = Object.entries(value)
    .filter(([, item]) => item !== undefined && typeof item !== 'function' && typeof item !== 'symbol')
    .map(([key, item]): [string, JsonValue] => [key, inner(item)]);
  // Unlike an assignment, this can make a member named "__proto__".
  return Object.fromEntries(members);
}
