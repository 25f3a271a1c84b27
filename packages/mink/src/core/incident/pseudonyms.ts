import { createHash } from 'node:crypto';
import type { JsonObject, JsonValue } from '../json.ts';

/** How to redact. */
export interface PseudonymOptions {
  /** Two incidents with the same secret can be compared; a random one is the rule. */
  readonly secret: string;
  /** Texts that stay, such as names of streams. */
  readonly known: ReadonlySet<string>;
  /** Paths of fields whose values stay, such as `currency` or `address.country`, with those below. */
  readonly keep: readonly string[];
}

const TIME = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})?)?$/u;
/** Fields in which numbers say who somebody is. */
const IDENTIFYING = /pass(?:word|phrase)|secret|token|card|iban|cvc|ssn|phone|tax/iu;
const MOST_TRIES = 100;

/**
 * Replaces texts by others of the same form: letters by letters, digits by digits, everything else stays. The same text becomes the
 * same other text throughout, and two texts never become one, so that what was equal stays equal, and most patterns still match.
 * Numbers, booleans, null, dates and names of fields stay, but for numbers in fields such as `phone` or `cardNumber`.
 *
 * What it still tells: how long texts are, and where they have spaces and signs.
 */
export class Pseudonyms {
  readonly #options: PseudonymOptions;
  readonly #byText = new Map<string, string>();
  readonly #taken = new Set<string>();

  constructor(options: PseudonymOptions) {
    this.#options = options;
  }

  value(value: JsonValue, path = ''): JsonValue {
    if (typeof value === 'string') return this.#keeps(path) ? value : this.text(value);
    if (typeof value === 'number') return IDENTIFYING.test(path) && !this.#keeps(path) ? this.#number(value) : value;
    if (typeof value !== 'object' || value === null) return value;
    if (isList(value)) return value.map((item) => this.value(item, path));
    return this.object(value, path);
  }

  object(value: JsonObject, path = ''): JsonObject {
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => [name, this.value(item, path === '' ? name : `${path}.${name}`)]),
    );
  }

  text(text: string): string {
    if (this.#options.known.has(text) || TIME.test(text)) return text;
    let pseudonym = this.#byText.get(text);
    if (pseudonym === undefined) this.#byText.set(text, (pseudonym = this.#unused(text)));
    return pseudonym;
  }

  /** Text of a program, such as an error: the values in it that were replaced elsewhere are replaced here, and all that is quoted. */
  prose(text: string): string {
    const quoted = text.replaceAll(/(?<open>["'`(=])(?<inner>[^"'`()=]+)(?<close>["'`)])/gu, (...match) => {
      const groups: unknown = match.at(-1);
      const { open, inner, close } = isQuotation(groups) ? groups : { open: '', inner: '', close: '' };
      return `${open}${this.text(inner)}${close}`;
    });
    // The longest first: one may be a part of another.
    const replaced = [...this.#byText].toSorted(([left], [right]) => right.length - left.length);
    return replaced.reduce(
      (left, [original, pseudonym]) => (original.length > 2 ? left.replaceAll(original, pseudonym) : left),
      quoted,
    );
  }

  #keeps(path: string): boolean {
    return this.#options.keep.some((kept) => path === kept || path.startsWith(`${kept}.`) || path.endsWith(`.${kept}`));
  }

  #number(value: number): number {
    const digits = this.#replace(String(value), 0);
    return Number.isFinite(Number(digits)) ? Number(digits) : 0;
  }

  #unused(text: string): string {
    let tries = 0;
    let pseudonym = this.#replace(text, tries);
    // Of one letter there are 26: then two texts may become one, which is better than telling them.
    while (tries < MOST_TRIES && (this.#taken.has(pseudonym) || (pseudonym === text && /[\p{L}\p{N}]/u.test(text)))) {
      pseudonym = this.#replace(text, (tries += 1));
    }
    this.#taken.add(pseudonym);
    return pseudonym;
  }

  #replace(text: string, attempt: number): string {
    const bytes = createHash('shake256', { outputLength: 64 })
      .update(JSON.stringify([this.#options.secret, attempt, text]))
      .digest();
    let place = 0;
    const next = (): number => {
      place += 1;
      return (bytes[place % bytes.length] ?? 0) + place;
    };
    return text.replaceAll(/\p{L}|\p{N}/gu, (sign) => {
      if (/\p{N}/u.test(sign)) return String(next() % 10);
      const isUpper = sign !== sign.toLowerCase();
      // Hexadecimal stays hexadecimal: a UUID is still one.
      const letters = HEXADECIMAL.test(text) ? 'abcdef' : 'abcdefghijklmnopqrstuvwxyz';
      const letter = letters[next() % letters.length] ?? 'x';
      return isUpper ? letter.toUpperCase() : letter;
    });
  }
}

const HEXADECIMAL = /^[\da-f-]{8,}$/iu;

function isQuotation(
  value: unknown,
): value is { readonly open: string; readonly inner: string; readonly close: string } {
  return typeof value === 'object' && value !== null && 'open' in value && 'inner' in value && 'close' in value;
}

/** `Array.isArray` does not know read-only lists. */
function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}
