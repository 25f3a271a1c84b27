import type { JsonValue } from '../json.ts';
import { matcherOf } from './shape-matcher.ts';
import { formatOf, type StringFormat } from './string-format.ts';

/** What a value is, of the kinds that JSON has; `integer` is a number without a fraction. */
export type ShapeKind = 'array' | 'boolean' | 'integer' | 'null' | 'number' | 'object' | 'string';

/**
 * What a JSON value looks like, without its values: a JSON Schema of a few words. An object has either `properties`, or
 * keys that are values themselves (ids, dates, …) and `additionalProperties`. Without `type` it is anything.
 */
export interface Shape {
  /** The kinds it may have, in alphabetical order. */
  readonly type?: readonly ShapeKind[] | undefined;
  /** Of its strings, where all of them have it. */
  readonly format?: StringFormat | undefined;
  readonly properties?: Readonly<Record<string, Shape>> | undefined;
  /** The properties that are always there, in alphabetical order. */
  readonly required?: readonly string[] | undefined;
  readonly additionalProperties?: Shape | undefined;
  /** 1 where there always is a property, and no single one that always is. */
  readonly minProperties?: 1 | undefined;
  /** What the elements have in common; none where all arrays are empty. */
  readonly items?: Shape | undefined;
  /** 1 if there always are some. Code that takes one list may fail at an empty one. */
  readonly minItems?: 1 | undefined;
}

/** An object with more keys has no field names, but values as keys. */
const MAX_KEYS = 64;
/** What lies deeper is not told apart. */
const MAX_DEPTH = 16;
/** A shape with more parts has objects, the largest first, whose keys are taken for values. */
const MAX_PARTS = 500;
const MAX_KEY_LENGTH = 64;
const NAME = /^[\p{L}_$][\p{L}\p{N}_$.:-]*$/u;

const ANYTHING: Shape = {};
const NOTHING: Shape = { type: [] };

type ObjectPart = Pick<Shape, 'properties' | 'required' | 'additionalProperties' | 'minProperties'>;

/** The shape of one value. The elements of an array are taken together. */
export function shapeOf(value: JsonValue): Shape {
  return withinBudget(shapeAt(value, 0));
}

function shapeAt(value: JsonValue, depth: number): Shape {
  if (depth > MAX_DEPTH) return ANYTHING;
  switch (typeof value) {
    case 'string':
      return { type: ['string'], format: formatOf(value) };
    case 'number':
      return { type: [Number.isInteger(value) ? 'integer' : 'number'] };
    case 'boolean':
      return { type: ['boolean'] };
    default:
      if (value === null) return { type: ['null'] };
      if (Array.isArray(value)) return shapeOfArray(value, depth);
      return { type: ['object'], ...shapeOfObject(Object.entries(value), depth) };
  }
}

/** Of many elements, most are like those before them. */
function shapeOfArray(elements: readonly JsonValue[], depth: number): Shape {
  if (elements.length === 0) return { type: ['array'] };
  let items = NOTHING;
  let fits = matcherOf(items);
  for (const element of elements) {
    if (fits(element)) continue;
    items = widen(items, shapeAt(element, depth + 1));
    fits = matcherOf(items);
  }
  return { type: ['array'], items, minItems: 1 };
}

function shapeOfObject(entries: readonly (readonly [string, JsonValue])[], depth: number): ObjectPart {
  const shapes = entries.map(([key, value]) => [key, shapeAt(value, depth + 1)] as const);
  const keys = entries.map(([key]) => key);
  const mayBeEmpty = keys.length === 0;
  return keys.every(isName) ? objectPart(shapes, keys, mayBeEmpty) : mapPart(shapes, mayBeEmpty);
}

/** The part of a shape that speaks of objects with these names. */
function objectPart(
  shapes: readonly (readonly [string, Shape])[],
  required: readonly string[],
  mayBeEmpty: boolean,
): ObjectPart {
  if (shapes.length > MAX_KEYS) return mapPart(shapes, mayBeEmpty);
  const sorted = shapes.toSorted(([left], [right]) => (left < right ? -1 : 1));
  const minProperties = mayBeEmpty || required.length > 0 ? undefined : 1;
  return { properties: Object.fromEntries(sorted), required: required.toSorted(), minProperties };
}

/** The part of a shape that speaks of objects whose keys are values. */
function mapPart(shapes: readonly (readonly [string, Shape])[], mayBeEmpty: boolean): ObjectPart {
  const additionalProperties = shapes.map(([, shape]) => shape).reduce(widen, NOTHING);
  return { additionalProperties, minProperties: mayBeEmpty ? undefined : 1 };
}

/** Whether a key is the name of a field, rather than a value: an id, a date, a number, an address. */
function isName(key: string): boolean {
  return key.length <= MAX_KEY_LENGTH && NAME.test(key) && formatOf(key) === undefined;
}

/** The narrowest shape that covers both, within the limits of a shape. */
export function join(left: Shape, right: Shape): Shape {
  return withinBudget(widen(left, right));
}

function widen(left: Shape, right: Shape): Shape {
  if (left.type === undefined || right.type === undefined) return ANYTHING;
  const kinds = new Set([...left.type, ...right.type]);
  if (kinds.has('number')) kinds.delete('integer');
  return {
    type: [...kinds].toSorted(),
    format: joinFormats(left, right),
    ...joinObjects(left, right),
    items:
      left.items === undefined || right.items === undefined
        ? (left.items ?? right.items)
        : widen(left.items, right.items),
    minItems: mayBeEmptyArray(left) || mayBeEmptyArray(right) || !kinds.has('array') ? undefined : 1,
  };
}

