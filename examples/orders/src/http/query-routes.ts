import { type Context, Hono } from 'hono';
import { fromOutside } from 'mink';
import { readToken } from 'mink/http';
import { orderQueries, type OrderQueryBus } from '../order-queries.ts';
import { etag, hasVersion } from './conditional.ts';
import { readOrderId } from './read-request.ts';
import { respond, respondWithOrder } from './respond.ts';

/** The routes that read orders. */
export function queryRoutes(queries: OrderQueryBus): Hono {
  const routes = new Hono();

  routes.get('/orders', async (c) => {
    // What the client has just written, if it says so.
    const data = { ...c.req.query(), afterWrite: readToken(c.req.raw) };
    const { version, orders, next } = await queries.ask(fromOutside(orderQueries, { type: 'ListOrders', data }));
    c.header('x-read-model', `order-list/${version}`);
    return respond(c, { orders, next: next === undefined ? null : nextPage(c, next) });
  });

  routes.get('/orders/:id', async (c) => {
    const data = { ...c.req.query(), id: readOrderId(c) };
    const found = await queries.ask(fromOutside(orderQueries, { type: 'GetOrder', data }));
    if (!hasVersion(c.req.header('if-none-match'), found.streamVersion)) return respondWithOrder(c, found);
    return c.body(null, 304, { etag: etag(found.streamVersion) });
  });

  routes.get('/orders/:id/history', async (c) => {
    const data = { ...c.req.query(), id: readOrderId(c) };
    const { id, events, nextAfter } = await queries.ask(fromOutside(orderQueries, { type: 'GetHistory', data }));
    return respond(c, { id, events, next: nextAfter === undefined ? null : nextPage(c, String(nextAfter)) });
  });

  routes.get('/customers/:customerId', async (c) => {
    const data = { customerId: c.req.param('customerId') };
    return respond(c, await queries.ask(fromOutside(orderQueries, { type: 'GetCustomer', data })));
  });

  return routes;
}

/** The same question, from there on. */
function nextPage(c: Context, after: string): string {
  const query = new URLSearchParams(c.req.query());
  query.set('after', after);
  return `${c.req.path}?${query.toString()}`;
}
