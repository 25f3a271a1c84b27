import type { Shape } from './shape.ts';

const NAME = /^[\p{L}_$][\p{L}\p{N}_$]*$/u;

/** A shape as TypeScript would write it, for people: `{ sku: string; quantity: integer; note?: string }[]`. A list is one with elements, unless it says `| []`. */
export function shapeText(shape: Shape): string {
  const { type } = shape;
  if (type === undefined) return 'unknown';
  return type
    .map((kind) => {
      switch (kind) {
        case 'string':
          return shape.format ?? 'string';
        case 'array':
          return arrayText(shape);
        case 'object':
          return objectText(shape);
        default:
          return kind;
      }
    })
    .join(' | ');
}

function arrayText({ items, minItems }: Shape): string {
  if (items === undefined) return '[]';
  const text = shapeText(items);
  const list = items.type !== undefined && items.type.length > 1 ? `(${text})[]` : `${text}[]`;
  return minItems === 1 ? list : `${list} | []`;
}

function objectText({ properties = {}, required = [], additionalProperties, minProperties }: Shape): string {
  if (additionalProperties !== undefined) {
    return `{ [key]: ${shapeText(additionalProperties)} }${minProperties === 1 ? '' : ' | {}'}`;
  }
  const always = new Set(required);
  const members = Object.entries(properties).map(([key, shape]) => {
    const name = NAME.test(key) ? key : JSON.stringify(key);
    return `${name}${always.has(key) ? '' : '?'}: ${shapeText(shape)}`;
  });
  return members.length === 0 ? '{}' : `{ ${members.join('; ')} }`;
}
