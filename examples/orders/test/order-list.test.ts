import { describe, expect, it } from 'vitest';
import { item, startService } from './support/order-client.ts';

/** Four orders, a second apart, listed up to the last write. */
async function startWithOrders() {
  const service = startService();
  const { post, get, clock, startEngine } = service;
  await startEngine();
  let token = '';
  for (const [id, customerId, items] of [
    ['1', 'ada', 1],
    ['2', 'bob', 3],
    ['3', 'ada', 2],
    ['4', 'ada', 0],
  ] as const) {
    clock.now += 1_000;
    const created = await post('/orders', { id, customerId });
    token = created.headers.get('mink-token') ?? '';
    for (let left = items; left > 0; left -= 1) await post(`/orders/${id}/items`, item);
  }
  await post('/orders/2/confirm');
  const list = async (query: string) => {
    const reply = await get(`/orders?${query}`, { 'mink-token': token });
    return { ...reply, ids: reply.body.orders?.map(({ id }) => id) };
  };
  return { ...service, list };
}

describe('GET /orders', () => {
  it('lists the newest first, each with what is known of it', async () => {
    const { list } = await startWithOrders();
    const { status, headers, body, ids } = await list('');
    expect(status).toBe(200);
    expect(headers.get('x-read-model')).toBe('order-list/1');
    expect(ids).toEqual(['4', '3', '2', '1']);
    expect(body.next).toBeNull();
    expect(body.orders?.[2]).toEqual({
      id: '2',
      customer: 'bob',
      reference: null,
      status: 'confirmed',
      items: 3,
      total: 179.94,
      placedAt: '2026-01-31T12:00:02.000Z',
      updatedAt: '2026-01-31T12:00:04.000Z',
    });
  });

  it.each([
    ['status=confirmed', ['2']],
    ['customer=ada', ['4', '3', '1']],
    ['customer=ada&status=confirmed', []],
    ['min-total=119.96', ['3', '2']],
    ['order-by=total', ['4', '1', '3', '2']],
    ['order-by=-items&customer=ada', ['3', '1', '4']],
    ['order-by=placed-at&limit=2', ['1', '2']],
  ])('filters and orders by %s', async (query, expected) => {
    const { list } = await startWithOrders();
    expect((await list(query)).ids).toEqual(expected);
  });

  it('comes in pages, of which none has an order of another', async () => {
    const { list, get, post } = await startWithOrders();
    const first = await list('limit=2&order-by=-placed-at');
    expect(first.ids).toEqual(['4', '3']);
    expect(first.body.next).toMatch(/^\/orders\?limit=2&order-by=-placed-at&after=/u);
    // What is added before it moves nothing.
    const added = await post('/orders', { id: '5', customerId: 'ada' });
    const second = await get(first.body.next ?? '', { 'mink-token': added.headers.get('mink-token') ?? '' });
    expect(second.body.orders?.map(({ id }) => id)).toEqual(['2', '1']);
    expect(second.body.next).toBeNull();
  });

  it.each([
    'colour=red',
    'status=lost',
    'min-total=-1',
    'min-total=x',
    'order-by=colour',
    'limit=0',
    'limit=101',
    'after=nonsense',
    'customer=',
  ])('refuses the query %s', async (query) => {
    const { list } = await startWithOrders();
    expect(await list(query)).toMatchObject({ status: 400, body: { code: 'INVALID_QUERY' } });
  });

  it('does not take the page of another order', async () => {
    const { list, get } = await startWithOrders();
    const { body } = await list('limit=2');
    const reply = await get(`${body.next}&order-by=total`);
    expect(reply).toMatchObject({ status: 400, body: { issues: [{ path: 'after' }] } });
  });
});

describe('reading what was just written', () => {
  it('shows a write to a read that brings its token', async () => {
    const { post, get, startEngine } = startService();
    await startEngine();
    for (const id of Array.from({ length: 20 }, (_, index) => String(index))) {
      const { headers } = await post('/orders', { id, customerId: 'ada' });
      const token = headers.get('mink-token') ?? '';
      const { body } = await get('/orders?limit=100', { 'mink-token': token });
      expect(body.orders?.map((order) => order.id)).toContain(id);
    }
  });

  it('says 503 and who is late while the list stands still', async () => {
    const { post, get, startEngine, reportError } = startService();
    const engine = await startEngine();
    await engine.pause({ name: 'order-list', version: 1 });
    const { headers } = await post('/orders', { id: '42', customerId: 'ada' });
    const reply = await get('/orders', { 'mink-token': headers.get('mink-token') ?? '' });
    expect(reply).toMatchObject({
      status: 503,
      body: {
        code: 'PROJECTION_BEHIND',
        projection: 'order-list',
        state: 'paused',
        lagEvents: 1,
        position: 0,
        wanted: 1,
      },
    });
    expect(reply.headers.get('retry-after')).toBe('5');
    expect(reportError).toHaveBeenCalledOnce();
    // Who does not ask for it gets what there is.
    expect(await get('/orders')).toMatchObject({ status: 200, body: { orders: [] } });
  });

  it('says 400 for the token of another service', async () => {
    const { headers } = await startService().post('/orders', { id: '42', customerId: 'ada' });
    const reply = await startService().get('/orders', { 'mink-token': headers.get('mink-token') ?? '' });
    expect(reply).toMatchObject({ status: 400, body: { code: 'INVALID_TOKEN' } });
  });
});

describe('GET /customers/:id', () => {
  it('shows what is open, at once and without an engine', async () => {
    const { post, get, openOrder } = startService();
    await openOrder('1');
    await post('/orders', { id: '2', customerId: 'ada' });
    await openOrder('3');
    await post('/orders/3/cancel', { reason: 'r' });
    const { status, body } = await get('/customers/ada');
    expect(status).toBe(200);
    expect(body).toEqual({
      customerId: 'ada',
      open: 59.98,
      limit: 10_000,
      left: 9940.02,
      orders: [
        { id: '1', total: 59.98, openedAt: '2026-01-31T12:00:00.000Z' },
        { id: '2', total: 0, openedAt: '2026-01-31T12:00:00.000Z' },
      ],
    });
    expect((await get('/customers/nobody')).body).toMatchObject({ open: 0, orders: [] });
  });
});
