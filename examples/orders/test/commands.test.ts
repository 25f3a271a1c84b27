import { describe, expect, it } from 'vitest';
import { item, startService } from './support/order-client.ts';

describe('POST /orders', () => {
  it('creates an order with a new id and says where it is', async () => {
    const { post, get } = startService();
    const created = await post('/orders', { customerId: 'ada' });
    expect(created.status).toBe(201);
    expect(created.headers.get('etag')).toBe('"1"');
    const location = created.headers.get('location') ?? '';
    expect(location).toBe(`/orders/${created.body.id}`);
    expect((await get(location)).body).toEqual(created.body);
  });

  it('creates an order with the id of the client', async () => {
    const { post } = startService();
    const created = await post('/orders', { id: 'order-123', customerId: 'ada' });
    expect(created.headers.get('location')).toBe('/orders/order-123');
    expect(created.body).toEqual({
      id: 'order-123',
      version: 1,
      status: 'open',
      customerId: 'ada',
      reference: null,
      items: [],
      total: 0,
    });
  });

  it('refuses to create an order twice', async () => {
    const { post } = startService();
    await post('/orders', { id: '42', customerId: 'ada' });
    const again = await post('/orders', { id: '42', customerId: 'bob' });
    expect(again).toMatchObject({ status: 409, body: { code: 'ORDER_ALREADY_EXISTS', instance: '/orders' } });
  });

  it.each(['', '-42', 'a/b', '../42', 'a b', 'ä', 'x'.repeat(65)])('refuses the id %j', async (id) => {
    const { post } = startService();
    const reply = await post('/orders', { id, customerId: 'ada' });
    expect(reply.status).toBe(422);
    expect(reply.body.issues).toMatchObject([{ path: 'id' }]);
  });
});

describe('the life of an order', () => {
  it('goes from items to confirmation to shipping', async () => {
    const { post, openOrder } = startService();
    await openOrder();
    await post('/orders/42/items', { sku: 'SKU-002', quantity: 1, price: 0.1 });
    const confirmed = await post('/orders/42/confirm');
    expect(confirmed).toMatchObject({ status: 200, body: { version: 4, status: 'confirmed', total: 60.08 } });
    const shipped = await post('/orders/42/ship', { trackingNumber: 'T-1' });
    expect(shipped.headers.get('etag')).toBe('"5"');
    expect(shipped.body).toEqual({
      id: '42',
      version: 5,
      status: 'shipped',
      customerId: 'ada',
      reference: null,
      items: [item, { sku: 'SKU-002', quantity: 1, price: 0.1 }],
      total: 60.08,
      trackingNumber: 'T-1',
    });
  });

  it('may end with a cancellation, before and after it was confirmed', async () => {
    const { post, openOrder } = startService();
    await openOrder('a');
    await openOrder('b');
    await post('/orders/b/confirm');
    expect((await post('/orders/a/cancel', { reason: 'changed my mind' })).body).toMatchObject({ status: 'cancelled' });
    expect((await post('/orders/b/cancel', { reason: 'too late' })).body).toMatchObject({ reason: 'too late' });
  });

  it('takes no items, confirmation, shipping or cancellation once it was shipped', async () => {
    const { post, openOrder } = startService();
    await openOrder();
    await post('/orders/42/confirm');
    await post('/orders/42/ship', { trackingNumber: 'T-1' });
    const refused = {
      status: 409,
      body: {
        type: '/problems/order-already-shipped',
        title: 'The order was shipped already',
        status: 409,
        code: 'ORDER_ALREADY_SHIPPED',
        trackingNumber: 'T-1',
      },
    };
    expect(await post('/orders/42/items', item)).toMatchObject(refused);
    expect(await post('/orders/42/confirm')).toMatchObject(refused);
    expect(await post('/orders/42/ship', { trackingNumber: 'T-2' })).toMatchObject(refused);
    expect(await post('/orders/42/cancel', { reason: 'r' })).toMatchObject(refused);
  });

  it('refuses what its status does not allow', async () => {
    const { post, openOrder } = startService();
    await post('/orders', { id: 'empty', customerId: 'ada' });
    expect((await post('/orders/empty/confirm')).body.code).toBe('ORDER_EMPTY');
    await openOrder();
    expect((await post('/orders/42/ship', { trackingNumber: 'T-1' })).body.code).toBe('ORDER_NOT_CONFIRMED');
    await post('/orders/42/confirm');
    expect((await post('/orders/42/confirm')).body.code).toBe('ORDER_ALREADY_CONFIRMED');
    expect((await post('/orders/42/items', item)).body.code).toBe('ORDER_ALREADY_CONFIRMED');
    await post('/orders/42/cancel', { reason: 'r' });
    const cancelled = await post('/orders/42/cancel', { reason: 'r' });
    expect(cancelled).toMatchObject({ status: 409, body: { code: 'ORDER_ALREADY_CANCELLED', reason: 'r' } });
  });
});

describe('bodies', () => {
  it.each([
    ['items', { ...item, quantity: 0 }, 'quantity'],
    ['items', { ...item, quantity: 1.5 }, 'quantity'],
    ['items', { ...item, quantity: '2' }, 'quantity'],
    ['items', { ...item, price: -1 }, 'price'],
    ['items', { ...item, price: 29.999 }, 'price'],
    ['items', { ...item, sku: '   ' }, 'sku'],
    ['items', { ...item, sku: 'a\u0000' }, 'sku'],
    ['items', { ...item, sku: '\ud800' }, 'sku'],
    ['items', { ...item, qty: 3 }, ''],
    ['items', [item], ''],
    ['items', 'null', ''],
    ['ship', {}, 'trackingNumber'],
    ['ship', { trackingNumber: 7 }, 'trackingNumber'],
    ['cancel', { reason: '' }, 'reason'],
    ['cancel', { reason: 'x'.repeat(201) }, 'reason'],
  ])('refuses for %s the body %j', async (action, body, path) => {
    const { post, get, openOrder } = startService();
    await openOrder();
    const reply = await post(`/orders/42/${action}`, body);
    expect(reply).toMatchObject({ status: 422, body: { code: 'INVALID_BODY' } });
    expect(reply.body.issues?.map((issue) => issue.path)).toContain(path);
    expect((await get('/orders/42')).body.version).toBe(2);
  });

  it('refuses a customer that is missing or no text', async () => {
    const { post } = startService();
    expect((await post('/orders', {})).body.issues).toMatchObject([{ path: 'customerId' }]);
    expect((await post('/orders', { customerId: 7 })).status).toBe(422);
  });

  it.each(['', '{', '{"customerId":}', 'customerId=ada'])('refuses %j, which is not JSON', async (body) => {
    const { post } = startService();
    expect(await post('/orders', body)).toMatchObject({ status: 400, body: { code: 'MALFORMED_JSON' } });
  });

  it('refuses a body above the limit, with and without a declared length', async () => {
    const { app, post } = startService();
    const large = JSON.stringify({ customerId: 'x'.repeat(70_000) });
    expect(await post('/orders', large)).toMatchObject({
      status: 413,
      body: { code: 'BODY_TOO_LARGE', maxBytes: 65_536 },
    });
    const declared = await app.request('/orders', {
      method: 'POST',
      headers: { 'content-length': '70000' },
      body: '{}',
    });
    expect(declared.status).toBe(413);
  });
});
