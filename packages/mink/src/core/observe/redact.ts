import { InvalidMessageError } from '../command-errors.ts';
import { errorCodeOf } from '../commands/middleware/outcome.ts';
import { InvalidEventDataError, UniqueValueTakenError } from '../errors.ts';

/** What a text of a log line is: of an error, or the name of a stream, or the part of it behind its category. */
export type LoggedField = 'error' | 'stream_id' | 'aggregate_id';

/** Takes out of a text what is not for logs. */
export type Redact = (text: string, field: LoggedField) => string;

/** What stands for what was taken out. */
const GONE = '***';

/** Where a value begins in what PostgreSQL says, and where it ends. */
interface QuotedValue {
  /** One after the other. */
  readonly opens: readonly RegExp[];
  readonly end: string;
  /** What the character behind its end is; nothing at the end of the text. */
  readonly behind?: RegExp;
}

const VALUES: readonly QuotedValue[] = [
  // Key (email)=(ann@example.com) already exists.
  { opens: [/\bKey \(/u, /\)=\(/u], end: ')' },
  { opens: [/\bFailing row contains \(/u], end: ')' },
  // invalid input syntax for type integer: "abc"
  { opens: [/(?:: |\b(?:at or near|value|Token) )"/u], end: '"' },
  { opens: [/(?<=^|[\s(=])'/u], end: "'", behind: /^$|[\s.,;)]/u },
];

/**
 * The default of `redact`: takes passwords out of connection strings, and values out of what PostgreSQL says of keys, rows and input
 * that it refuses. Texts of your own errors stay as you have written them.
 *
 * @example
 * logObserver(pino(), { redact: (text, field) => (field === 'stream_id' ? hash(text) : redactSecrets(text)) });
 */
export function redactSecrets(text: string): string {
  const left = text
    .replaceAll(/[^\s"]+/gu, withoutUserInfo)
    .replaceAll(/((?:ssl)?password\s*=\s*)(?:'(?:[^'\\]|\\.)*'|[^\s"&;]+)/giu, `$1${GONE}`);
  return VALUES.reduce(withoutValue, left);
}

/** A URL without who has signed in; it loses too much rather than too little. */
function withoutUserInfo(word: string): string {
  const end = word.lastIndexOf('@') + 1;
  return end === 0 ? word : word.slice(0, end).replaceAll(/(:\/\/)[^/@:]*(?::.*)?@/gu, `$1${GONE}@`) + word.slice(end);
}

/**
 * From the first beginning to the last end: a value may hold both itself. Each is looked for once, and not anew from every beginning:
 * texts hold what users have sent, and may be long.
 */
function withoutValue(text: string, { opens, end, behind }: QuotedValue): string {
  let from = 0;
  for (const open of opens) {
    const found = open.exec(text.slice(from));
    if (found === null) return text;
    from += found.index + found[0].length;
  }
  let last = text.lastIndexOf(end);
  while (last >= from && behind?.test(text.charAt(last + 1)) === false) last = text.lastIndexOf(end, last - 1);
  return last < from ? text : text.slice(0, from) + GONE + text.slice(last);
}

/** An id as it is logged: as it is, unless somebody says otherwise. It is in the line of every append. */
export function loggedId(redact: Redact | undefined, id: string, field: Exclude<LoggedField, 'error'>): string {
  return redact === undefined ? id : redacted(redact, id, field);
}

/** The same text without what is not for logs; nothing of it where that cannot be told. */
function redacted(redact: Redact, text: string, field: LoggedField): string {
  try {
    return redact(text, field);
  } catch {
    return GONE;
  }
}

const MOST_CAUSES = 5;

/**
 * An error as it may be logged: its name, code, message, frames and causes, without any field of its own, such as the row that a
 * database has refused.
 */
export function redactedError(error: unknown, redact: Redact = redactSecrets, depth = 0): Error | string {
  const message = redactedMessage(error, redact);
  if (!(error instanceof Error)) return message;
  const { cause, name } = error;
  const hasCause = cause !== undefined && depth < MOST_CAUSES;
  const told = new Error(message, hasCause ? { cause: redactedError(cause, redact, depth + 1) } : undefined);
  told.stack = [`${name}: ${message}`, ...framesOf(error)].join('\n');
  return Object.assign(told, { name, code: errorCodeOf(error) });
}

/** The lines of a stack behind its message, which may have lines that look like them. */
function framesOf({ stack = '', message }: Error): readonly string[] {
  const at = stack.indexOf(message);
  const behind = at === -1 ? '' : stack.slice(at + message.length);
  return behind.split('\n').filter((line) => /^\s+at /u.test(line));
}

/** What an error says, as it may be logged. */
export function redactedMessage(error: unknown, redact: Redact = redactSecrets): string {
  if (error instanceof Error) return messageFor(error, redact);
  // An object may hold anything.
  return typeof error === 'string' ? redacted(redact, error, 'error') : typeof error;
}

/** What validators say of data may hold it: where it is wrong is enough. So may a value that somebody else has. */
function messageFor(error: Error, redact: Redact): string {
  if (error instanceof InvalidMessageError || error instanceof InvalidEventDataError) {
    const what = error instanceof InvalidMessageError ? error.messageType : error.eventType;
    const paths = error.issues.map(({ path }) => (path === '' ? 'as a whole' : path));
    return redacted(redact, `"${what}" has invalid data: ${paths.join(', ')}`, 'error');
  }
  const { message } = error;
  const own = error instanceof UniqueValueTakenError ? message.replaceAll(JSON.stringify(error.value), GONE) : message;
  return redacted(redact, own, 'error');
}
