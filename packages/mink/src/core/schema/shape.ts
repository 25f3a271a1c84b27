import type { JsonValue } from '../json.ts';
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
  /** What the elements have in common; none where all arrays are empty. */
  readonly items?: Shape | undefined;
}

/** An object with more keys has no field names, but values as keys. */
const MAX_KEYS = 64;
/** What lies deeper is not told apart. */
const MAX_DEPTH = 16;
const MAX_KEY_LENGTH = 64;
const NAME = /^[\p{L}_$][\p{L}\p{N}_$.:-]*$/u;

const ANYTHING: Shape = {};

type ObjectPart = Pick<Shape, 'properties' | 'required' | 'additionalProperties'>;

/** The shape of one value. The elements of an array are taken together. */
export function shapeOf(value: JsonValue, depth = 0): Shape {
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
      return Array.isArray(value) ? shapeOfArray(value, depth) : shapeOfObject(Object.entries(value), depth);
  }
}

function shapeOfArray(elements: readonly JsonValue[], depth: number): Shape {
  return { type: ['array'], items: joinAll(elements.map((element) => shapeOf(element, depth + 1))) };
}

function shapeOfObject(entries: readonly (readonly [string, JsonValue])[], depth: number): Shape {
  const shapes = entries.map(([key, value]) => [key, shapeOf(value, depth + 1)] as const);
  return {
    type: ['object'],
    ...objectPart(
      shapes,
      entries.map(([key]) => key),
    ),
  };
}

/** The part of a shape that speaks of objects with these keys. */
function objectPart(shapes: readonly (readonly [string, Shape])[], required: readonly string[]): ObjectPart {
  if (shapes.length > MAX_KEYS || !shapes.every(([key]) => isName(key))) {
    return { additionalProperties: joinAll(shapes.map(([, shape]) => shape)) ?? ANYTHING };
  }
  const sorted = shapes.toSorted(([left], [right]) => (left < right ? -1 : 1));
  return { properties: Object.fromEntries(sorted), required: required.toSorted() };
}

/** Whether a key is the name of a field, rather than a value: an id, a date, a number, an address. */
export function isName(key: string): boolean {
  return key.length <= MAX_KEY_LENGTH && NAME.test(key) && formatOf(key) === undefined;
}

/** The narrowest shape that covers both. */
export function join(left: Shape, right: Shape): Shape {
  if (left.type === undefined || right.type === undefined) return ANYTHING;
  const kinds = new Set([...left.type, ...right.type]);
  if (kinds.has('number')) kinds.delete('integer');
  return {
    type: [...kinds].toSorted(),
    format: joinFormats(left, right),
    ...joinObjects(left, right),
    items: joinAll([left.items, right.items].filter((items) => items !== undefined)),
  };
}

function joinAll(shapes: readonly Shape[]): Shape | undefined {
  const [first, ...others] = shapes;
  return first === undefined ? undefined : others.reduce(join, first);
}

function joinFormats(left: Shape, right: Shape): StringFormat | undefined {
  if (!has(left, 'string')) return right.format;
  if (!has(right, 'string')) return left.format;
  return left.format === right.format ? left.format : undefined;
}

function joinObjects(left: Shape, right: Shape): ObjectPart {
  if (!has(left, 'object')) return objectPartOf(right);
  if (!has(right, 'object')) return objectPartOf(left);
  if (left.additionalProperties !== undefined || right.additionalProperties !== undefined) {
    return { additionalProperties: joinAll([...valuesOf(left), ...valuesOf(right)]) ?? ANYTHING };
  }
  const joined = new Map(Object.entries(left.properties ?? {}));
  for (const [key, shape] of Object.entries(right.properties ?? {})) {
    const known = joined.get(key);
    joined.set(key, known === undefined ? shape : join(known, shape));
  }
  const always = new Set(right.required);
  return objectPart([...joined], left.required?.filter((key) => always.has(key)) ?? []);
}

function objectPartOf({ properties, required, additionalProperties }: Shape): ObjectPart {
  return { properties, required, additionalProperties };
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
    (!has(narrow, 'object') || coversObject(wide, narrow)) &&
    (narrow.items === undefined || (wide.items !== undefined && covers(wide.items, narrow.items)))
  );
}

function coversObject(wide: Shape, narrow: Shape): boolean {
  const { additionalProperties, properties = {}, required = [] } = wide;
  if (additionalProperties !== undefined) return valuesOf(narrow).every((shape) => covers(additionalProperties, shape));
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

function valuesOf({ additionalProperties, properties = {} }: Shape): readonly Shape[] {
  return additionalProperties === undefined ? Object.values(properties) : [additionalProperties];
}

function has(shape: Shape, kind: ShapeKind): boolean {
  return shape.type?.includes(kind) === true;
}
