import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import type { Hono } from 'hono';
import { StartError } from './start-error.ts';

/** This machine only: the example knows no passwords. */
const HOST = '127.0.0.1';
const MAX_CLOSE_MS = 10_000;
const IDLE_CHECK_MS = 50;

export interface HttpServer extends AsyncDisposable {
  readonly url: string;
}

/** Listens on a port, 0 for a free one. Disposing finishes the requests that have begun, for ten seconds at most. */
export async function listen(app: Hono, port: number): Promise<HttpServer> {
  const answer = getRequestListener(app.fetch);
  const server = createServer((request, response) => void answer(request, response));
  server.listen(port, HOST);
  try {
    await once(server, 'listening');
  } catch (error) {
    throw cannotListen(error, port);
  }
  const address = server.address();
  const listeningPort = typeof address === 'object' && address !== null ? address.port : port;
  return { url: `http://${HOST}:${listeningPort}`, [Symbol.asyncDispose]: () => close(server) };
}

async function close(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  // A kept-alive connection whose request ends only now would hold the server open until its client leaves.
  const idle = setInterval(() => server.closeIdleConnections(), IDLE_CHECK_MS);
  const deadline = setTimeout(() => server.closeAllConnections(), MAX_CLOSE_MS);
  await closed;
  clearInterval(idle);
  clearTimeout(deadline);
}

function cannotListen(error: unknown, port: number): unknown {
  if (!(error instanceof Error) || !('code' in error)) return error;
  const other = 'Choose another with PORT=3001, or any free one with PORT=0.';
  if (error.code === 'EADDRINUSE') return new StartError(`Port ${port} is in use by another program. ${other}`);
  if (error.code === 'EACCES') return new StartError(`Port ${port} is not allowed for this user. ${other}`);
  return error;
}
