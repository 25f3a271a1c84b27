import { createAdaptorServer } from '@hono/node-server';
import { createConsole, type ConsoleOptions } from '../../../src/index.ts';

export const TOKENS = {
  viewer: 'a-token-for-a-viewer-0001',
  operator: 'a-token-for-an-operator-2',
  admin: 'a-token-for-an-admin-0003',
} as const;

/** Somewhere below the root: nothing of the page may depend on that. */
const BASE_PATH = '/ops/console';

export interface ServedConsole {
  /** Where the page is, with a slash at its end. */
  readonly url: string;
  close(): Promise<void>;
}

/** A console at a free port of this machine, for three users with tokens. */
export async function serveConsole(
  options: Omit<ConsoleOptions, 'access' | 'basePath'>,
  port = 0,
): Promise<ServedConsole> {
  const adminConsole = createConsole({
    ...options,
    basePath: BASE_PATH,
    access: {
      tokens: [
        { token: TOKENS.viewer, name: 'Vera', role: 'viewer', payloads: 'masked' },
        { token: TOKENS.operator, name: 'Olaf', role: 'operator', payloads: 'full' },
        { token: TOKENS.admin, name: 'Ada', role: 'admin', payloads: 'full' },
      ],
    },
    // Browsers of tests are faster than people.
    limits: { requests: 100_000, signIns: 1_000, actions: 1_000, streams: 100 },
  });
  const server = createAdaptorServer({
    fetch: (request, { incoming }) => {
      const remoteAddress = 'socket' in incoming ? incoming.socket.remoteAddress : undefined;
      return adminConsole.fetch(request, { remoteAddress });
    },
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The server has no port.');
  return {
    url: `http://127.0.0.1:${address.port}${BASE_PATH}/`,
    async close() {
      await adminConsole.close();
      if ('closeAllConnections' in server) server.closeAllConnections();
      server.close();
    },
  };
}
