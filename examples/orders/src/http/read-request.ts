import type { Context } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { orderId } from '../order-commands.ts';
import { OrderNotFoundError } from '../order-errors.ts';
import { invalid, Problem } from './problem.ts';

const MAX_BODY_BYTES = 65_536;
const IDEMPOTENCY_KEY = /^(?<quote>"?)(?<key>[\x21\x23-\x5b\x5d-\x7e]{1,255})\k<quote>$/;

/** Refuses bodies that no command needs. */
export const limitBody = bodyLimit({
  maxSize: MAX_BODY_BYTES,
  onError: () => {
    throw new Problem('BODY_TOO_LARGE', `Send at most ${MAX_BODY_BYTES} bytes.`, {
      facts: { maxBytes: MAX_BODY_BYTES },
    });
  },
});

/** The order's id from the path. */
export function readOrderId(c: Context): string {
  const id = orderId.safeParse(c.req.param('id'));
  if (id.success) return id.data;
  throw new OrderNotFoundError();
}

/**
 * The key under which a command is carried out once, however often it is sent. The draft of the
 * [header](https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/) wants it in quotes, many send it
 * without.
 */
export function readIdempotencyKey(c: Context): string | undefined {
  const header = c.req.header('idempotency-key');
  const key = header === undefined ? undefined : IDEMPOTENCY_KEY.exec(header)?.groups?.['key'];
  if (header === undefined || key !== undefined) return key;
  throw new Problem('INVALID_IDEMPOTENCY_KEY', 'Send 1 to 255 printable characters without spaces, such as a UUID.');
}

/** The body: an object in JSON, whatever its content type says. */
export async function readBody(c: Context): Promise<object> {
  const body = parseJson(await c.req.text());
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body;
  throw invalid('INVALID_BODY', [{ path: '', reason: 'Send an object' }]);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const reason = text === '' ? 'it is empty' : error instanceof Error ? error.message : String(error);
    throw new Problem('MALFORMED_JSON', `The body cannot be parsed: ${reason}.`);
  }
}

/** The fields of a form. */
export async function readForm(c: Context): Promise<Readonly<Record<string, string>>> {
  const fields = new URLSearchParams(await c.req.text());
  return Object.fromEntries(fields);
}
