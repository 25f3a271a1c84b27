import type { HttpBindings } from '@hono/node-server';
import type { Console } from '@mink/console';
import { Hono } from 'hono';

/** What the console is mounted under. */
export const CONSOLE_PATH = '/console';

/** The admin console. It is told who asks: without a password, it is for whoever sits at this machine, and nobody else. */
export function consoleRoutes(adminConsole: Pick<Console, 'fetch'>): Hono {
  const routes = new Hono();
  const answer = new Hono<{ Bindings: Partial<HttpBindings> }>().all('*', (c) =>
    adminConsole.fetch(c.req.raw, { remoteAddress: c.env?.incoming?.socket.remoteAddress }),
  );
  routes.route(CONSOLE_PATH, answer);
  return routes;
}
