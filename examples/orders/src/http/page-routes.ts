import { randomUUID } from 'node:crypto';
import { type Context, Hono } from 'hono';
import { fromOutside } from 'mink';
import { readToken, tokenCookie } from 'mink/http';
import type { OrderBus } from '../order-bus.ts';
import { orderCommands, type OrderCommand } from '../order-commands.ts';
import { orderQueries, type OrderQueryBus } from '../order-queries.ts';
import { renderPage } from './page.ts';
import type { Problem } from './problem.ts';
import { readForm, readOrderId } from './read-request.ts';
import { toProblem } from './to-problem.ts';

/** Nothing but this page's own style and forms, whatever somebody has written into an order. */
const CONTENT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'";

/**
 * A page for people: the newest orders, and forms that change them. A form is answered with a redirect back to the list, and with the
 * token of its write in a cookie: the browser sends it with the next request, and the list that it gets has the change in it.
 */
export function pageRoutes(commands: OrderBus, queries: OrderQueryBus): Hono {
  const routes = new Hono();

  routes.get('/', (c) => respondWithPage(c));

  routes.post('/page/orders', async (c) => {
    const { key, customerId, reference } = await readForm(c);
    return change(c, 'CreateOrder', { key, data: { customerId, reference: reference === '' ? null : reference } });
  });

  routes.post('/page/orders/:id/items', async (c) => {
    const { key, sku, quantity, price } = await readForm(c);
    const data = { id: readOrderId(c), sku, quantity: Number(quantity), price: Number(price) };
    return change(c, 'AddItem', { key, data });
  });

  return routes;

  async function change(
    c: Context,
    type: OrderCommand['type'],
    { key, data }: { readonly key: string | undefined; readonly data: object },
  ): Promise<Response> {
    try {
      const changed = await commands.dispatch(fromOutside(orderCommands, { type, data, id: key }));
      // The example is not served over HTTPS: a browser would not send a secure cookie back.
      const cookie = tokenCookie(changed, { secure: false });
      if (cookie !== undefined) c.header('set-cookie', cookie);
      return c.redirect('/', 303);
    } catch (error) {
      const problem = toProblem(error);
      if (problem.status >= 500) throw error;
      return respondWithPage(c, problem);
    }
  }

  /** A list that is late is shown as it is, and says so: a person can do more with that than with an error. */
  async function respondWithPage(c: Context, problem?: Problem): Promise<Response> {
    const { orders, late } = await newest(readToken(c.req.raw));
    c.header('content-security-policy', CONTENT_POLICY);
    c.header('cache-control', 'no-store');
    c.status(problem?.status ?? 200);
    return c.html(renderPage({ orders, notice: problem?.message ?? late, newKey: randomUUID }));
  }

  async function newest(afterWrite: string | undefined) {
    try {
      return { ...(await list({ afterWrite })), late: undefined };
    } catch (error) {
      const notice = noticeOf(toProblem(error));
      if (afterWrite === undefined || notice === undefined) throw error;
      return { ...(await list({})), late: notice === '' ? undefined : notice };
    }
  }

  function list(data: object) {
    return queries.ask(fromOutside(orderQueries, { type: 'ListOrders', data }));
  }
}

/** What to say of a list that does not show what was written; nothing where the cookie is of another database. */
function noticeOf({ code, message }: Problem): string | undefined {
  if (code === 'PROJECTION_BEHIND') return `This list is late, and your change is not in it yet. ${message}`;
  if (code === 'KEY_PARKED') return `Your change was recorded, and cannot be listed. ${message}`;
  return code === 'INVALID_TOKEN' || code === 'LOG_REWOUND' ? '' : undefined;
}
