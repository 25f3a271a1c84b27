import { MinkError } from 'mink';
import type { PayloadAccess, Problem } from '../api-types.ts';
import { maskText } from '../payloads/mask.ts';

/** A request that is answered with a status above 400. Its message is shown as it is: it holds nothing that was not asked for. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  readonly count: number | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    code: string,
    message: string,
    more: { readonly count?: number; readonly headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.count = more.count;
    this.headers = more.headers ?? {};
  }
}

/** Errors of mink whose messages say what to do, and that are no failure of the server. */
const STATUS: Readonly<Record<string, number>> = {
  INVALID_ARGUMENT: 400,
  INVALID_STREAM_NAME: 400,
  STREAM_NOT_FOUND: 404,
  PROJECTION_VERSION_UNKNOWN: 404,
  LIVE_VERSION: 409,
  PROJECTION_BUILD: 409,
  PROJECTION_FAILED: 409,
  PROJECTION_IN_USE: 409,
  PROJECTION_PARKED: 409,
  PROJECTION_RETIRED: 409,
  PROJECTION_VERSION_BEHIND: 409,
  PROJECTION_BEHIND: 409,
  PROJECTION_NAME_TAKEN: 409,
  READ_MODEL_CHANGED: 409,
  COMPARE_TIMEOUT: 409,
  HANDLER_TIMEOUT: 409,
  DELIVERY_TIMEOUT: 409,
  KEY_BEING_RETRIED: 409,
  KEY_PARKED: 409,
  LOG_REWOUND: 409,
  UNKNOWN_EVENT_TYPE: 422,
  INVALID_EVENT_DATA: 422,
  UPCAST_FAILED: 422,
  EVOLVE_FAILED: 422,
};
/** Messages of these hold names and numbers only: nothing that somebody has put into an event, and no error of a handler. */
const PLAIN: ReadonlySet<string> = new Set([
  'INVALID_ARGUMENT',
  'INVALID_STREAM_NAME',
  'STREAM_NOT_FOUND',
  'PROJECTION_VERSION_UNKNOWN',
  'LIVE_VERSION',
  'PROJECTION_IN_USE',
  'PROJECTION_RETIRED',
  'PROJECTION_VERSION_BEHIND',
  'PROJECTION_NAME_TAKEN',
  'READ_MODEL_CHANGED',
  'COMPARE_TIMEOUT',
  'HANDLER_TIMEOUT',
  'DELIVERY_TIMEOUT',
  'LOG_REWOUND',
  'UNKNOWN_EVENT_TYPE',
]);

/** What a failure is to whoever asked: nothing of a stack, of SQL or of a connection is in it. */
export interface Failure {
  readonly status: number;
  readonly problem: Problem;
  readonly headers: Readonly<Record<string, string>>;
  /** Whoever runs the server has to hear of it, because the answer does not say what it was. */
  readonly isUnexpected: boolean;
}

/** The answer to an error, as far as somebody may see it. */
export function toFailure(error: unknown, access: PayloadAccess): Failure {
  if (error instanceof Refusal) {
    const { status, code, message, count, headers } = error;
    const problem = count === undefined ? { code, message } : { code, message, count };
    return { status, problem, headers, isUnexpected: false };
  }
  const known = knownOf(error);
  const status = STATUS[known?.code ?? ''];
  if (known !== undefined && status !== undefined) {
    const { code, message } = known;
    const text = PLAIN.has(code) ? message : showText(message, access);
    return { status, problem: { code, message: text }, headers: {}, isUnexpected: false };
  }
  if (known !== undefined && AWAY.has(known.code)) {
    const message = 'The database does not answer. Try again; "mink doctor" says more.';
    return { status: 503, problem: { code: 'DATABASE_UNAVAILABLE', message }, headers: {}, isUnexpected: true };
  }
  const message = 'Something has failed here that should not have. The log of the console says what.';
  return { status: 500, problem: { code: 'INTERNAL', message }, headers: {}, isUnexpected: true };
}

const AWAY: ReadonlySet<string> = new Set(['DATABASE_UNAVAILABLE', 'STORE_CLOSED']);

/** By class, or by shape: the application may come with a mink of its own, whose classes are not ours. */
function knownOf(error: unknown): { readonly code: string; readonly message: string } | undefined {
  if (error instanceof MinkError) return error;
  if (!(error instanceof Error) || !('docs' in error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? { code: error.code, message: error.message } : undefined;
}

/** A text of a handler or a database, which may hold values, as far as somebody may see it. */
export function showText(text: string, access: PayloadAccess): string {
  if (access === 'full') return text;
  return access === 'none' ? '(hidden)' : maskText(text);
}
