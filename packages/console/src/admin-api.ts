import { Hono, type Context, type Next } from 'hono';
import { bearerOf, type Authenticator, type Identity } from './access/authenticator.ts';
import type { ConsoleContext } from './console-context.ts';
import type { ApiEnvironment } from './http/api.ts';
import { checkSameSite, type Connection } from './http/own-request.ts';
import { Refusal, toFailure, type Failure } from './http/problem.ts';
import { readBody } from './http/read-body.ts';
import { Turns } from './http/turns.ts';
import { auditRoutes } from './routes/audit-routes.ts';
import { deadLetterRoutes } from './routes/dead-letter-routes.ts';
import { eventRoutes } from './routes/event-routes.ts';
import { jobRoutes } from './routes/job-routes.ts';
import { overviewRoutes } from './routes/overview-routes.ts';
import { projectionRoutes } from './routes/projection-routes.ts';
import { schemaRoutes } from './routes/schema-routes.ts';
import { answerSession } from './routes/session-routes.ts';
import { snapshotRoutes } from './routes/snapshot-routes.ts';
import { streamRoutes } from './routes/stream-routes.ts';

interface Environment extends ApiEnvironment {
  Bindings: { readonly connection: Connection };
}

/** What the admin API works with. */
export interface AdminApiOptions {
  readonly context: ConsoleContext;
  readonly authenticator: Authenticator;
  /** What the console is mounted under. */
  readonly basePath: string;
  readonly origins: readonly string[];
  /** Milliseconds. */
  readonly timeout: number;
}

const CSRF_HEADER = 'x-mink-csrf';
/** Answers that are being made, of each kind: less than half the connections that a store has, unless told otherwise. */
const MOST_AT_ONCE = 4;
const UNKNOWN_ADDRESS = 'unknown';

/** The admin API, by paths below `/api`: who asks is known, and may, before an endpoint hears of it. */
export function createAdminApi({
  context,
  authenticator,
  basePath,
  origins,
  timeout,
}: AdminApiOptions): Hono<Environment> {
  const app = new Hono<Environment>().basePath(`${basePath}/api`);
  // What changes something does not wait for those who look, nor the other way round.
  const turns = { read: new Turns(MOST_AT_ONCE), change: new Turns(MOST_AT_ONCE) };
  app.use((c, next) => within(timeout, (late) => admit(c, next, late)));
  const admit = async (c: Context<Environment>, next: Next, late: AbortSignal): Promise<Response | undefined> => {
    const { request, connection, address } = requestOf(c);
    checkSameSite(request, origins);
    const identity = await identify(context, authenticator, { request, connection, address });
    await context.limits.request(`${identity?.user.name ?? ''} ${address}`);
    const isSession = c.req.path === `${basePath}/api/session`;
    if (identity === undefined && !isSession) throw notSignedIn(authenticator);
    const body = await admitChange(context, authenticator, { request, identity });
    if (isSession) return answerSession(context, authenticator, { request, identity, body, address });
    if (identity === undefined) return undefined;
    const unwanted = AbortSignal.any([request.signal, late]);
    const turn = request.method === 'GET' ? turns.read : turns.change;
    await turn.take(unwanted, () => answer(c, next, { identity, body, connection }));
    return undefined;
  };
  const answer = async (
    c: Context<Environment>,
    next: Next,
    { identity, body, connection }: { identity: Identity; body: unknown; connection: Connection },
  ): Promise<void> => {
    const { user, cookie } = identity;
    c.set('user', user);
    c.set('body', body);
    c.set('access', user.payloads === 'none' ? 'none' : 'masked');
    c.set('isStillAllowed', () => authenticator.isStill(identity, c.req.raw, connection));
    await next();
    if (cookie !== undefined) c.header('set-cookie', cookie);
  };
  app.route('/', overviewRoutes(context));
  app.route('/projections', projectionRoutes(context));
  app.route('/dead-letters', deadLetterRoutes(context));
  app.route('/', streamRoutes(context));
  app.route('/events', eventRoutes(context));
  app.route('/snapshots', snapshotRoutes(context));
  app.route('/schema', schemaRoutes(context));
  app.route('/audit', auditRoutes(context));
  app.route('/jobs', jobRoutes(context));
  app.notFound(() => {
    throw new Refusal(404, 'NOT_FOUND', 'There is no such endpoint.');
  });
  app.onError(async (error, c) => {
    const { status, problem, headers, isUnexpected } = await failureOf(context, c, error);
    if (isUnexpected) context.onError(error, `${c.req.method} ${c.req.path} has failed`);
    return Response.json(problem, { status, headers: { ...headers, 'cache-control': 'no-store' } });
  });
  return app;
}

