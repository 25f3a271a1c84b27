import { Hono } from 'hono';
import { fromOutside } from 'mink';
import { orderQueries, type OrderQueryBus } from '../order-queries.ts';
import { etag, hasVersion } from './conditional.ts';
import { readOrderId } from './read-request.ts';
import { respond, respondWithOrder } from './respond.ts';

/** The routes that read orders. */
export function queryRoutes(queries: OrderQueryBus): Hono {
  const routes = new Hono();

  routes.get('/:id', async (c) => {
    const data = { ...c.req.query(), id: readOrderId(c) };
    const found = await queries.ask(fromOutside(orderQueries, { type: 'GetOrder', data }));
    if (!hasVersion(c.req.header('if-none-match'), found.streamVersion)) return respondWithOrder(c, found);
    return c.body(null, 304, { etag: etag(found.streamVersion) });
  });

  routes.get('/:id/history', async (c) => {
    const data = { ...c.req.query(), id: readOrderId(c) };
    const { id, events, nextAfter } = await queries.ask(fromOutside(orderQueries, { type: 'GetHistory', data }));
    const query = new URLSearchParams(c.req.query());
    query.set('after', String(nextAfter));
    return respond(c, { id, events, next: nextAfter === undefined ? null : `${c.req.path}?${query.toString()}` });
  });

  return routes;
}
