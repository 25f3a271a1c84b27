import type { JsonValue } from './json.ts';

/** JSON for people, of anything that a codec or a fold may have made: dates, bigints, maps, sets, objects of classes. */
export function readableJson(value: unknown): JsonValue {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'bigint':
      return String(value);
    case 'object':
      return value === null ? null : objectToJson(value);
    default:
      return null;
  }
}

function objectToJson(value: object): JsonValue {
  if ('toJSON' in value && typeof value.toJSON === 'function') return readableJson(value.toJSON());
  if (Array.isArray(value)) return Array.from<unknown, JsonValue>(value, readableJson);
  if (value instanceof Map || value instanceof Set) return Array.from<unknown, JsonValue>(value, readableJson);
  const members = Object.entries(value)
    .filter(([, item]) => item !== undefined && typeof item !== 'function')
    .map(([key, item]): [string, JsonValue] => [key, readableJson(item)]);
  // Unlike an assignment, this can make a member named "__proto__".
  return Object.fromEntries(members);
}
