import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import type { Console } from '@mink/console';
import { CannotListenError } from './errors.ts';

/** A console that can be reached. */
export interface ConsoleServer extends AsyncDisposable {
  readonly url: string;
}

const MAX_CLOSE_MS = 5_000;

/** Serves a console on an address, port 0 being a free one. Disposing ends what is under way. */
export async function serveConsole(
  console: Console,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<ConsoleServer> {
  const listener = getRequestListener((request, { incoming }) =>
    console.fetch(request, { remoteAddress: incoming.socket.remoteAddress }),
  );
  const server = createServer((request, response) => void listener(request, response));
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    throw error instanceof Error ? new CannotListenError(host, port, error) : error;
  }
  const address = server.address();
  const listening = typeof address === 'object' && address !== null ? address.port : port;
  const name = host.includes(':') ? `[${host}]` : host;
  return { url: `http://${name}:${listening}/`, [Symbol.asyncDispose]: () => close(console, server) };
}

async function close(console: Console, server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  // Ends live views, which have no end by themselves.
  await console.close();
  server.closeIdleConnections();
  const deadline = setTimeout(() => server.closeAllConnections(), MAX_CLOSE_MS);
  await closed;
  clearTimeout(deadline);
}
