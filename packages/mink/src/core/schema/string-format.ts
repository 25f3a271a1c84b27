/** What all strings of a shape may have in common; the names are those of JSON Schema, and `decimal`. */
export type StringFormat = 'date' | 'date-time' | 'decimal' | 'email' | 'uri' | 'uuid';

const UUID = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/iu;
const UUID_LENGTH = 36;
const DECIMAL = /^-?\d+(?:\.\d+)?$/u;
const DATE = /^\d{4}-\d\d-\d\d$/u;
const DATE_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)$/u;
const URI = /^[a-z][\w+.-]*:\/\/\S+$/iu;
const LONGEST = 320;
const SPACE = /\s/u;

/** The format of one string. Cheap for what has none, and for whatever somebody sends: it is asked for every string. */
export function formatOf(text: string): StringFormat | undefined {
  const { length } = text;
  if (length === 0 || length > LONGEST) return undefined;
  if (length === UUID_LENGTH && UUID.test(text)) return 'uuid';
  const first = text.charCodeAt(0);
  if (first === MINUS || (first >= ZERO && first <= NINE)) return numericFormat(text) ?? emailFormat(text);
  return text.includes('://') && URI.test(text) ? 'uri' : emailFormat(text);
}

const MINUS = 45;
const ZERO = 48;
const NINE = 57;

function numericFormat(text: string): StringFormat | undefined {
  if (DECIMAL.test(text)) return 'decimal';
  if (DATE.test(text)) return 'date';
  return DATE_TIME.test(text) ? 'date-time' : undefined;
}

/** One `@`, and behind it a dot that is neither first nor last. */
function emailFormat(text: string): 'email' | undefined {
  const at = text.indexOf('@');
  if (at < 1 || text.includes('@', at + 1) || SPACE.test(text)) return undefined;
  const dot = text.indexOf('.', at + 2);
  return dot > 0 && dot < text.length - 1 ? 'email' : undefined;
}
