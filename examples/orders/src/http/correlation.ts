import { randomUUID } from 'node:crypto';
import type { MiddlewareHandler } from 'hono';
import { withMetadata } from 'mink';

const CORRELATION_ID = 'x-correlation-id';
const USER_ID = 'x-user-id';
const PRINTABLE = /^[\x21-\x7e]{1,128}$/;

/**
 * Whatever a request sets off carries its correlation id: it is recorded with every event, and returned. Without one, or
 * with one that nobody could search for, it gets a new one.
 */
export const correlation: MiddlewareHandler = async (c, next) => {
  const correlationId = printable(c.req.header(CORRELATION_ID)) ?? randomUUID();
  const userId = printable(c.req.header(USER_ID));
  await withMetadata({ correlationId, userId }, next);
  c.header(CORRELATION_ID, correlationId);
};

function printable(value: string | undefined): string | undefined {
  return value !== undefined && PRINTABLE.test(value) ? value : undefined;
}
