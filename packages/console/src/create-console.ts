import { setMaxListeners } from 'node:events';
import { InvalidArgumentError } from 'mink';
import { Authenticator } from './access/authenticator.ts';
import { createAdminApi } from './admin-api.ts';
import { createContext, type ConsoleContext } from './console-context.ts';
import type { Connection } from './http/own-request.ts';
import { createPage, type Page } from './http/page.ts';
import { Refusal, toFailure } from './http/problem.ts';
import { SECURITY_HEADERS, withHeaders } from './http/security-headers.ts';
import { checkBasePath, type ConsoleOptions } from './options.ts';

const REQUEST_TIMEOUT = 30_000;
const LONGEST_URL = 16_384;

/**
 * The admin console of a store: a web page, and the API behind it. It reads and shows; what it changes is what its named actions
 * change, and the log is none of it.
 */
export class Console implements AsyncDisposable {
  readonly #context: ConsoleContext;
  readonly #basePath: string;
  readonly #page: Page;
  readonly #api: ReturnType<typeof createAdminApi>;
  readonly #closing = new AbortController();

  constructor(options: ConsoleOptions) {
    const { access, origins = [], requestTimeout: timeout = REQUEST_TIMEOUT, now = Date.now } = options;
    checkAccess(options);
    // Every live view listens to it: more than ten are no leak.
    setMaxListeners(0, this.#closing.signal);
    this.#basePath = checkBasePath(options.basePath ?? '');
    const isSecure = origins.some((origin) => origin.startsWith('https://'));
    const authenticator = new Authenticator(access, { path: `${this.#basePath}/`, isSecure, now });
    this.#context = createContext(options, this.#closing.signal);
    this.#page = createPage(this.#basePath);
    this.#api = createAdminApi({ context: this.#context, authenticator, basePath: this.#basePath, origins, timeout });
  }

  /**
   * Answers a request, whatever it is: mount it where you like. Never rejects. Give the address of whoever asks: anonymous access needs
   * it, and limits count by it.
   *
   * @example
   * app.all('/console/*', (c) => adminConsole.fetch(c.req.raw, getConnInfo(c).remote.address));
   */
  readonly fetch = async (request: Request, connection: Connection = {}): Promise<Response> => {
    try {
      return withHeaders(await this.#answer(request, connection), SECURITY_HEADERS);
    } catch (error) {
      const { status, problem, headers, isUnexpected } = toFailure(error, 'none');
      if (isUnexpected) this.#context.onError(error, 'a request has failed');
      return withHeaders(Response.json(problem, { status, headers }), SECURITY_HEADERS);
    }
  };

  /** Ends live views, cancels jobs and waits for them. The store stays open. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#context.jobs.close();
    await this.#context.live.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #answer(request: Request, connection: Connection): Promise<Response> {
    if (this.#closing.signal.aborted) throw new Refusal(503, 'CLOSING', 'The console is closing.');
    if (request.url.length > LONGEST_URL) throw new Refusal(414, 'TOO_LARGE', 'The address is too long.');
    const url = new URL(request.url);
    checkDecodes(url.pathname);
    const base = this.#basePath;
    if (base !== '' && url.pathname === base) {
      return new Response(null, { status: 308, headers: { location: `${base}/${url.search}` } });
    }
    if (!url.pathname.startsWith(`${base}/`)) throw new Refusal(404, 'NOT_FOUND', `The console is at ${base}/.`);
    const path = url.pathname.slice(base.length);
    if (path === '/api' || path.startsWith('/api/')) return this.#answerApi(request, connection);
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      throw new Refusal(405, 'METHOD_NOT_ALLOWED', 'Only GET is possible.', { headers: { allow: 'GET, HEAD' } });
    }
    const response = this.#page(path.slice(1));
    return request.method === 'HEAD' ? new Response(null, response) : response;
  }

  async #answerApi(request: Request, connection: Connection): Promise<Response> {
    // An answer that is thrown away would go on for ever where it is a stream.
    if (request.method === 'HEAD') {
      throw new Refusal(405, 'METHOD_NOT_ALLOWED', 'HEAD is not possible.', {
        headers: { allow: 'GET, POST, DELETE' },
      });
    }
    const response = await this.#api.fetch(request, { connection });
    return response.headers.has('cache-control') ? response : withHeaders(response, { 'cache-control': 'no-store' });
  }
}

/** A path that cannot be decoded means something else to everybody who tries. */
function checkDecodes(path: string): void {
  try {
    decodeURIComponent(path);
  } catch {
    throw new Refusal(400, 'BAD_PATH', 'The path is no UTF-8.');
  }
}

/** Refuses what would leave open who may use it. */
function checkAccess({ access }: ConsoleOptions): void {
  const ways = ['authenticate', 'tokens', 'anonymous'].filter((way) => Reflect.get(access ?? {}, way) !== undefined);
  if (ways.length === 1) return;
  const problem = ways.length === 0 ? 'says not who may use the console' : `has ${ways.join(' and ')}`;
  throw new InvalidArgumentError('access', `${problem}. Give exactly one of authenticate, tokens and anonymous.`);
}

/**
 * The admin console of a store, for any server that speaks in `Request` and `Response`. Read-only unless told otherwise.
 *
 * Throws `InvalidArgumentError` where an option cannot be used.
 *
 * @example
 * const adminConsole = createConsole({
 *   store,
 *   projections: [orderList],
 *   deciders: [order],
 *   access: { tokens: [{ token, name: 'Ada', role: 'operator' }] },
 *   basePath: '/console',
 * });
 */
export function createConsole(options: ConsoleOptions): Console {
  return new Console(options);
}
