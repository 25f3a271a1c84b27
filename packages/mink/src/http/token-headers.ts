import { parseToken } from '../core/index.ts';

/** The header that a token travels in, both ways, and the name of the cookie. */
export const TOKEN_HEADER = 'mink-token';

/** The headers of a Fetch request or response. */
export interface FetchHeaders {
  get(name: string): string | null;
  set(name: string, value: string): void;
}

/** Headers as Node has them, and most frameworks. */
export type HeaderRecord = Readonly<Record<string, string | readonly string[] | number | undefined>>;

/** What a token can be read from: headers, or something that has them. */
export type TokenSource =
  | Pick<FetchHeaders, 'get'>
  | HeaderRecord
  | { readonly headers: Pick<FetchHeaders, 'get'> | HeaderRecord };

/** What a token can be written to: Fetch headers, a response of Node, something that has Fetch headers, or a record. */
export type TokenTarget =
  | Pick<FetchHeaders, 'set'>
  | { setHeader(name: string, value: string): unknown }
  | { readonly headers: Pick<FetchHeaders, 'set'> }
  | Record<string, string | readonly string[] | number | undefined>;

/** What has a token: the result of an append, an execute or a command. */
export interface HasToken {
  readonly token: string | undefined;
}

/** Options of {@link tokenCookie}. */
export interface TokenCookieOptions {
  /**
   * Seconds that the browser sends it back: longer than projections are ever behind.
   * @defaultValue 60
   */
  readonly maxAge?: number | undefined;
  /** @defaultValue '/' */
  readonly path?: string | undefined;
  /**
   * Whether it is sent over HTTPS only.
   * @defaultValue true
   */
  readonly secure?: boolean | undefined;
}

/**
 * Tells the client of a response what was written, so that it can send the token with its next reads. Does nothing where nothing
 * was appended.
 *
 * @example
 * writeToken(response.headers, await store.append('Cart-1', [added]));
 */
export function writeToken(target: TokenTarget, { token }: HasToken): void {
  if (token === undefined) return;
  if (isMethod(target, 'setHeader')) target.setHeader(TOKEN_HEADER, token);
  else if (isMethod(target, 'set')) target.set(TOKEN_HEADER, token);
  else if ('headers' in target && isMethod(target.headers, 'set')) target.headers.set(TOKEN_HEADER, token);
  else Object.assign(target, { [TOKEN_HEADER]: token });
}

/**
 * A `Set-Cookie` value, for browsers that navigate: they send the token back by themselves. Undefined where nothing was appended.
 *
 * @example
 * const cookie = tokenCookie(appended);
 * if (cookie !== undefined) response.headers.append('set-cookie', cookie);
 */
export function tokenCookie({ token }: HasToken, options: TokenCookieOptions = {}): string | undefined {
  if (token === undefined) return undefined;
  const { maxAge = 60, path = '/', secure = true } = options;
  return `${TOKEN_HEADER}=${token}; Max-Age=${maxAge}; Path=${path}; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`;
}

/**
 * The token that a request brings, in its header or else its cookie; undefined where there is none. What is no token is none, too:
 * what a client sends must not make a read fail. That of another store, or of a log that was restored, is noticed by the wait.
 *
 * @example
 * const cart = await carts.get(id, { afterWrite: readToken(request) });
 */
export function readToken(source: TokenSource): string | undefined {
  const headers = 'headers' in source && typeof source.headers === 'object' ? source.headers : source;
  return tokenIn(headerOf(headers, TOKEN_HEADER)) ?? tokenIn(cookieIn(headerOf(headers, 'cookie')));
}

function tokenIn(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  try {
    parseToken(text);
    return text;
  } catch {
    return undefined;
  }
}

function cookieIn(text: string | undefined): string | undefined {
  const own = text?.split(';').map((cookie) => cookie.trim().split('='));
  return own?.findLast(([name]) => name === TOKEN_HEADER)?.[1];
}

/** Node writes names of headers small; others do not. */
function headerOf(headers: object, name: string): string | undefined {
  if (isMethod(headers, 'get')) {
    const value: unknown = headers.get(name);
    return typeof value === 'string' ? value : undefined;
  }
  for (const [key, value] of Object.entries<unknown>({ ...headers })) {
    if (key.toLowerCase() !== name) continue;
    const one: unknown = Array.isArray(value) ? value.at(-1) : value;
    if (typeof one === 'string') return one;
  }
  return undefined;
}

function isMethod<Name extends string>(
  target: unknown,
  name: Name,
): target is Readonly<Record<Name, (name: string, value?: string) => unknown>> {
  return typeof target === 'object' && target !== null && typeof Reflect.get(target, name) === 'function';
}
