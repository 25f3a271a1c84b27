import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { refusalsOf } from '../access/actions.ts';
import type { Authenticator, Identity } from '../access/authenticator.ts';
import type { Session } from '../api-types.ts';
import type { ConsoleContext } from '../console-context.ts';
import { checkBody, readQuery } from '../http/parameters.ts';
import { Refusal } from '../http/problem.ts';

const TOKEN = z.strictObject({ token: z.string().min(1).max(1_024) });

/** What the session endpoint works with: the only one that nobody has to be signed in for. */
export interface SessionRequest {
  readonly request: Request;
  readonly identity: Identity | undefined;
  readonly body: unknown;
  readonly address: string;
}

/** `GET`, `POST` and `DELETE /api/session`: who one is, signing in, and signing out. */
export async function answerSession(
  context: ConsoleContext,
  authenticator: Authenticator,
  { request, identity, body, address }: SessionRequest,
): Promise<Response> {
  readQuery(request, {});
  switch (request.method) {
    case 'GET':
      return answer(sessionOf(context, authenticator, identity), identity?.cookie);
    case 'POST': {
      if (!authenticator.canSignIn)
        throw new Refusal(409, 'NO_SIGN_IN', 'Nobody signs in here: the application knows them.');
      await context.limits.signIn(address);
      const signedIn = authenticator.signIn(request, checkBody(body, TOKEN).token);
      if (signedIn === undefined) throw new Refusal(401, 'WRONG_TOKEN', 'This token is not known here.');
      // Whoever was signed in before is so no more: an id that somebody has planted is worth nothing.
      if (identity?.family !== undefined) authenticator.signOut(request, identity.family);
      return answer(sessionOf(context, authenticator, signedIn), signedIn.cookie);
    }
    default: {
      const family = identity?.family;
      if (family === undefined) throw new Refusal(409, 'NOT_SIGNED_IN', 'Nobody is signed in here.');
      return answer(sessionOf(context, authenticator, undefined), authenticator.signOut(request, family));
    }
  }
}

function answer(session: Session, cookie: string | undefined): Response {
  return Response.json(session, cookie === undefined ? {} : { headers: { 'set-cookie': cookie } });
}

/** To nobody, it says how to sign in, and nothing else. */
function sessionOf(
  { environment, isReadOnly, folds }: ConsoleContext,
  { canSignIn, csrfTokenOfNobody }: Authenticator,
  identity: Identity | undefined,
): Session {
  const base = { canSignIn, environment, isReadOnly, release: RELEASE };
  if (identity === undefined) return { ...base, csrfToken: csrfTokenOfNobody, refusals: {}, folds: [] };
  const { user, csrfToken } = identity;
  const shown = folds.map(({ category, name }) => ({ category, name }));
  return { ...base, user, csrfToken, refusals: refusalsOf(user, isReadOnly), folds: shown };
}

const manifest = z
  .object({ version: z.string() })
  .parse(JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')));
/** All packages of mink are released together. */
const RELEASE = manifest.version;