/** The text of an error may hold values, too: in full, it is audited like an answer. */
async function failureOf({ auditor }: ConsoleContext, c: Context<Environment>, error: unknown): Promise<Failure> {
  const access = c.get('access') ?? 'none';
  const masked = toFailure(error, access === 'full' ? 'masked' : access);
  const full = toFailure(error, access);
  const { code, message } = full.problem;
  if (message === masked.problem.message) return masked;
  try {
    await auditor.viewed(c.get('user'), 'payloads', { code, endpoint: c.req.path });
    return full;
  } catch {
    return masked;
  }
}

interface Asked {
  readonly request: Request;
  readonly connection: Connection;
  readonly address: string;
}

function requestOf(c: Context<Environment>): Asked {
  const { connection } = c.env;
  return { request: c.req.raw, connection, address: connection.remoteAddress ?? UNKNOWN_ADDRESS };
}

/** A wrong token of a request counts as one that somebody has tried to sign in with. */
async function identify(
  { limits }: ConsoleContext,
  authenticator: Authenticator,
  { request, connection, address }: Asked,
): Promise<Identity | undefined> {
  const identity = await authenticator.identify(request, connection);
  if (identity !== undefined || !authenticator.canSignIn || bearerOf(request) === undefined) return identity;
  await limits.signIn(address);
  throw new Refusal(401, 'WRONG_TOKEN', 'This token is not known here.');
}

function notSignedIn({ canSignIn }: Authenticator): Refusal {
  const how = canSignIn
    ? 'Sign in with a token.'
    : 'Sign in to the application that this belongs to; without one, only this machine may ask, by its own name.';
  return new Refusal(401, 'NOT_SIGNED_IN', `Nobody is signed in. ${how}`);
}

/** What changes something has to come from the page itself, or from somebody who has asked for its token; gives back its body. */
async function admitChange(
  { limits }: ConsoleContext,
  authenticator: Authenticator,
  { request, identity }: { readonly request: Request; readonly identity: Identity | undefined },
): Promise<unknown> {
  const { method, headers } = request;
  if (method === 'GET') return undefined;
  if (method !== 'POST' && method !== 'DELETE') {
    throw new Refusal(405, 'METHOD_NOT_ALLOWED', 'Only GET, POST and DELETE are possible.', {
      headers: { allow: 'GET, POST, DELETE' },
    });
  }
  const wanted = identity?.csrfToken ?? authenticator.csrfTokenOfNobody;
  if (!authenticator.isCsrfToken(headers.get(CSRF_HEADER), wanted)) {
    throw new Refusal(403, 'CSRF', `Send the csrfToken of GET /api/session as the header "${CSRF_HEADER}".`);
  }
  if (identity !== undefined) await limits.action(identity.user.name);
  return readBody(request);
}

/** What is late is told so by the signal; what it has begun ends by itself. */
async function within<T>(timeout: number, work: (late: AbortSignal) => Promise<T>): Promise<T> {
  const message = `It took longer than ${timeout / 1_000} seconds. What was begun may still be done.`;
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(new Refusal(503, 'TIMEOUT', message)), timeout);
  const aborted = new Promise<never>((_resolve, reject) => {
    late.signal.addEventListener('abort', () => reject(late.signal.reason));
  });
  try {
    return await Promise.race([work(late.signal), aborted]);
  } finally {
    clearTimeout(timer);
  }
}
