import type { Context } from 'hono';
import type { JsonObject } from 'mink';
import { payloadAccess } from '../access/user.ts';
import type { PayloadAccess, User } from '../api-types.ts';
import type { Auditor } from '../audit.ts';

/** What every endpoint finds. */
export interface ApiEnvironment {
  Variables: {
    user: User;
    /** Asks again whether it is the same user: for what goes on for long. */
    isStillAllowed: () => Promise<boolean>;
    /** The body, where there is one. */
    body: unknown;
    /** What the answer shows of payloads, and of errors that may hold values. */
    access: PayloadAccess;
  };
}

export type ApiContext = Context<ApiEnvironment>;

/** What an answer gives of payloads: what was asked for, as far as the user may see it. */
export function grantAccess(c: ApiContext, asked: PayloadAccess | undefined): PayloadAccess {
  const access = payloadAccess(c.var.user, asked);
  c.set('access', access);
  return access;
}

/** Answers with payloads; in full only when it is written down first that somebody sees them. */
export async function withPayloads(
  c: ApiContext,
  auditor: Auditor,
  { body, of }: { readonly body: object; readonly of: JsonObject },
): Promise<Response> {
  if (c.var.access === 'full') await auditor.viewed(c.var.user, 'payloads', { ...of, endpoint: c.req.path });
  return c.json(body);
}
