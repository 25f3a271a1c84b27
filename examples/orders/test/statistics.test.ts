import { expect, it } from 'vitest';
import { item, startService } from './support/order-client.ts';

it('shows the figures of today', async () => {
  const { get, post, openOrder, live, clock } = startService();
  await live.ready();
  await openOrder('1');
  await post('/orders/1/confirm');
  await expect.poll(async () => (await get('/statistics')).body).toMatchObject({ confirmed: 1 });
  expect((await get('/statistics')).body).toEqual({
    state: 'live',
    day: '2026-01-31',
    placed: 1,
    confirmed: 1,
    shipped: 0,
    cancelled: 0,
    revenue: 59.98,
    recent: [{ id: '1', customerId: 'ada', placedAt: '2026-01-31T12:00:00.000Z' }],
  });
  clock.now += 24 * 60 * 60 * 1_000;
  expect((await get('/statistics')).body).toMatchObject({ day: '2026-02-01', placed: 0, recent: [] });
});

it('pushes what changes, and ends when the service stops', async () => {
  const { app, post, live, stopping } = startService();
  await live.ready();
  const response = await app.request('/statistics/changes');
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  const read = reader?.read();
  await post('/orders', { id: '42', customerId: 'ada' });
  expect((await read)?.value).toMatch(/^event: day\ndata: \{"day":"2026-01-31",.*"placed":1,/u);
  await post('/orders/42/items', item); // which changes none of the figures
  stopping.abort();
  expect(await reader?.read()).toEqual({ done: true, value: undefined });
});
