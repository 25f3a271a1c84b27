import { typed } from '../typed.ts';

/** Kinds of zod schemas that hold no other schema, and return what they accept. */
const LEAVES = new Set(['string', 'number', 'boolean', 'null', 'literal', 'enum', 'any', 'unknown', 'never']);

/** What mink knows of a zod schema's definition (`_zod.def`, which zod keeps stable for libraries). */
interface Definition {
  readonly type?: unknown;
  readonly shape?: Readonly<Record<string, unknown>>;
  readonly [part: string]: unknown;
}

/**
 * Whether a zod schema only looks: nothing in it has another stored form, a default, or a transformation, so that what it
 * accepts is stored as it is. Everything that is not known here counts as doing more.
 */
export function looksOnly(schema: unknown): boolean {
  const definition = definitionOf(schema);
  if (definition === undefined) return false;
  const { type } = definition;
  if (typeof type !== 'string') return false;
  return LEAVES.has(type) || (partsOf(type, definition)?.every(looksOnly) ?? false);
}

/** The schemas inside a schema; undefined for kinds that may do more than look. */
function partsOf(type: string, { shape, ...definition }: Definition): readonly unknown[] | undefined {
  const present = (...names: readonly string[]): readonly unknown[] =>
    names.flatMap((name) => definition[name] ?? []).filter((part) => part !== null);
  switch (type) {
    case 'object':
      return [...Object.values(shape ?? {}), ...present('catchall')];
    case 'array':
      return present('element');
    case 'tuple':
      return present('items', 'rest');
    case 'record':
      return present('keyType', 'valueType');
    case 'union':
      return present('options');
    case 'optional':
    case 'nullable':
    case 'nonoptional':
    case 'readonly':
      return present('innerType');
    default:
      return undefined;
  }
}

function definitionOf(schema: unknown): Definition | undefined {
  if (typeof schema !== 'object' || schema === null || !('_zod' in schema)) return undefined;
  const internals = schema._zod;
  if (typeof internals !== 'object' || internals === null || !('def' in internals)) return undefined;
  return typeof internals.def === 'object' && internals.def !== null ? typed<Definition>(internals.def) : undefined;
}
