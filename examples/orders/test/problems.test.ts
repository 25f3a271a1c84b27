import {
  AppendOutcomeUnknownError,
  currentMetadata,
  DatabaseUnavailableError,
  InlineSetChangedError,
  KeyParkedError,
  LogRewoundError,
  OverloadedError,
} from 'mink';
import { createMemoryStorage } from 'mink/memory';
import { describe, expect, it, vi } from 'vitest';
import { toProblem } from '../src/http/to-problem.ts';
import { item, startService } from './support/order-client.ts';

describe('problems', () => {
  it('are documents as RFC 9457 has them', async () => {
    const { get } = startService();
    const reply = await get('/orders/42');
    expect(reply.headers.get('content-type')).toBe('application/problem+json');
    expect(reply.body).toEqual({
      type: '/problems/order-not-found',
      title: 'There is no such order',
      status: 404,
      detail: 'There is no such order. Create it first, or check the id.',
      instance: '/orders/42',
      code: 'ORDER_NOT_FOUND',
    });
  });

  it('have a type that can be looked up', async () => {
    const { app, get } = startService();
    const description = await app.request('/problems/order-not-found');
    expect(await description.text()).toContain('There is no such order');
    expect((await get('/problems/nonsense')).status).toBe(404);
  });

  it.each([
    ['items', item],
    ['confirm', undefined],
    ['ship', { trackingNumber: 'T-1' }],
    ['cancel', { reason: 'r' }],
  ])('say 404 for %s on an unknown order', async (action, body) => {
    const { post } = startService();
    expect(await post(`/orders/none/${action}`, body)).toMatchObject({
      status: 404,
      body: { code: 'ORDER_NOT_FOUND' },
    });
  });

  it.each(['/nonsense', '/orders/42/nonsense', '/orders/'])('say 404 for the route %s', async (path) => {
    const { get } = startService();
    expect(await get(path)).toMatchObject({ status: 404, body: { code: 'ROUTE_NOT_FOUND', instance: path } });
  });

  it.each([
    ['PUT', '/orders', 'POST, GET, HEAD'],
    ['DELETE', '/orders/42', 'GET, HEAD'],
    ['PUT', '/orders/42/items', 'POST'],
    ['POST', '/orders/42/history', 'GET, HEAD'],
  ])('say 405 for %s %s and what is possible', async (method, path, allow) => {
    const { send } = startService();
    const reply = await send(method, path);
    expect(reply).toMatchObject({ status: 405, body: { code: 'METHOD_NOT_ALLOWED' } });
    expect(reply.headers.get('allow')).toBe(allow);
  });

  it.each([
    [503, 'KEY_PARKED', new KeyParkedError({ name: 'order-list', version: 1 }, { key: 'Order-42', position: 7 })],
    [409, 'LOG_REWOUND', new LogRewoundError(7, 3)],
    [503, 'INLINE_SET_CHANGED', new InlineSetChangedError({ missing: ['"stock" version 1'], inactive: [] })],
  ])('say %s and %s, and nothing of what is for operators', (status, code, error) => {
    const problem = toProblem(error);
    expect(problem).toMatchObject({ status, code });
    expect(problem.message).not.toContain(error.message);
  });

  it('say 503 and when to come back while the database is unavailable', async () => {
    const storage = createMemoryStorage();
    vi.spyOn(storage, 'readStreamPage').mockRejectedValue(
      new DatabaseUnavailableError('connect ECONNREFUSED 10.0.0.7'),
    );
    const { get, post, reportError } = startService(storage);
    const reply = await get('/orders/42');
    expect(reply).toMatchObject({ status: 503, body: { code: 'DATABASE_UNAVAILABLE' } });
    expect(reply.headers.get('retry-after')).toBe('5');
    expect(JSON.stringify(reply.body)).not.toContain('10.0.0.7');
    expect((await post('/orders/42/confirm')).status).toBe(503);
    expect(reportError).toHaveBeenCalledTimes(2);
  });

  it('say 503 once the store is closed', async () => {
    const { store, get } = startService();
    await store.close();
    expect((await get('/orders/42')).status).toBe(503);
  });

  it('say so when it is unknown whether a command was recorded', async () => {
    const storage = createMemoryStorage();
    vi.spyOn(storage, 'append').mockRejectedValue(new AppendOutcomeUnknownError(['Order-42'], ['e-1'], undefined));
    const { post } = startService(storage);
    const reply = await post('/orders', { customerId: 'ada' });
    expect(reply).toMatchObject({ status: 503, body: { code: 'APPEND_OUTCOME_UNKNOWN' } });
    expect(reply.headers.get('retry-after')).toBeNull();
  });

  it('say 503 when too much is waiting', async () => {
    const storage = createMemoryStorage();
    vi.spyOn(storage, 'append').mockRejectedValue(new OverloadedError(10_000));
    const { post } = startService(storage);
    expect(await post('/orders', { customerId: 'ada' })).toMatchObject({ status: 503 });
  });

  it('say 503 when there is no answer in time', async () => {
    const storage = createMemoryStorage();
    vi.spyOn(storage, 'append').mockReturnValue(new Promise(() => undefined));
    const { post } = startService(storage, { timeout: 5 });
    const reply = await post('/orders', { customerId: 'ada' });
    expect(reply).toMatchObject({ status: 503, body: { code: 'TIMEOUT' } });
    expect(reply.body.detail).toContain('Idempotency-Key');
    expect(reply.headers.get('retry-after')).toBeNull();
  });

  it('say 403 for what a policy does not allow', async () => {
    const authorize = () => currentMetadata().userId === 'ada' || 'only ada may';
    const { post } = startService(createMemoryStorage(), { authorize });
    const order = { id: '42', customerId: 'ada' };
    expect(await post('/orders', order)).toMatchObject({ status: 403, body: { code: 'NOT_AUTHORIZED' } });
    expect((await post('/orders', order, { 'x-user-id': 'ada' })).status).toBe(201);
  });

  it('keep the cause of an unknown error in the log', async () => {
    const storage = createMemoryStorage();
    const cause = new Error('password=secret');
    vi.spyOn(storage, 'readStreamPage').mockRejectedValue(cause);
    const { get, reportError } = startService(storage);
    const reply = await get('/orders/42', { 'x-correlation-id': 'c-7' });
    expect(reply).toMatchObject({ status: 500, body: { code: 'INTERNAL_ERROR' } });
    expect(reply.body.detail).toContain('c-7');
    expect(JSON.stringify(reply.body)).not.toContain('secret');
    expect(reportError).toHaveBeenCalledWith(cause, { method: 'GET', path: '/orders/42', correlationId: 'c-7' });
  });
});

describe('the correlation id', () => {
  it('comes back as it was sent, on answers and problems', async () => {
    const { get, openOrder } = startService();
    await openOrder();
    const headers = { 'x-correlation-id': 'req:7.1' };
    for (const path of ['/orders/42', '/orders/none', '/nonsense']) {
      expect((await get(path, headers)).headers.get('x-correlation-id')).toBe('req:7.1');
    }
  });

  it.each([{}, { 'x-correlation-id': 'has space' }, { 'x-correlation-id': 'x'.repeat(129) }])(
    'is new for the headers %j',
    async (headers) => {
      const { post, get } = startService();
      const created = await post('/orders', { id: '42', customerId: 'ada' }, headers);
      const correlationId = created.headers.get('x-correlation-id');
      expect(correlationId).toMatch(/^[0-9a-f-]{36}$/);
      const { body } = await get('/orders/42/history');
      expect(body.events).toMatchObject([{ metadata: { correlationId } }]);
    },
  );
});
