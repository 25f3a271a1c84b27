import type { JsonValue } from '../json.ts';
import type { Shape } from './shape.ts';
import { formatOf } from './string-format.ts';

/** Whether a value has a shape, or a narrower one. */
export type Matcher = (value: JsonValue) => boolean;

/**
 * A function that tells whether the shape of a value is covered, without making it: it is asked for every payload that is
 * appended.
 */
export function matcherOf(shape: Shape): Matcher {
  const { type } = shape;
  if (type === undefined) return () => true;
  const takesNull = type.includes('null');
  const takesBoolean = type.includes('boolean');
  const takesNumber = type.includes('number');
  const takesInteger = takesNumber || type.includes('integer');
  const takesString = type.includes('string');
  const { format } = shape;
  const matchesArray = type.includes('array') ? arrayMatcher(shape) : undefined;
  const matchesObject = type.includes('object') ? objectMatcher(shape) : undefined;
  return (value) => {
    switch (typeof value) {
      case 'string':
        return takesString && (format === undefined || formatOf(value) === format);
      case 'number':
        return takesNumber || (takesInteger && Number.isInteger(value));
      case 'boolean':
        return takesBoolean;
      default:
        if (value === null) return takesNull;
        return isArray(value) ? matchesArray?.(value) === true : matchesObject?.(value) === true;
    }
  };
}

function arrayMatcher({ items, minItems }: Shape): (value: readonly JsonValue[]) => boolean {
  const matches = items === undefined ? undefined : matcherOf(items);
  return (value) => {
    if (value.length === 0) return minItems !== 1;
    return matches !== undefined && value.every(matches);
  };
}

type ObjectMatcher = (value: Readonly<Record<string, JsonValue>>) => boolean;

function objectMatcher({ properties = {}, required = [], additionalProperties, minProperties }: Shape): ObjectMatcher {
  if (additionalProperties !== undefined) {
    const matches = matcherOf(additionalProperties);
    return (value) => {
      const values = Object.values(value);
      return (values.length > 0 || minProperties !== 1) && values.every(matches);
    };
  }
  const always = new Set(required);
  const fields = new Map(
    Object.entries(properties).map(([key, shape]) => [key, { matches: matcherOf(shape), isRequired: always.has(key) }]),
  );
  return (value) => {
    let missing = always.size;
    let count = 0;
    // Not Object.entries: the list would cost more than the walk.
    for (const key in value) {
      const item = value[key];
      if (item === undefined || !Object.hasOwn(value, key)) continue;
      const field = fields.get(key);
      if (field === undefined || !field.matches(item)) return false;
      if (field.isRequired) missing -= 1;
      count += 1;
    }
    return missing === 0 && (count > 0 || minProperties !== 1);
  };
}

function isArray(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}
