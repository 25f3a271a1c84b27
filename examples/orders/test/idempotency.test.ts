import { createMemoryStorage } from 'mink/memory';
import { describe, expect, it } from 'vitest';
import { item, startService } from './support/order-client.ts';

const key = { 'idempotency-key': '"8e03978e-40d5-43dd-bc93-6894a57f9324"' };

describe('Idempotency-Key', () => {
  it('has one effect and one answer, however often it is sent', async () => {
    const { post, get, openOrder } = startService();
    await openOrder();
    const first = await post('/orders/42/items', item, key);
    expect(first).toMatchObject({ status: 200, body: { version: 3 } });
    await post('/orders/42/confirm');
    const again = await post('/orders/42/items', item, key);
    expect(again).toEqual({ ...first, headers: expect.any(Headers) });
    expect(again.headers.get('etag')).toBe('"3"');
    expect((await get('/orders/42')).body.version).toBe(4);
  });

  it('gives one order to whoever creates it twice without an id', async () => {
    const { post } = startService();
    const create = () => post('/orders', { customerId: 'ada' }, key);
    const [first, ...others] = await Promise.all([create(), create(), create()]);
    for (const other of [...others, await create()]) {
      expect(other).toMatchObject({ status: 201, body: first.body });
      expect(other.headers.get('location')).toBe(first.headers.get('location'));
    }
  });

  it('has one effect in two processes', async () => {
    const storage = createMemoryStorage();
    const [one, other] = [startService(storage), startService(storage)];
    await one.openOrder();
    const services = [one, other, one, other];
    const replies = await Promise.all(services.map(({ post }) => post('/orders/42/items', item, key)));
    expect(replies.map(({ body }) => body.version)).toEqual([3, 3, 3, 3]);
    expect((await one.get('/orders/42')).body.version).toBe(3);
  });

  it('is refused again as it was at first', async () => {
    const { post, openOrder } = startService();
    await post('/orders', { id: '42', customerId: 'ada' });
    const first = await post('/orders/42/confirm', undefined, key);
    expect(first).toMatchObject({ status: 409, body: { code: 'ORDER_EMPTY' } });
    await openOrder();
    expect((await post('/orders/42/confirm', undefined, key)).body).toEqual(first.body);
    await openOrder('7');
    await post('/orders/7/confirm');
    await post('/orders/7/ship', { trackingNumber: 'T-1' });
    const other = { 'idempotency-key': 'k-2' };
    const shipped = await post('/orders/7/confirm', undefined, other);
    expect(shipped.body).toMatchObject({ code: 'ORDER_ALREADY_SHIPPED', trackingNumber: 'T-1' });
    expect((await post('/orders/7/confirm', undefined, other)).body).toEqual(shipped.body);
  });

  it('is found although the version of If-Match has passed', async () => {
    const { post, openOrder } = startService();
    await openOrder();
    const headers = { ...key, 'if-match': '"2"' };
    expect((await post('/orders/42/items', item, headers)).body.version).toBe(3);
    expect(await post('/orders/42/items', item, headers)).toMatchObject({ status: 200, body: { version: 3 } });
  });

  it('may be used again after a lost race: nothing was done', async () => {
    const { post, openOrder } = startService();
    await openOrder();
    expect((await post('/orders/42/items', item, { ...key, 'if-match': '"1"' })).status).toBe(409);
    expect((await post('/orders/42/items', item, { ...key, 'if-match': '"2"' })).status).toBe(200);
  });

  it('is refused for another command, another order and other data', async () => {
    const { post, get, openOrder } = startService();
    await openOrder('42');
    await openOrder('43');
    await post('/orders/42/items', item, key);
    const reused = { status: 422, body: { code: 'IDEMPOTENCY_KEY_REUSED' } };
    expect(await post('/orders/42/confirm', undefined, key)).toMatchObject(reused);
    expect(await post('/orders/43/items', item, key)).toMatchObject(reused);
    expect(await post('/orders/42/items', { ...item, quantity: 3 }, key)).toMatchObject(reused);
    expect((await get('/orders/43')).body.version).toBe(2);
  });

  it('is the same with and without quotes', async () => {
    const { post, openOrder } = startService();
    await openOrder();
    expect((await post('/orders/42/items', item, { 'idempotency-key': 'k-1' })).body.version).toBe(3);
    expect((await post('/orders/42/items', item, { 'idempotency-key': '"k-1"' })).body.version).toBe(3);
  });

  it.each(['', 'has space', '"open', '""', 'x'.repeat(256)])('is refused as %j', async (value) => {
    const { post } = startService();
    const reply = await post('/orders', { customerId: 'ada' }, { 'idempotency-key': value });
    expect(reply).toMatchObject({ status: 400, body: { code: 'INVALID_IDEMPOTENCY_KEY' } });
  });
});
