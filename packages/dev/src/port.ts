import { createServer } from 'node:net';
import { once } from 'node:events';

import { errorCode } from './error-code.ts';

/** Whether a server could listen on the port right now. Anybody may take it a moment later. */
export async function isPortFree(port: number): Promise<boolean> {
  try {
    await listenBriefly(port);
    return true;
  } catch (error) {
    // Anything else, such as a privileged port, PostgreSQL reports better.
    return errorCode(error) !== 'EADDRINUSE';
  }
}

export async function freePort(): Promise<number> {
  return listenBriefly(0);
}

async function listenBriefly(port: number): Promise<number> {
  const server = createServer();
  server.listen({ host: '127.0.0.1', port });
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('The listening socket has no port.');
  return address.port;
}
