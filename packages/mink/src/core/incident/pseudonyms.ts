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
/** Fields in which numbers and days say who somebody is. */
const IDENTIFYING = /pass(?:word|phrase)|secret|token|card|iban|cvc|ssn|phone|mobile|tax|birth|born|dob/iu;
/** What people call fields: anything else that stands for a name is a value, such as an address of mail. */
const FIELD = /^(?:[\p{ID_Start}$_][\p{ID_Continue}$]*(?:[ -][\p{ID_Start}$_][\p{ID_Continue}$]*)*|\d+)$/u;
const WORD = /[\p{L}\p{N}]{3,}/gu;
const QUOTED = /(?<open>["'`(=])(?<inner>[^"'`()=]+)(?<close>["'`)])/u.source;
/** What means something in a pattern. */
const SIGN = /[\\^$.*+?()[\]{}|/]/gu;
const DAY = 86_400_000;
/** Days that a date in an identifying field may become: of a hundred years. */
const MOST_DAYS = 36_525;
const MOST_TRIES = 100;

/**
 * Replaces texts by others of the same form: letters by letters, digits by digits, everything else stays. The same text becomes the
 * same other text throughout, and two texts never become one, so that what was equal stays equal, and most patterns still match.
 * Numbers, booleans, null, dates and names of fields stay, but for numbers and dates in fields such as `phone` or `birthDate`, and names
 * that are values, such as addresses of mail in a map.
 *
 * What it still tells: how long texts are, and where they have spaces and signs.
 */
export class Pseudonyms {
  readonly #options: PseudonymOptions;
  readonly #byText = new Map<string, string>();
  readonly #taken = new Set<string>();
  /** Of what was replaced, in small letters. */
  readonly #words = new Set<string>();
  /** Of what stays. */
  #harmless: ReadonlySet<string> | undefined;

  constructor(options: PseudonymOptions) {
    this.#options = options;
  }

  value(value: JsonValue, path = ''): JsonValue {
    if (typeof value === 'string' || typeof value === 'number')
      return this.#keeps(path) ? value : this.#single(value, path);
    if (typeof value !== 'object' || value === null) return value;
    if (isList(value)) return value.map((item) => this.value(item, path));
    return this.object(value, path);
  }

  object(value: JsonObject, path = ''): JsonObject {
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => {
        const inner = path === '' ? name : `${path}.${name}`;
        const isField = FIELD.test(name) || this.#keeps(inner);
        return [isField ? name : this.text(name), this.value(item, inner)];
      }),
    );
  }

  #single(value: string | number, path: string): string | number {
    const isIdentifying = IDENTIFYING.test(path);
    if (typeof value === 'number') return isIdentifying ? this.#number(value) : value;
    return isIdentifying && TIME.test(value) ? this.#date(value) : this.text(value);
  }

  text(text: string): string {
    const pseudonym = this.#of(text);
    if (pseudonym !== text) for (const word of wordsOf(text)) this.#words.add(word);
    return pseudonym;
  }

  /**
   * Text of a program, such as an error. The values in it that were replaced elsewhere are replaced here, also the words of them,
   * however they are written; and all that is quoted.
   */
  prose(text: string): string {
    // The longest first: one may be a part of another. In one pass: what stands for one may look like another.
    const originals = Array.from(this.#byText.keys())
      .filter((original) => original.length > 2 && text.includes(original))
      .toSorted((left, right) => right.length - left.length);
    const parts = [QUOTED, ...originals.map((original) => original.replaceAll(SIGN, String.raw`\$&`)), WORD.source];
    return text.replaceAll(new RegExp(parts.join('|'), 'gu'), (part, ...match) => {
      const groups: unknown = match.at(-1);
      if (isQuotation(groups)) return `${groups.open}${this.#of(groups.inner)}${groups.close}`;
      if (this.#byText.has(part) || this.#isSecret(part)) return this.#of(part);
      return originals.reduce((left, original) => left.replaceAll(original, this.#of(original)), part);
    });
  }

  #of(text: string): string {
    if (this.#options.known.has(text) || TIME.test(text)) return this.#byText.get(text) ?? text;
    let pseudonym = this.#byText.get(text);
    if (pseudonym === undefined) this.#byText.set(text, (pseudonym = this.#unused(text)));
    return pseudonym;
  }

  /** A word of something that was replaced, and of nothing that is no secret. */
  #isSecret(word: string): boolean {
    const [small = ''] = wordsOf(word);
    this.#harmless ??= new Set(Array.from(this.#options.known).flatMap(wordsOf));
    return this.#words.has(small) && !this.#harmless.has(small);
  }

  #keeps(path: string): boolean {
    return this.#options.keep.some((kept) => path === kept || path.startsWith(`${kept}.`) || path.endsWith(`.${kept}`));
  }

  #number(value: number): number {
    const digits = Number(this.#replace(String(value), 0));
    const number = Number.isFinite(digits) ? digits : 0;
    // Errors may tell it.
    this.#byText.set(String(value), String(number));
    return number;
  }

  /** Another day; the time of it stays. */
  #date(text: string): string {
    const days = this.#bytes(text, 0).readUInt32BE() % MOST_DAYS;
    const date = new Date(days * DAY - (MOST_DAYS / 2) * DAY).toISOString().slice(0, 10) + text.slice(10);
    this.#byText.set(text, date);
    this.#byText.set(text.slice(0, 10), date.slice(0, 10));
    return date;
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
    const bytes = this.#bytes(text, attempt);
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

  #bytes(text: string, attempt: number): Buffer {
    return createHash('shake256', { outputLength: 64 })
      .update(JSON.stringify([this.#options.secret, attempt, text]))
      .digest();
  }
}

/** In small letters. */
function wordsOf(text: string): readonly string[] {
  return text.toLowerCase().match(WORD) ?? [];
}

const HEXADECIMAL = /^[\da-f-]{8,}$/iu;

/** What has matched as quoted: in any other match its groups are undefined. */
function isQuotation(
  value: unknown,
): value is { readonly open: string; readonly inner: string; readonly close: string } {
  return typeof value === 'object' && value !== null && 'inner' in value && typeof value.inner === 'string';
}

/** `Array.isArray` does not know read-only lists. */
function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}
