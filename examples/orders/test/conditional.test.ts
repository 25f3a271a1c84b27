import { describe, expect, it } from 'vitest';
import { item, startService } from './support/order-client.ts';

describe('If-Match', () => {
  it('lets a command through at the version the client has seen', async () => {
    const { post, openOrder } = startService();
    await openOrder();
    const reply = await post('/orders/42/items', item, { 'if-match': '"2"' });
    expect(reply).toMatchObject({ status: 200, body: { version: 3 } });
  });

  it.each(['"1"', '"9"'])('answers %s with 409 and the actual version', async (ifMatch) => {
    const { post, get, openOrder } = startService();
    await openOrder();
    const reply = await post('/orders/42/items', item, { 'if-match': ifMatch });
    expect(reply).toMatchObject({
      status: 409,
      body: { code: 'CONCURRENCY_CONFLICT', expectedVersion: Number(JSON.parse(ifMatch)), actualVersion: 2 },
    });
    expect((await get('/orders/42')).body.version).toBe(2);
  });

  it('applies to every command on an order', async () => {
    const { post, openOrder } = startService();
    await openOrder();
    const stale = { 'if-match': '"1"' };
    expect((await post('/orders/42/confirm', undefined, stale)).status).toBe(409);
    expect((await post('/orders/42/ship', { trackingNumber: 'T-1' }, stale)).body.code).toBe('CONCURRENCY_CONFLICT');
    expect((await post('/orders/42/cancel', { reason: 'r' }, stale)).body.code).toBe('CONCURRENCY_CONFLICT');
  });

  it('takes * for any version of an order that exists', async () => {
    const { post, openOrder } = startService();
    await openOrder();
    expect((await post('/orders/42/items', item, { 'if-match': '*' })).status).toBe(200);
    expect((await post('/orders/none/items', item, { 'if-match': '*' })).status).toBe(404);
  });

  it('answers 404 for a version of an unknown order', async () => {
    const { post } = startService();
    const reply = await post('/orders/none/items', item, { 'if-match': '"3"' });
    expect(reply).toMatchObject({ status: 404, body: { code: 'ORDER_NOT_FOUND' } });
  });

  it.each(['2', '"two"', 'W/"2"', '"0"', '"2", "3"', '"2', '"-1"', '"1e3"'])('refuses %s', async (ifMatch) => {
    const { post, openOrder } = startService();
    await openOrder();
    const reply = await post('/orders/42/items', item, { 'if-match': ifMatch });
    expect(reply).toMatchObject({ status: 400, body: { code: 'INVALID_IF_MATCH' } });
  });
});

describe('If-None-Match', () => {
  it.each(['"2"', 'W/"2"', '"1", "2"', '*'])('answers %s with 304 and no body', async (ifNoneMatch) => {
    const { app, openOrder } = startService();
    await openOrder();
    const response = await app.request('/orders/42', { headers: { 'if-none-match': ifNoneMatch } });
    expect(response.status).toBe(304);
    expect(response.headers.get('etag')).toBe('"2"');
    expect(await response.text()).toBe('');
  });

  it.each(['"1"', 'nonsense'])('answers %s with the order', async (ifNoneMatch) => {
    const { get, openOrder } = startService();
    await openOrder();
    expect(await get('/orders/42', { 'if-none-match': ifNoneMatch })).toMatchObject({
      status: 200,
      body: { version: 2 },
    });
  });
});
