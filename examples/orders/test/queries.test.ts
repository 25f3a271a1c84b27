import { describe, expect, it } from 'vitest';
import { item, startService } from './support/order-client.ts';

describe('GET /orders/:id', () => {
  it('answers with the state, the version and its ETag', async () => {
    const { get, openOrder } = startService();
    await openOrder();
    const reply = await get('/orders/42');
    expect(reply.status).toBe(200);
    expect(reply.headers.get('etag')).toBe('"2"');
    expect(reply.body).toEqual({
      id: '42',
      version: 2,
      status: 'open',
      customerId: 'ada',
      reference: null,
      items: [item],
      total: 59.98,
    });
  });

  it.each(['unknown', 'x'.repeat(600), '%00', 'a%2Fb', '%zz'])('answers 404 for the id %s', async (id) => {
    const { get } = startService();
    expect(await get(`/orders/${id}`)).toMatchObject({ status: 404, body: { code: 'ORDER_NOT_FOUND' } });
  });

  it('answers with the state at a past version', async () => {
    const { get, openOrder } = startService();
    await openOrder();
    const reply = await get('/orders/42?version=1');
    expect(reply).toMatchObject({ status: 200, body: { version: 1, items: [], total: 0 } });
    expect(reply.headers.get('etag')).toBe('"1"');
  });

  it('answers 404 for a version that is not there yet', async () => {
    const { get, openOrder } = startService();
    await openOrder();
    expect(await get('/orders/42?version=3')).toMatchObject({
      status: 404,
      body: { code: 'ORDER_VERSION_NOT_FOUND', version: 3, actualVersion: 2 },
    });
  });

  it('answers with the state at a past time', async () => {
    const { clock, post, get } = startService();
    await post('/orders', { id: '42', customerId: 'ada' });
    clock.now = Date.parse('2026-01-31T13:00:00Z');
    await post('/orders/42/items', item);
    expect((await get('/orders/42?at=2026-01-31T12:59:59.999Z')).body.version).toBe(1);
    expect((await get('/orders/42?at=2026-01-31T13:00:00Z')).body.version).toBe(2);
    expect((await get('/orders/42?at=2026-01-31T14:30:00%2B02:00')).body.version).toBe(1);
    expect((await get('/orders/42?at=2030-01-01T00:00:00Z')).body.version).toBe(2);
  });

  it('answers 404 for a time before the order was created', async () => {
    const { get, openOrder } = startService();
    await openOrder();
    const reply = await get('/orders/42?at=2026-01-31T11:59:59Z');
    expect(reply).toMatchObject({ status: 404, body: { code: 'ORDER_NOT_FOUND', at: '2026-01-31T11:59:59.000Z' } });
  });

  it.each([
    'at=yesterday',
    'at=2026-02-30T00:00:00Z',
    'at=2026-01-31',
    'at=2026-01-31T14:30:00+02:00',
    'at=',
    'version=0',
    'version=-1',
    'version=1.5',
    'version=two',
    'version=99999999999999999999',
    'version=1&at=2026-01-31T12:00:00Z',
  ])('refuses the query %s', async (query) => {
    const { get, openOrder } = startService();
    await openOrder();
    expect(await get(`/orders/42?${query}`)).toMatchObject({ status: 400, body: { code: 'INVALID_QUERY' } });
  });
});

describe('GET /orders/:id/history', () => {
  it('lists what happened, with version, time, data and metadata', async () => {
    const { post, get, openOrder } = startService();
    await openOrder();
    await post('/orders/42/confirm', undefined, { 'x-correlation-id': 'c-1', 'x-user-id': 'u-1' });
    const { status, body } = await get('/orders/42/history');
    expect(status).toBe(200);
    expect(body.next).toBeNull();
    expect(body.events?.map(({ version, type, data }) => ({ version, type, data }))).toEqual([
      { version: 1, type: 'OrderCreated', data: { customerId: 'ada', reference: null } },
      { version: 2, type: 'ItemAdded', data: item },
      { version: 3, type: 'OrderConfirmed', data: { total: 59.98 } },
    ]);
    expect(body.events?.[2]).toMatchObject({
      time: '2026-01-31T12:00:00.000Z',
      metadata: { correlationId: 'c-1', userId: 'u-1' },
    });
  });

  it('says what each event has changed, and the state after it if that is wanted', async () => {
    const { get, openOrder } = startService();
    await openOrder();
    const { body } = await get('/orders/42/history');
    expect(body.events?.[1]?.changes).toEqual([
      { path: 'items[0]', after: item },
      { path: 'total', before: 0, after: 59.98 },
    ]);
    expect(body.events?.[1]).not.toHaveProperty('state');
    const { body: withStates } = await get('/orders/42/history?states=true&after=1');
    const { id: _id, version: _version, ...state } = (await get('/orders/42?version=2')).body;
    expect(withStates.events).toMatchObject([{ version: 2, state }]);
  });

  it('comes in pages', async () => {
    const { post, get, openOrder } = startService();
    await openOrder();
    await post('/orders/42/confirm');
    const first = await get('/orders/42/history?limit=2');
    expect(first.body.events).toHaveLength(2);
    expect(first.body.next).toBe('/orders/42/history?limit=2&after=2');
    const second = await get(first.body.next ?? '');
    expect(second.body.events).toMatchObject([{ version: 3 }]);
    expect(second.body.next).toBeNull();
    for (const after of [3, 999_999_999_999_999]) {
      expect((await get(`/orders/42/history?after=${after}`)).body.events).toEqual([]);
    }
  });

  it('answers 404 for an unknown order', async () => {
    const { get } = startService();
    expect(await get('/orders/42/history')).toMatchObject({ status: 404, body: { code: 'ORDER_NOT_FOUND' } });
  });

  it.each(['limit=0', 'limit=1001', 'limit=x', 'after=-1', 'states=maybe'])('refuses the query %s', async (query) => {
    const { get, openOrder } = startService();
    await openOrder();
    expect(await get(`/orders/42/history?${query}`)).toMatchObject({ status: 400, body: { code: 'INVALID_QUERY' } });
  });
});
