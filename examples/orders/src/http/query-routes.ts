import { Hono } from 'hono';
import type { Until } from 'mink';
import { z } from 'zod';
import { OrderNotFoundError } from '../order-errors.ts';
import type { OrderStore } from '../order-store.ts';
import { order } from '../order.ts';
import { etag, hasVersion } from './conditional.ts';
import { orderView } from './order-view.ts';
import { Problem } from './problem.ts';
import { readOrderId, readQuery } from './read-request.ts';
import { respond } from './respond.ts';

const wholeNumber = z
  .string()
  .regex(/^\d{1,15}$/, 'Use a whole number')
  .transform(Number);

const momentQuery = z
  .object({
    at: z.iso
      .datetime({ offset: true, error: 'Use a time such as 2026-01-31T15:00:00Z, its + written as %2B' })
      .transform((time) => new Date(time))
      .optional(),
    version: wholeNumber.refine((version) => version > 0, 'Versions begin at 1').optional(),
  })
  .refine(({ at, version }) => at === undefined || version === undefined, 'Give at or version, not both');

const historyQuery = z.object({
  after: wholeNumber.default(0),
  limit: wholeNumber.refine((limit) => limit >= 1 && limit <= 1_000, 'Use 1 to 1000').default(100),
});

/** The routes that read orders. */
export function queryRoutes({ store }: { readonly store: OrderStore }): Hono {
  const routes = new Hono();

  routes.get('/:id', async (c) => {
    const id = readOrderId(c);
    const { at, version } = readQuery(c, momentQuery);
    const loaded = await store.load(order, id, { until: untilOf(at, version) });
    if (loaded.streamVersion === 0) throw at === undefined ? new OrderNotFoundError() : notFoundAt(at);
    if (version !== undefined && loaded.streamVersion < version) throw versionNotFound(version, loaded.streamVersion);
    const headers = { etag: etag(loaded.streamVersion) };
    if (hasVersion(c.req.header('if-none-match'), loaded.streamVersion)) return c.body(null, 304, headers);
    return respond(c, orderView(id, loaded), { headers });
  });

  routes.get('/:id/history', async (c) => {
    const id = readOrderId(c);
    const { after, limit } = readQuery(c, historyQuery);
    // One more than asked for tells whether there is a next page.
    const page = { fromVersion: after + 1, limit: limit + 1 };
    const stored = await store.readStreamOrThrow(`Order-${id}`, page).toArray();
    const events = stored.slice(0, limit).map(({ streamVersion, type, recordedAt, data, metadata }) => ({
      version: streamVersion,
      type,
      time: recordedAt,
      data,
      metadata,
    }));
    const next = stored.length > limit ? `${c.req.path}?after=${after + limit}&limit=${limit}` : null;
    return respond(c, { id, events, next });
  });

  return routes;
}

function untilOf(time: Date | undefined, version: number | undefined): Until | undefined {
  if (time !== undefined) return { time };
  return version === undefined ? undefined : { version };
}

function notFoundAt(at: Date): Problem {
  return new Problem('ORDER_NOT_FOUND', `There was no such order at ${at.toISOString()}.`, { facts: { at } });
}

function versionNotFound(version: number, actualVersion: number): Problem {
  return new Problem(
    'ORDER_VERSION_NOT_FOUND',
    `The order is at version ${actualVersion}, there is no ${version} yet.`,
    {
      facts: { version, actualVersion },
    },
  );
}
