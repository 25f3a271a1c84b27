import { stringifyJson, type JsonValue } from 'mink';
import { escapeControls } from './terminal-text.ts';

/** One line of JSON for anything, safe to show in a terminal. */
export function jsonText(value: unknown): string {
  return escapeControls(stringifyJson(toJson(value), true));
}

/** JSON of what a codec may have made of a payload: dates, bigints, maps, sets, objects of classes. */
function toJson(value: unknown): JsonValue {
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
  if ('toJSON' in value && typeof value.toJSON === 'function') return toJson(value.toJSON());
  if (Array.isArray(value)) return Array.from<unknown, JsonValue>(value, toJson);
  if (value instanceof Map || value instanceof Set) return Array.from<unknown, JsonValue>(value, toJson);
  const members = Object.entries(value)
    .filter(([, item]) => item !== undefined && typeof item !== 'function')
    .map(([key, item]): [string, JsonValue] => [key, toJson(item)]);
  // Unlike an assignment, this can make a member named "__proto__".
  return Object.fromEntries(members);
}
