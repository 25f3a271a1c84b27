import { hash as digest } from 'node:crypto';
import { InvalidStreamNameError } from './errors.ts';

const MAX_LENGTH = 512;
/** Slots of keys. */
export const PARTITIONS = 1024;
const SEPARATOR = '-';

/** The stream of one entity: `streamName('Order', '42')` is `Order-42`. */
export function streamName<const Category extends string>(category: Category, id: string): `${Category}-${string}` {
  const name: `${Category}-${string}` = `${category}-${id}`;
  if (category.includes(SEPARATOR)) throw new InvalidStreamNameError(name, `the category "${category}" contains "-"`);
  parseStreamName(name);
  return name;
}

/** The category of a valid stream name: the text before its first `-`. Throws {@link InvalidStreamNameError}. */
export function parseStreamName(name: string): { readonly category: string; readonly id: string } {
  if (typeof name !== 'string' || name === '') throw new InvalidStreamNameError(String(name), 'it is empty');
  if (name.length > MAX_LENGTH) throw new InvalidStreamNameError(name, `it is longer than ${MAX_LENGTH} characters`);
  const separator = name.indexOf(SEPARATOR);
  if (separator === -1) throw new InvalidStreamNameError(name, 'it has no "-"');
  if (separator === 0) throw new InvalidStreamNameError(name, 'its category is empty');
  if (separator === name.length - 1) throw new InvalidStreamNameError(name, 'its id is empty');
  const problem = textProblem(name);
  if (problem !== undefined) throw new InvalidStreamNameError(name, problem);
  return { category: name.slice(0, separator), id: name.slice(separator + 1) };
}

/** What keeps `text` from being stored as text without change: control characters and half surrogate pairs. */
export function textProblem(text: string): string | undefined {
  // Code units, because nearly every text is clean, and this is asked for every append.
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit < 0x20 || unit === 0x7f || isSurrogate(unit)) return problemOf(text);
  }
  return undefined;
}

function problemOf(text: string): string | undefined {
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x20 || code === 0x7f) return `it contains the control character U+${hex(code)}`;
    if (isSurrogate(code)) return `it contains half a surrogate pair, U+${hex(code)}`;
  }
  return undefined;
}

function isSurrogate(code: number): boolean {
  return code >= 0xd800 && code <= 0xdfff;
}

function hex(code: number): string {
  return code.toString(16).toUpperCase().padStart(4, '0');
}

/**
 * The partition (0 to 1023) of a stream: the first two bytes of sha256(utf8(name)), modulo 1024. It is part of the
 * stored format and never changes.
 */
export function partitionKey(name: string): number {
  return Number.parseInt(digest('sha256', name, 'hex').slice(0, 4), 16) % PARTITIONS;
}
