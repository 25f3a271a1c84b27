import { type Context, Hono } from 'hono';
import { fromOutside } from 'mink';
import type { OrderBus } from '../order-bus.ts';
import { orderCommands, type OrderCommand } from '../order-commands.ts';
import { expectedVersion } from './conditional.ts';
import { readBody, readIdempotencyKey, readOrderId } from './read-request.ts';
import { respondWithOrder } from './respond.ts';

/** The routes that change orders. A body has the fields of its command, but for the id that is in the path. */
export function commandRoutes(commands: OrderBus): Hono {
  const routes = new Hono();
  routes.post('/orders', async (c) => {
    const created = await dispatch(c, 'CreateOrder', await readBody(c));
    return respondWithOrder(c, created, { isNew: true });
  });
  routes.post('/orders/:id/items', async (c) => change(c, 'AddItem', await readBody(c)));
  routes.post('/orders/:id/confirm', async (c) => change(c, 'ConfirmOrder'));
  routes.post('/orders/:id/ship', async (c) => change(c, 'ShipOrder', await readBody(c)));
  routes.post('/orders/:id/cancel', async (c) => change(c, 'CancelOrder', await readBody(c)));
  return routes;

  async function change(c: Context, type: OrderCommand['type'], body: object = {}): Promise<Response> {
    return respondWithOrder(c, await dispatch(c, type, { ...body, id: readOrderId(c) }));
  }

  function dispatch(c: Context, type: OrderCommand['type'], data: object) {
    const command = fromOutside(orderCommands, { type, data, id: readIdempotencyKey(c) });
    return commands.dispatch(command, { expectedVersion: expectedVersion(c.req.header('if-match')) });
  }
}
