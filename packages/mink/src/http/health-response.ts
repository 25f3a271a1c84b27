import type { Health, HealthAnswer } from '../core/index.ts';

/** Where health is asked for, below wherever it is mounted. */
const ENDPOINTS = { live: 'live', ready: 'ready' } as const;

/**
 * Answers a request about health: `…/live`, `…/ready`, and everything else with the details. Mount it where your load balancer looks;
 * the details name projections and errors, so keep them from strangers.
 *
 * @example
 * app.get('/health/*', (c) => healthResponse(health, c.req.raw));
 */
export async function healthResponse(
  health: Pick<Health, 'live' | 'ready' | 'details'>,
  request: Pick<Request, 'url'>,
): Promise<Response> {
  const { code, body } = await answerTo(health, new URL(request.url).pathname);
  const headers = { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' };
  return new Response(`${JSON.stringify(body)}\n`, { status: code, headers });
}

async function answerTo(health: Pick<Health, 'live' | 'ready' | 'details'>, path: string): Promise<HealthAnswer> {
  const endpoint = path.split('/').findLast((part) => part !== '');
  if (endpoint === ENDPOINTS.live) return health.live();
  return endpoint === ENDPOINTS.ready ? health.ready() : health.details();
}
