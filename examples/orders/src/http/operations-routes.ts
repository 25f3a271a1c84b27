import { Hono } from 'hono';
import type { Health, Metrics } from 'mink';
import { healthResponse } from 'mink/http';
import { PROMETHEUS_CONTENT_TYPE, prometheusText } from 'mink/prometheus';

/** What the service tells whoever operates it. */
export interface Operations {
  readonly health: Health;
  readonly metrics: Metrics;
}

/** The routes for load balancers and Prometheus. They name projections and errors: keep them from strangers. */
export function operationsRoutes({ health, metrics }: Operations): Hono {
  const routes = new Hono();
  routes.get('/health', (c) => healthResponse(health, c.req.raw));
  routes.get('/health/:endpoint{live|ready}', (c) => healthResponse(health, c.req.raw));
  routes.get('/metrics', async (c) =>
    c.body(await prometheusText(metrics), 200, { 'content-type': PROMETHEUS_CONTENT_TYPE }),
  );
  return routes;
}
