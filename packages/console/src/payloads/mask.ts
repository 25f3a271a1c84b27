import type { JsonValue } from 'mink';

/** JSON with its names and kinds, and none of its values. */
export function mask(value: JsonValue): JsonValue {
  if (value === null) return null;
  // What stands for a value is its kind.
  if (typeof value !== 'object') return `‹${typeof value}›`;
  if (Array.isArray(value)) return value.map((item: JsonValue) => mask(item));
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, mask(item)]));
}

const HIDDEN = '•••';
const QUOTED = /"(?:[^"\\]|\\.)*"?|`[^`]*`?|“[^”]*”?|(?<![\p{L}\p{N}])'[^']*'?/gsu;
const BRACKETED = /\([^()]*\)?|\{[^{}]*\}?|\[[^[\]]*\]?/gu;
/** A word as people write them, or the code of an error. */
const WORD = /^(?:\p{L}{1,24}(?:[’'-]\p{L}{1,24})*|[A-Z][A-Z_]{1,40})[.,:;!?]*$/u;
const SIGNS = /^[^\p{L}\p{N}]{1,3}$/u;

/**
 * A text of an error without what may be values in it: what is quoted or in brackets, and whatever has digits or signs in it. Plain
 * words stay, so that one can see what has happened; a handler that throws values quotes them.
 */
export function maskText(text: string): string {
  const bare = text.replaceAll(QUOTED, ` ${HIDDEN} `).replaceAll(BRACKETED, ` ${HIDDEN} `);
  const words = bare.split(/\s+/u).filter((word) => word !== '');
  const shown = words.map((word) => (WORD.test(word) || SIGNS.test(word) ? word : HIDDEN));
  return shown.filter((word, index) => word !== HIDDEN || shown[index - 1] !== HIDDEN).join(' ');
}
