import { connect } from 'node:net';
import { createConsole } from '@mink/console';
import { createMemoryStore } from 'mink/memory';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { serveConsole, type ConsoleServer } from '../src/console-server.ts';

const TOKEN = 'a-token-of-the-wire';
const errors: unknown[] = [];
let server: ConsoleServer;
let port = 0;

beforeAll(async () => {
  const admin = createConsole({
    store: createMemoryStore(),
    access: { tokens: [{ token: TOKEN, name: 'Ada', role: 'admin' }] },
    isReadOnly: false,
    onError: (error) => errors.push(error),
  });
  server = await serveConsole(admin, { host: '127.0.0.1', port: 0 });
  port = Number(new URL(server.url).port);
});
afterAll(() => server[Symbol.asyncDispose]());

/** Sends bytes as they are, and gives back all that comes until the other side ends, or nothing more does. */
function exchange(text: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.end(Buffer.from(text, 'latin1')));
    socket.setTimeout(2_000, () => socket.destroy());
    socket.on('data', (chunk) => (answer += chunk.toString('latin1')));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(answer));
  });
}

const HOST = 'Host: localhost';
const AUTH = `Authorization: Bearer ${TOKEN}`;

const HOSTILE: readonly (readonly [string, string])[] = [
  ['no request at all', '\r\n\r\n'],
  ['another protocol', 'SSH-2.0-OpenSSH_9.2\r\n'],
  ['TLS', '\u0016\u0003\u0001\u0000\u00a5\u0001'],
  ['HTTP/0.9', 'GET /api/overview\r\n\r\n'],
  ['HTTP/2 without asking', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['no host', `GET /api/overview HTTP/1.1\r\n${AUTH}\r\n\r\n`],
  ['two hosts', `GET /api/overview HTTP/1.1\r\n${HOST}\r\nHost: evil.example\r\n${AUTH}\r\n\r\n`],
  ['a host that is none', `GET /api/overview HTTP/1.1\r\nHost: a b c\r\n${AUTH}\r\n\r\n`],
  ['a host with a user', `GET /api/overview HTTP/1.1\r\nHost: a@b:99999\r\n${AUTH}\r\n\r\n`],
  ['the address of another server', `GET http://evil.example/api/overview HTTP/1.1\r\n${HOST}\r\n\r\n`],
  ['an asterisk', `OPTIONS * HTTP/1.1\r\n${HOST}\r\n\r\n`],
  ['a tunnel', `CONNECT evil.example:443 HTTP/1.1\r\n${HOST}\r\n\r\n`],
  ['an upgrade', `GET /api/live HTTP/1.1\r\n${HOST}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n`],
  ['dots in the path', `GET /../../../../etc/passwd HTTP/1.1\r\n${HOST}\r\n\r\n`],
  ['encoded dots in the path', `GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\n${HOST}\r\n\r\n`],
  ['backslashes in the path', `GET /..\\..\\etc\\passwd HTTP/1.1\r\n${HOST}\r\n\r\n`],
  ['a NUL in the path', `GET /api/\u0000 HTTP/1.1\r\n${HOST}\r\n\r\n`],
  ['bytes above ASCII in the path', `GET /api/\u00ff\u00fe HTTP/1.1\r\n${HOST}\r\n\r\n`],
  ['no slash', `GET api/overview HTTP/1.1\r\n${HOST}\r\n\r\n`],
  ['two slashes', `GET //evil.example/%2f.. HTTP/1.1\r\n${HOST}\r\n\r\n`],
  ['a header in the path', `GET /api/x%0d%0aSet-Cookie:%20a=b HTTP/1.1\r\n${HOST}\r\n${AUTH}\r\n\r\n`],
  ['a broken header', `GET /api/overview HTTP/1.1\r\n${HOST}\r\nno colon here\r\n\r\n`],
  ['a folded header', `GET /api/overview HTTP/1.1\r\n${HOST}\r\nX: a\r\n b\r\n\r\n`],
  ['a NUL in a header', `GET /api/overview HTTP/1.1\r\n${HOST}\r\nX: a\u0000b\r\n\r\n`],
  ['100 kB of headers', `GET /api/overview HTTP/1.1\r\n${HOST}\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`],
  ['2,500 headers', `GET /api/overview HTTP/1.1\r\n${HOST}\r\n${'X: y\r\n'.repeat(2_500)}\r\n`],
  [
    'a length and chunks',
    `POST /api/schema/check HTTP/1.1\r\n${HOST}\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG`,
  ],
  ['two lengths', `POST /api/schema/check HTTP/1.1\r\n${HOST}\r\nContent-Length: 2\r\nContent-Length: 20\r\n\r\n{}`],
  ['a negative length', `POST /api/schema/check HTTP/1.1\r\n${HOST}\r\nContent-Length: -1\r\n\r\n{}`],
  ['a length that is too long', `POST /api/schema/check HTTP/1.1\r\n${HOST}\r\nContent-Length: 20\r\n\r\n{}`],
  ['a broken chunk', `POST /api/schema/check HTTP/1.1\r\n${HOST}\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n`],
  [
    'a request within a request',
    `GET /api/session HTTP/1.1\r\n${HOST}\r\nContent-Length: 44\r\n\r\nDELETE /api/session HTTP/1.1\r\nHost: evil\r\n\r\n`,
  ],
  ['many requests at once', `GET /api/session HTTP/1.1\r\n${HOST}\r\n\r\n`.repeat(50)],
];

describe('what comes over the wire', () => {
  test.each(HOSTILE)('%s', async (_name, text) => {
    const answer = await exchange(text);
    for (const [, status] of answer.matchAll(/^HTTP\/1\.1 (\d{3}) /gmu)) expect(Number(status)).toBeLessThan(500);
    expect(answer).not.toMatch(/root:x:0|node_modules|at .+:\d+:\d+|set-cookie: a=b/iu);
    const headers = { authorization: `Bearer ${TOKEN}` };
    expect((await fetch(`${server.url}api/overview`, { headers })).status, 'it still answers').toBe(200);
    expect(errors).toEqual([]);
  });
});
