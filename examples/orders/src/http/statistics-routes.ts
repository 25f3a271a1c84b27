import { Hono } from 'hono';
import { streamSSE } from 'hono/streaming';
import type { LiveProjection } from 'mink';
import { dayOf, EMPTY_DAY, type Day } from '../projections/statistics.ts';
import { respond } from './respond.ts';

export interface StatisticsOptions {
  readonly stopping?: AbortSignal | undefined;
  readonly now?: (() => number) | undefined;
}

/** The routes of the live projection: what it holds now, and what changes from now on. */
export function statisticsRoutes(statistics: LiveProjection<Day>, options: StatisticsOptions): Hono {
  const { stopping, now = Date.now } = options;
  const routes = new Hono();

  routes.get('/', (c) => {
    const day = dayOf(new Date(now()));
    return respond(c, { state: statistics.status().state, day, ...(statistics.get(day) ?? EMPTY_DAY) });
  });

  // Server-sent events, for EventSource in a browser or curl -N. A client that is slow gets the last figures, not each one between.
  routes.get('/changes', (c) =>
    streamSSE(c, async (stream) => {
      const gone = new AbortController();
      stream.onAbort(() => gone.abort());
      const signal = stopping === undefined ? gone.signal : AbortSignal.any([gone.signal, stopping]);
      for await (const { key, model } of statistics.changes({ signal })) {
        await stream.writeSSE({ event: 'day', data: JSON.stringify({ day: key, ...model }) });
      }
    }),
  );

  return routes;
}
