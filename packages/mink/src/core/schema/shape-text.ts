import type { Shape } from './shape.ts';

const NAME = /^[\p{L}_$][\p{L}\p{N}_$]*$/u;

/** A shape as TypeScript would write it, for people: `{ sku: string; quantity: integer; note?: string }[]`. */
export function shapeText(shape: Shape): string {
  const { type } = shape;
  if (type === undefined) return 'unknown';
  return type
    .map((kind) => {
      switch (kind) {
        case 'string':
          return shape.format ?? 'string';
        case 'array':
          return arrayText(shape.items);
        case 'object':
          return objectText(shape);
        default:
          return kind;
      }
    })
    .join(' | ');
}

function arrayText(items: Shape | undefined): string {
  if (items === undefined) return 'never[]';
  const text = shapeText(items);
  return items.type !== undefined && items.type.length > 1 ? `(${text})[]` : `${text}[]`;
}

function objectText({ properties = {}, required = [], additionalProperties }: Shape): string {
  if (additionalProperties !== undefined) return `{ [key]: ${shapeText(additionalProperties)} }`;
  const always = new Set(required);
  const members = Object.entries(properties).map(([key, shape]) => {
    const name = NAME.test(key) ? key : JSON.stringify(key);
    return `${name}${always.has(key) ? '' : '?'}: ${shapeText(shape)}`;
  });
  return members.length === 0 ? '{}' : `{ ${members.join('; ')} }`;
}
