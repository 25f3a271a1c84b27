import type { Issue } from 'mink';
import type { OrderErrorCode } from '../order-errors.ts';

type RequestErrorCode =
  | 'BODY_TOO_LARGE'
  | 'INVALID_BODY'
  | 'INVALID_IDEMPOTENCY_KEY'
  | 'INVALID_IF_MATCH'
  | 'INVALID_QUERY'
  | 'INVALID_TOKEN'
  | 'MALFORMED_JSON'
  | 'METHOD_NOT_ALLOWED'
  | 'ROUTE_NOT_FOUND';

type StoreErrorCode =
  | 'APPEND_OUTCOME_UNKNOWN'
  | 'CONCURRENCY_CONFLICT'
  | 'DATABASE_UNAVAILABLE'
  | 'IDEMPOTENCY_KEY_REUSED'
  | 'INLINE_SET_CHANGED'
  | 'INTERNAL_ERROR'
  | 'KEY_PARKED'
  | 'LOG_REWOUND'
  | 'NOT_AUTHORIZED'
  | 'PROJECTION_BEHIND'
  | 'REFERENCE_TAKEN'
  | 'TIMEOUT';

/** Every code this service answers with. */
export type ProblemCode = OrderErrorCode | RequestErrorCode | StoreErrorCode;

/** The status and the title of each code. An order error that is missing here does not compile. */
const problemTypes = {
  APPEND_OUTCOME_UNKNOWN: { status: 503, title: 'It is unknown whether this was recorded' },
  BODY_TOO_LARGE: { status: 413, title: 'The body is too large' },
  CONCURRENCY_CONFLICT: { status: 409, title: 'The order has changed meanwhile' },
  DATABASE_UNAVAILABLE: { status: 503, title: 'The database is unavailable' },
  IDEMPOTENCY_KEY_REUSED: { status: 422, title: 'The idempotency key was used for something else' },
  INLINE_SET_CHANGED: { status: 503, title: 'This process has older or newer code than the others' },
  INTERNAL_ERROR: { status: 500, title: 'Something went wrong here' },
  INVALID_BODY: { status: 422, title: 'The body does not fit' },
  INVALID_IDEMPOTENCY_KEY: { status: 400, title: 'The Idempotency-Key header cannot be used' },
  INVALID_IF_MATCH: { status: 400, title: 'The If-Match header cannot be read' },
  INVALID_ITEM: { status: 422, title: 'The item is not valid' },
  INVALID_QUERY: { status: 400, title: 'The query cannot be read' },
  INVALID_TOKEN: { status: 400, title: 'The mink-token header cannot be used' },
  KEY_PARKED: { status: 503, title: 'What was written cannot be listed' },
  LOG_REWOUND: { status: 409, title: 'What was written is not there any more' },
  MALFORMED_JSON: { status: 400, title: 'The body is not JSON' },
  METHOD_NOT_ALLOWED: { status: 405, title: 'This method is not possible here' },
  NOT_AUTHORIZED: { status: 403, title: 'This is not allowed' },
  ORDER_ALREADY_CANCELLED: { status: 409, title: 'The order is cancelled' },
  ORDER_ALREADY_CONFIRMED: { status: 409, title: 'The order is confirmed already' },
  ORDER_ALREADY_EXISTS: { status: 409, title: 'The order exists already' },
  ORDER_ALREADY_SHIPPED: { status: 409, title: 'The order was shipped already' },
  ORDER_EMPTY: { status: 409, title: 'The order has no items' },
  ORDER_NOT_CONFIRMED: { status: 409, title: 'The order is not confirmed' },
  ORDER_NOT_FOUND: { status: 404, title: 'There is no such order' },
  ORDER_VERSION_NOT_FOUND: { status: 404, title: 'The order has no such version' },
  PROJECTION_BEHIND: { status: 503, title: 'What was written is not listed yet' },
  REFERENCE_TAKEN: { status: 409, title: 'Another order has this reference' },
  ROUTE_NOT_FOUND: { status: 404, title: 'There is nothing at this address' },
  TIMEOUT: { status: 503, title: 'There was no answer in time' },
} as const satisfies Record<ProblemCode, { status: number; title: string }>;

/** What went wrong with a request, as the client is to see it: the message is the `detail`. */
export class Problem extends Error {
  readonly code: ProblemCode;
  /** The facts of the problem: members of the problem document, beside the standard ones. */
  readonly facts: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    code: ProblemCode,
    detail: string,
    options: { readonly facts?: Record<string, unknown>; readonly headers?: Record<string, string> } = {},
  ) {
    super(detail);
    this.name = 'Problem';
    this.code = code;
    this.facts = options.facts ?? {};
    this.headers = options.headers ?? {};
  }

  get status(): (typeof problemTypes)[ProblemCode]['status'] {
    return problemTypes[this.code].status;
  }

  /** The problem document of RFC 9457. `instance` is the path of the request. */
  toDocument(instance: string): Readonly<Record<string, unknown>> {
    const { code, status, message: detail, facts } = this;
    const type = `/problems/${code.toLowerCase().replaceAll('_', '-')}`;
    const standard = { type, title: problemTypes[code].title, status, detail, instance, code };
    // The standard members come first, and no fact can take their place.
    return { ...standard, ...facts, ...standard };
  }
}

/** What is wrong with a body or a query, and where. */
export function invalid(code: 'INVALID_BODY' | 'INVALID_QUERY', issues: readonly Issue[]): Problem {
  const detail = issues.map(({ path, reason }) => (path === '' ? reason : `${path}: ${reason}`)).join('; ');
  return new Problem(code, detail, { facts: { issues } });
}

/** Whether this is a code that this service answers with. */
export function isProblemCode(code: string): code is ProblemCode {
  return Object.hasOwn(problemTypes, code);
}

/** What `GET /problems/:name` says about a problem type; undefined if there is none of that name. */
export function describeProblemType(name: string): string | undefined {
  const type = Object.entries(problemTypes).find(([code]) => code.toLowerCase().replaceAll('_', '-') === name);
  return type && `${type[0]}\n${type[1].title}. Status ${type[1].status}.\n`;
}
