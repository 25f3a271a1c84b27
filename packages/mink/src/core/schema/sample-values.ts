import type { JsonValue } from '../json.ts';
import type { Shape, ShapeKind } from './shape.ts';
import type { StringFormat } from './string-format.ts';

/** A shape with more parts than that is not tried in all of its forms. */
const MAX_SAMPLES = 64;

const TEXTS: Readonly<Record<StringFormat, string>> = {
  date: '2026-01-31',
  'date-time': '2026-01-31T10:00:00.000Z',
  decimal: '1',
  email: 'someone@example.com',
  uri: 'https://example.com/',
  uuid: '00000000-0000-4000-8000-000000000000',
};

/**
 * Values of a shape, always the same ones. The first has everything that the shape allows; each of the others differs in one
 * thing: the fields that are not always there are missing, or a part has another of its kinds.
 */
export function samplesOf(shape: Shape): readonly JsonValue[] {
  const samples = variantsOf(shape).map((value) => [JSON.stringify(value), value] as const);
  return [...new Map(samples).values()].slice(0, MAX_SAMPLES);
}

function variantsOf(shape: Shape): readonly JsonValue[] {
  if (shape.type === undefined) return [null];
  // Null is the least telling kind.
  return shape.type
    .toSorted((left, right) => Number(left === 'null') - Number(right === 'null'))
    .flatMap((kind) => variantsOfKind(kind, shape))
    .slice(0, MAX_SAMPLES);
}

function variantsOfKind(kind: ShapeKind, shape: Shape): readonly JsonValue[] {
  switch (kind) {
    case 'array':
      return [
        ...(shape.items === undefined ? [] : variantsOf(shape.items).map((item) => [item])),
        ...(shape.minItems === 1 ? [] : [[]]),
      ];
    case 'boolean':
      return [true];
    case 'integer':
      return [1];
    case 'null':
      return [null];
    case 'number':
      return [1.5];
    case 'object':
      return variantsOfObject(shape);
    case 'string':
      return [shape.format === undefined ? 'text' : TEXTS[shape.format]];
  }
}

function variantsOfObject(shape: Shape): readonly JsonValue[] {
  const { properties = {}, required = [], additionalProperties, minProperties } = shape;
  if (additionalProperties !== undefined) {
    const some = variantsOf(additionalProperties).map((value) => ({ key: value }));
    return minProperties === 1 ? some : [...some, {}];
  }
  const fields = Object.entries(properties).map(([key, part]) => ({ key, variants: variantsOf(part) }));
  const whole = new Map(fields.map(({ key, variants: [first = null] }) => [key, first]));
  const always = new Set(required);
  const least = new Map([...whole].filter(([key]) => always.has(key)));
  const others = fields.flatMap(({ key, variants }) =>
    variants.slice(1).map((value) => new Map(whole).set(key, value)),
  );
  const all = minProperties === 1 && least.size === 0 ? [whole, ...others] : [whole, least, ...others];
  return all.map((members) => Object.fromEntries(members));
}
