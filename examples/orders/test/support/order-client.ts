import { createLiveProjection, createProjectionEngine, type EventStorage, type PipelineOptions } from 'mink';
import { createMemoryStorage } from 'mink/memory';
import { onTestFinished, vi } from 'vitest';
import { z } from 'zod';
import { createApp, type FailedRequest } from '../../src/app.ts';
import { createOrderStore } from '../../src/order-store.ts';
import { orderList } from '../../src/projections/order-list.ts';
import { statistics } from '../../src/projections/statistics.ts';

/** The fields of the service's answers that tests look at. */
const answer = z.looseObject({
  id: z.string().optional(),
  version: z.number().optional(),
  status: z.union([z.string(), z.number()]).optional(),
  items: z.array(z.unknown()).optional(),
  total: z.number().optional(),
  code: z.string().optional(),
  detail: z.string().optional(),
  issues: z.array(z.object({ path: z.string(), reason: z.string() })).optional(),
  events: z
    .array(
      z.object({
        version: z.number(),
        type: z.string(),
        time: z.string(),
        data: z.unknown(),
        metadata: z.record(z.string(), z.unknown()),
        changes: z.array(z.looseObject({ path: z.string() })),
        state: z.unknown().optional(),
      }),
    )
    .optional(),
  next: z.string().nullable().optional(),
  orders: z.array(z.looseObject({ id: z.string() })).optional(),
});

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: z.infer<typeof answer>;
}

/** The service over a memory store, with a clock that stands still until it is moved. */
export function startService(storage?: EventStorage, pipeline?: PipelineOptions) {
  const clock = { now: Date.parse('2026-01-31T12:00:00Z') };
  const reportError = vi.fn<(error: unknown, request: FailedRequest) => void>();
  const store = createOrderStore(storage ?? createMemoryStorage({ now: () => clock.now }));
  const live = createLiveProjection(store, statistics, { from: 'start' });
  onTestFinished(() => live.close());
  const stopping = new AbortController();
  const app = createApp({
    store,
    statistics: live,
    readTimeout: 100,
    stopping: stopping.signal,
    now: () => clock.now,
    pipeline,
    reportError,
  });

  async function send(
    method: string,
    path: string,
    options: { body?: unknown; headers?: Record<string, string> } = {},
  ) {
    const { body, headers } = options;
    const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
    const response = await app.request(path, { method, headers: headers ?? {}, body: text ?? null });
    return readReply(response);
  }

  const post = (path: string, body?: unknown, headers?: Record<string, string>) =>
    send('POST', path, { body, ...(headers && { headers }) });
  const get = (path: string, headers?: Record<string, string>) => send('GET', path, { ...(headers && { headers }) });

  /** An order with one item, at version 2. */
  async function openOrder(id = '42') {
    await post('/orders', { id, customerId: 'ada' });
    await post(`/orders/${id}/items`, item);
  }

  /** Keeps the list up to date until the test is over. */
  async function startEngine() {
    const engine = createProjectionEngine(store, [orderList], { tries: 1 });
    await engine.start();
    onTestFinished(() => engine.close());
    return engine;
  }

  return { app, store, clock, live, stopping, reportError, send, post, get, openOrder, startEngine };
}

export const item = { sku: 'SKU-001', quantity: 2, price: 29.99 };

/** Reads an answer, whose body may be empty. */
export async function readReply(response: Response): Promise<Reply> {
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') ?? false;
  return {
    status: response.status,
    headers: response.headers,
    body: isJson && text !== '' ? answer.parse(JSON.parse(text)) : {},
  };
}
