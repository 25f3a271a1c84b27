import type { Context } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { z } from 'zod';
import { OrderNotFoundError } from '../order-errors.ts';
import { Problem } from './problem.ts';

const MAX_BODY_BYTES = 65_536;
const ORDER_ID = /^[A-Za-z0-9][A-Za-z0-9._~-]{0,63}$/;

/** Refuses bodies that no command needs. */
export const limitBody = bodyLimit({
  maxSize: MAX_BODY_BYTES,
  onError: () => {
    throw new Problem('BODY_TOO_LARGE', `Send at most ${MAX_BODY_BYTES} bytes.`, {
      facts: { maxBytes: MAX_BODY_BYTES },
    });
  },
});

/** Whether this can be the id of an order: it is part of its URL and of its stream's name. */
export function isOrderId(id: string): boolean {
  return ORDER_ID.test(id);
}

/** The order's id from the path. */
export function readOrderId(c: Context): string {
  const id = c.req.param('id') ?? '';
  if (!isOrderId(id)) throw new OrderNotFoundError();
  return id;
}

/** The body, which is JSON whatever its content type says. */
export async function readBody<Schema extends z.ZodType>(c: Context, schema: Schema): Promise<z.output<Schema>> {
  const result = schema.safeParse(parseJson(await c.req.text()));
  if (result.success) return result.data;
  throw new Problem('INVALID_BODY', describe(result.error), { facts: { issues: issuesOf(result.error) } });
}

/** The query parameters. */
export function readQuery<Schema extends z.ZodType>(c: Context, schema: Schema): z.output<Schema> {
  const result = schema.safeParse(c.req.query());
  if (result.success) return result.data;
  throw new Problem('INVALID_QUERY', describe(result.error), { facts: { issues: issuesOf(result.error) } });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const reason = text === '' ? 'it is empty' : error instanceof Error ? error.message : String(error);
    throw new Problem('MALFORMED_JSON', `The body cannot be parsed: ${reason}.`);
  }
}

function issuesOf(error: z.ZodError): readonly { readonly path: string; readonly reason: string }[] {
  return error.issues.map(({ path, message }) => ({ path: path.map(String).join('.'), reason: message }));
}

function describe(error: z.ZodError): string {
  return issuesOf(error)
    .map(({ path, reason }) => (path === '' ? reason : `${path}: ${reason}`))
    .join('; ');
}
