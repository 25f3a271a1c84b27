/** What all strings of a shape may have in common; the names are those of JSON Schema, and `decimal`. */
export type StringFormat = 'date' | 'date-time' | 'decimal' | 'email' | 'uri' | 'uuid';

const UUID = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/iu;
const UUID_LENGTH = 36;
const DECIMAL = /^-?\d+(?:\.\d+)?$/u;
const DATE = /^\d{4}-\d\d-\d\d$/u;
const DATE_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)$/u;
const EMAIL = /^[^\s@]+@[^\s@]+\.[^\s@]+$/u;
const URI = /^[a-z][\w+.-]*:\/\/\S+$/iu;
const LONGEST = 320;

/** The format of one string. Cheap for what has none: it is asked for every string that is appended. */
export function formatOf(text: string): StringFormat | undefined {
  const { length } = text;
  if (length === 0 || length > LONGEST) return undefined;
  if (length === UUID_LENGTH && UUID.test(text)) return 'uuid';
  const first = text.charCodeAt(0);
  if (first === MINUS || (first >= ZERO && first <= NINE)) return numericFormat(text);
  if (text.includes('@')) return EMAIL.test(text) ? 'email' : undefined;
  return text.includes('://') && URI.test(text) ? 'uri' : undefined;
}

const MINUS = 45;
const ZERO = 48;
const NINE = 57;

function numericFormat(text: string): StringFormat | undefined {
  if (DECIMAL.test(text)) return 'decimal';
  if (DATE.test(text)) return 'date';
  if (DATE_TIME.test(text)) return 'date-time';
  return EMAIL.test(text) ? 'email' : undefined;
}
