import { type Context, Hono } from 'hono';
import { z } from 'zod';
import { executeOrder } from '../execute-order.ts';
import type { OrderStore } from '../order-store.ts';
import { payloads, type OrderCommand } from '../order.ts';
import { etag, expectedVersion } from './conditional.ts';
import { orderView } from './order-view.ts';
import { isOrderId, readBody, readOrderId } from './read-request.ts';
import { respond } from './respond.ts';

const orderId = z.string().refine(isOrderId, 'Use up to 64 of A-Z a-z 0-9 . _ ~ -, beginning with a letter or digit');

// A command's body has the fields of the event that comes of it. A misspelt field is refused, not dropped.
const bodies = {
  create: payloads.OrderCreated.extend({ id: orderId.optional() }).strict(),
  addItem: payloads.ItemAdded.strict(),
  ship: payloads.OrderShipped.strict(),
  cancel: payloads.OrderCancelled.strict(),
};

/** The routes that change orders. */
export function commandRoutes({
  store,
  newOrderId,
}: {
  readonly store: OrderStore;
  readonly newOrderId: () => string;
}): Hono {
  const routes = new Hono();

  routes.post('/', async (c) => {
    const { id = newOrderId(), customerId } = await readBody(c, bodies.create);
    const created = await executeOrder(store, { id, command: { type: 'create', customerId } });
    const headers = { location: `/orders/${id}`, etag: etag(created.streamVersion) };
    return respond(c, orderView(id, created), { status: 201, headers });
  });
  routes.post('/:id/items', async (c) => run(c, { type: 'addItem', ...(await readBody(c, bodies.addItem)) }));
  routes.post('/:id/confirm', (c) => run(c, { type: 'confirm' }));
  routes.post('/:id/ship', async (c) => run(c, { type: 'ship', ...(await readBody(c, bodies.ship)) }));
  routes.post('/:id/cancel', async (c) => run(c, { type: 'cancel', ...(await readBody(c, bodies.cancel)) }));
  return routes;

  async function run(c: Context, command: OrderCommand): Promise<Response> {
    const id = readOrderId(c);
    const request = { id, command, expectedVersion: expectedVersion(c.req.header('if-match')) };
    const done = await executeOrder(store, request);
    return respond(c, orderView(id, done), { headers: { etag: etag(done.streamVersion) } });
  }
}
