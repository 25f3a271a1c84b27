import { z } from 'zod';
import { isClean } from './parameters.ts';
import { Refusal } from './problem.ts';

const parts = z
  .array(z.union([z.string().max(1_000).refine(isClean), z.number().int().min(0).max(Number.MAX_SAFE_INTEGER)]))
  .max(4);

/** Where a page ends, as text for whoever asks for the next one. */
export function toCursor(values: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(values)).toString('base64url');
}

/** What {@link toCursor} was given, of the kinds that are wanted. */
export function fromCursor<const Kinds extends readonly ('string' | 'number')[]>(
  cursor: string,
  kinds: Kinds,
): { readonly [I in keyof Kinds]: Kinds[I] extends 'string' ? string : number } {
  const values = parse(cursor);
  if (!isOf(values, kinds)) throw new Refusal(400, 'BAD_QUERY', '"after" is none that this gave.');
  return values;
}

function isOf<const Kinds extends readonly ('string' | 'number')[]>(
  values: readonly (string | number)[] | undefined,
  kinds: Kinds,
): values is readonly (string | number)[] & {
  readonly [I in keyof Kinds]: Kinds[I] extends 'string' ? string : number;
} {
  return values?.length === kinds.length && values.every((value, index) => typeof value === kinds[index]);
}

function parse(cursor: string): readonly (string | number)[] | undefined {
  try {
    return parts.safeParse(JSON.parse(Buffer.from(cursor, 'base64url').toString())).data;
  } catch {
    return undefined;
  }
}
