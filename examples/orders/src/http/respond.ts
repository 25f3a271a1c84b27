import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { parseStreamName, type Loaded } from 'mink';
import { writeToken } from 'mink/http';
import type { OrderState } from '../order.ts';
import { etag } from './conditional.ts';
import type { Problem } from './problem.ts';

/** Answers with JSON that is easy to read in a terminal: indented, with a newline at the end. */
export function respond(
  c: Context,
  body: unknown,
  options: { readonly status?: ContentfulStatusCode; readonly headers?: Readonly<Record<string, string>> } = {},
): Response {
  const headers = { 'content-type': 'application/json', ...options.headers };
  return c.body(`${JSON.stringify(body, undefined, 2)}\n`, options.status ?? 200, headers);
}

/** Answers with an order; a new one has its address beside it, and one that was changed a token, with which the list shows it. */
export function respondWithOrder(
  c: Context,
  found: Loaded<OrderState> & { readonly token?: string | undefined },
  options: { readonly isNew?: boolean } = {},
): Response {
  const { streamName, streamVersion, state, token } = found;
  const { id } = parseStreamName(streamName);
  const headers = { etag: etag(streamVersion), ...(options.isNew === true && { location: `/orders/${id}` }) };
  writeToken(headers, { token });
  return respond(c, { id, version: streamVersion, ...state }, { status: options.isNew === true ? 201 : 200, headers });
}

/** Answers with a problem document (RFC 9457). */
export function respondWithProblem(c: Context, problem: Problem): Response {
  const headers = { ...problem.headers, 'content-type': 'application/problem+json' };
  return respond(c, problem.toDocument(c.req.path), { status: problem.status, headers });
}
