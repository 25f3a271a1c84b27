import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import type { User } from '../api-types.ts';
import { isFromHere, type Connection } from '../http/own-request.ts';
import { Sessions } from './sessions.ts';
import { createTokenFinder, type TokenFinder } from './tokens.ts';
import { ANONYMOUS, type Access } from './user.ts';

/** Who sends a request, and as whom the application knows them. */
export interface Identity {
  readonly user: User;
  /** What a request that changes something has to carry. */
  readonly csrfToken: string;
  /** What signing out ends; undefined where nobody has signed in here. */
  readonly family: string | undefined;
  /** The header `Set-Cookie` of the answer; undefined where the cookie stays. */
  readonly cookie: string | undefined;
}

/** How cookies are set. */
interface CookieOptions {
  readonly path: string;
  readonly isSecure: boolean;
}

const NOBODY = 'nobody';
const userSchema = z.object({
  name: z.string().min(1).max(256),
  role: z.enum(['viewer', 'operator', 'admin']),
  payloads: z.enum(['none', 'masked', 'full']),
});

/** Finds out who sends a request, and lets people sign in. */
export class Authenticator {
  readonly #access: Access;
  readonly #findToken: TokenFinder | undefined;
  readonly #sessions: Sessions;
  readonly #cookies: CookieOptions;
  /** Of this process: a restart asks everybody for a new token. */
  readonly #key = randomBytes(32);

  constructor(access: Access, { now, ...cookies }: CookieOptions & { readonly now: () => number }) {
    this.#access = access;
    this.#findToken = 'tokens' in access ? createTokenFinder(access.tokens) : undefined;
    this.#sessions = new Sessions(now);
    this.#cookies = cookies;
  }

  /** Whether a token is given here. */
  get canSignIn(): boolean {
    return this.#findToken !== undefined;
  }

  /** For requests of nobody: to sign in with. */
  get csrfTokenOfNobody(): string {
    return this.#csrfToken(NOBODY);
  }

  /** Who sends a request, or undefined for nobody. */
  async identify(request: Request, connection: Connection): Promise<Identity | undefined> {
    const access = this.#access;
    if ('authenticate' in access) {
      // Its body is read later: whoever looks into it looks into another one.
      const user = await access.authenticate(request.method === 'GET' ? request : request.clone());
      return user === undefined || user === null ? undefined : this.#identity(userSchema.parse(user), 'application');
    }
    if ('anonymous' in access) {
      const user = { name: ANONYMOUS, ...access.anonymous };
      return isFromHere(request, connection) ? this.#identity(user, ANONYMOUS) : undefined;
    }
    const token = bearerOf(request);
    if (token !== undefined) {
      const user = this.#findToken?.(token);
      return user === undefined ? undefined : this.#identity(user, 'bearer');
    }
    const cookieName = cookieNameFor(request);
    const id = cookieOf(request, cookieName);
    const signedIn = id === undefined ? undefined : this.#sessions.find(id);
    if (signedIn === undefined) return undefined;
    const { user, family, newId } = signedIn;
    const cookie = newId === undefined ? undefined : this.#cookie(cookieName, newId);
    return { ...this.#identity(user, `session ${family}`), family, cookie };
  }

  /** Whether who has sent a request, which is being answered for long, still may. */
  async isStill({ user, family }: Identity, request: Request, connection: Connection): Promise<boolean> {
    if (family !== undefined) return this.#sessions.isOpen(family);
    const now = (await this.identify(request, connection))?.user;
    return now?.name === user.name && now.role === user.role && now.payloads === user.payloads;
  }

  /** Begins a session for whoever has the token; undefined where it is none. */
  signIn(request: Request, token: string): Identity | undefined {
    const user = this.#findToken?.(token);
    if (user === undefined) return undefined;
    const { id, family } = this.#sessions.begin(user);
    return { ...this.#identity(user, `session ${family}`), family, cookie: this.#cookie(cookieNameFor(request), id) };
  }

  /** Ends a session; gives back the header that removes its cookie. */
  signOut(request: Request, family: string): string {
    this.#sessions.end(family);
    return `${this.#cookie(cookieNameFor(request), '')}; Max-Age=0`;
  }

  /** Compares in the same time, whatever is wrong with it. */
  isCsrfToken(given: string | null, wanted: string): boolean {
    const [left, right] = [given ?? '', wanted].map((text) => createHmac('sha256', this.#key).update(text).digest());
    return left !== undefined && right !== undefined && timingSafeEqual(left, right);
  }

  #identity(user: User, of: string): Identity {
    return { user, csrfToken: this.#csrfToken(`${of} ${user.name}`), family: undefined, cookie: undefined };
  }

  #csrfToken(of: string): string {
    return createHmac('sha256', this.#key).update(`csrf ${of}`).digest('base64url');
  }

  #cookie(name: string, value: string): string {
    const { path, isSecure } = this.#cookies;
    return `${name}=${value}; Path=${path}; HttpOnly; SameSite=Strict${isSecure ? '; Secure' : ''}`;
  }
}

/** Whether a request carries a token of its own: a wrong one counts as an attempt to sign in. */
export function bearerOf(request: Request): string | undefined {
  return /^Bearer +(?<token>[\x21-\x7e]{1,1024})$/iu.exec(request.headers.get('authorization') ?? '')?.groups?.[
    'token'
  ];
}

/** With the port: to browsers, what is at two ports of a host is one, and would sign each other out. */
function cookieNameFor(request: Request): string {
  const { port } = new URL(request.url);
  return port === '' ? 'mink-console' : `mink-console-${port}`;
}

function cookieOf(request: Request, name: string): string | undefined {
  const pairs = (request.headers.get('cookie') ?? '').split(';').map((pair) => pair.trim());
  const value = pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1);
  return value !== undefined && /^[\w-]{43}$/u.test(value) ? value : undefined;
}
