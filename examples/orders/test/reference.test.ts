import { describe, expect, it } from 'vitest';
import { startService } from './support/order-client.ts';

const order = { customerId: 'ada', reference: 'PO-17' };

describe('the reference of an order', () => {
  it('may be left out, and is part of the order', async () => {
    const { post, get } = startService();
    await post('/orders', { ...order, id: '1' });
    await post('/orders', { id: '2', customerId: 'ada' });
    await post('/orders', { id: '3', customerId: 'ada', reference: null });
    const references = await Promise.all(['1', '2', '3'].map(async (id) => (await get(`/orders/${id}`)).body));
    expect(references).toMatchObject([{ reference: 'PO-17' }, { reference: null }, { reference: null }]);
  });

  it('belongs to one order', async () => {
    const { post, get } = startService();
    const replies = await Promise.all(['1', '2', '3'].map((id) => post('/orders', { ...order, id })));
    expect(replies.filter(({ status }) => status === 201)).toHaveLength(1);
    const refused = { status: 409, body: { code: 'REFERENCE_TAKEN', reference: 'PO-17' } };
    expect(replies.filter(({ status }) => status !== 201)).toMatchObject([refused, refused]);
    expect(await post('/orders', { ...order, id: '4', reference: ' PO-17 ' })).toMatchObject(refused);
    expect((await get('/orders/4')).status).toBe(404);
  });

  it('is free again once its order is cancelled, for a command that was refused, too', async () => {
    const { post } = startService();
    await post('/orders', { ...order, id: '1' });
    const key = { 'idempotency-key': 'k-1' };
    expect((await post('/orders', { ...order, id: '2' }, key)).status).toBe(409);
    await post('/orders/1/cancel', { reason: 'changed my mind' });
    expect((await post('/orders', { ...order, id: '2' }, key)).status).toBe(201);
  });
});
