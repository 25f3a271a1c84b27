import { describe, expect, it } from 'vitest';
import { startService } from './support/order-client.ts';

const WRITERS = 20;

describe('parallel requests', () => {
  it('all add their item to the same order', async () => {
    const { post, get } = startService();
    await post('/orders', { id: '42', customerId: 'ada' });
    const skus = Array.from({ length: WRITERS }, (_, index) => `SKU-${index}`);
    const replies = await Promise.all(skus.map((sku) => post('/orders/42/items', { sku, quantity: 1, price: 0.1 })));
    expect(replies.map(({ status }) => status)).toEqual(skus.map(() => 200));
    const { body } = await get('/orders/42');
    expect(body).toMatchObject({ version: 1 + WRITERS, total: 2 });
    expect(body.items).toHaveLength(WRITERS);
    expect(body.items).toEqual(expect.arrayContaining(skus.map((sku) => ({ sku, quantity: 1, price: 0.1 }))));
  });

  it('let exactly one of them create an order', async () => {
    const { post } = startService();
    const replies = await Promise.all(
      Array.from({ length: WRITERS }, () => post('/orders', { id: '42', customerId: 'ada' })),
    );
    expect(replies.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(replies.filter(({ body }) => body.code === 'ORDER_ALREADY_EXISTS')).toHaveLength(WRITERS - 1);
  });

  it('let exactly one of them through at the same If-Match', async () => {
    const { post, get, openOrder } = startService();
    await openOrder();
    const replies = await Promise.all(
      Array.from({ length: WRITERS }, () =>
        post('/orders/42/items', { sku: 'S', quantity: 1, price: 1 }, { 'if-match': '"2"' }),
      ),
    );
    expect(replies.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(replies.filter(({ body }) => body.code === 'CONCURRENCY_CONFLICT')).toHaveLength(WRITERS - 1);
    expect((await get('/orders/42')).body.version).toBe(3);
  });
});