function joinFormats(left: Shape, right: Shape): StringFormat | undefined {
  if (!has(left, 'string')) return right.format;
  if (!has(right, 'string')) return left.format;
  return left.format === right.format ? left.format : undefined;
}

function joinObjects(left: Shape, right: Shape): ObjectPart {
  if (!has(left, 'object')) return objectPartOf(right);
  if (!has(right, 'object')) return objectPartOf(left);
  const mayBeEmpty = mayBeEmptyObject(left) || mayBeEmptyObject(right);
  if (left.additionalProperties !== undefined || right.additionalProperties !== undefined) {
    const additionalProperties = [...valuesOf(left), ...valuesOf(right)].reduce(widen, NOTHING);
    return { additionalProperties, minProperties: mayBeEmpty ? undefined : 1 };
  }
  const joined = new Map(Object.entries(left.properties ?? {}));
  for (const [key, shape] of Object.entries(right.properties ?? {})) {
    const known = joined.get(key);
    joined.set(key, known === undefined ? shape : widen(known, shape));
  }
  const always = new Set(right.required);
  return objectPart([...joined], left.required?.filter((key) => always.has(key)) ?? [], mayBeEmpty);
}

function objectPartOf({ properties, required, additionalProperties, minProperties }: Shape): ObjectPart {
  return { properties, required, additionalProperties, minProperties };
}

/** Whether everything that has the shape `narrow` has the shape `wide`, too. */
export function covers(wide: Shape, narrow: Shape): boolean {
  const { type } = wide;
  if (type === undefined) return true;
  if (narrow.type === undefined) return false;
  const isKnown = (kind: ShapeKind): boolean => type.includes(kind) || (kind === 'integer' && type.includes('number'));
  return (
    narrow.type.every(isKnown) &&
    (!has(narrow, 'string') || wide.format === undefined || wide.format === narrow.format) &&
    (mayBeEmptyObject(wide) || !mayBeEmptyObject(narrow)) &&
    (!has(narrow, 'object') || coversObject(wide, narrow)) &&
    (mayBeEmptyArray(wide) || !mayBeEmptyArray(narrow)) &&
    (narrow.items === undefined || (wide.items !== undefined && covers(wide.items, narrow.items)))
  );
}

function coversObject(wide: Shape, narrow: Shape): boolean {
  const { additionalProperties, properties = {}, required = [] } = wide;
  if (additionalProperties !== undefined) {
    return valuesOf(narrow).every((shape) => covers(additionalProperties, shape));
  }
  if (narrow.additionalProperties !== undefined) return false;
  const always = new Set(narrow.required);
  return (
    required.every((key) => always.has(key)) &&
    Object.entries(narrow.properties ?? {}).every(([key, shape]) => {
      const known = Object.hasOwn(properties, key) ? properties[key] : undefined;
      return known !== undefined && covers(known, shape);
    })
  );
}

function mayBeEmptyArray(shape: Shape): boolean {
  return has(shape, 'array') && shape.minItems !== 1;
}

function mayBeEmptyObject(shape: Shape): boolean {
  if (!has(shape, 'object')) return false;
  return shape.minProperties !== 1 && (shape.required ?? []).length === 0;
}

function valuesOf({ additionalProperties, properties = {} }: Shape): readonly Shape[] {
  return additionalProperties === undefined ? Object.values(properties) : [additionalProperties];
}

function has(shape: Shape, kind: ShapeKind): boolean {
  return shape.type?.includes(kind) === true;
}

/** Names that come to too many are taken for values, where there are most of them. */
function withinBudget(shape: Shape): Shape {
  let narrowed = shape;
  while (countParts(narrowed) > MAX_PARTS) {
    const most = mostNames(narrowed);
    if (most < 2) return ANYTHING;
    narrowed = withoutNames(narrowed, most);
  }
  return narrowed;
}

function partsOf(shape: Shape): readonly Shape[] {
  return shape.items === undefined ? valuesOf(shape) : [...valuesOf(shape), shape.items];
}

function countParts(shape: Shape): number {
  return partsOf(shape).reduce((sum, part) => sum + countParts(part), 1);
}

function namesIn({ properties = {} }: Shape): number {
  return Object.keys(properties).length;
}

function mostNames(shape: Shape): number {
  return partsOf(shape).reduce((most, part) => Math.max(most, mostNames(part)), namesIn(shape));
}

/** Every object with so many names becomes one whose keys are values. */
function withoutNames(shape: Shape, limit: number): Shape {
  const items = shape.items === undefined ? undefined : withoutNames(shape.items, limit);
  if (shape.properties === undefined) {
    const { additionalProperties } = shape;
    if (additionalProperties === undefined) return { ...shape, items };
    return { ...shape, additionalProperties: withoutNames(additionalProperties, limit), items };
  }
  const entries = Object.entries(shape.properties).map(([key, part]) => [key, withoutNames(part, limit)] as const);
  if (entries.length < limit) return { ...shape, properties: Object.fromEntries(entries), items };
  const { type, format, minItems } = shape;
  return { type, format, ...mapPart(entries, mayBeEmptyObject(shape)), items, minItems };
}
