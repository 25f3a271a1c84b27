import { createServer, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { beforeAll, describe, expect, test } from 'vitest';
import { createMemoryStore } from '../memory/index.ts';
import { readToken, tokenCookie, writeToken } from './index.ts';

let token = '';
beforeAll(async () => {
  ({ token } = await createMemoryStore().append('Cart-1', [{ type: 'ItemAdded', data: null }]));
});

describe('a token in headers', () => {
  test('is written to a Fetch response, its headers, and a record', () => {
    const response = new Response();
    writeToken(response, { token });
    expect(readToken(response)).toBe(token);
    const headers = new Headers();
    writeToken(headers, { token });
    expect(readToken(headers)).toBe(token);
    const record: Record<string, string> = {};
    writeToken(record, { token });
    expect(record).toEqual({ 'mink-token': token });
  });

  test('goes from a server of Node to its client and back', async () => {
    const seen: (string | undefined)[] = [];
    const server = createServer((request, response: ServerResponse) => {
      seen.push(readToken(request));
      writeToken(response, { token });
      response.end();
    });
    await once(server.listen(0), 'listening');
    const { port } = server.address() as AddressInfo;
    const first = await fetch(`http://localhost:${port}`);
    const headers = { 'Mink-Token': readToken(first) ?? '' };
    await fetch(`http://localhost:${port}`, { headers });
    server.close();
    expect(seen).toEqual([undefined, token]);
  });

  test('is found whatever the case of its name, and in what has headers', () => {
    expect(readToken({ 'Mink-Token': token })).toBe(token);
    expect(readToken({ 'mink-token': [token] })).toBe(token);
    expect(readToken({ headers: { 'MINK-TOKEN': token } })).toBe(token);
    expect(readToken(new Request('http://x', { headers: { 'mink-token': token } }))).toBe(token);
  });

  test('is not written where nothing was appended', () => {
    const headers = new Headers();
    writeToken(headers, { token: undefined });
    expect([...headers]).toEqual([]);
    expect(tokenCookie({ token: undefined })).toBeUndefined();
  });

  test.each(['', 'x', 'x'.repeat(5_000), 'AAAA'])('is none where it is %j', (text) => {
    expect(readToken({ 'mink-token': text })).toBeUndefined();
    expect(readToken({ cookie: `mink-token=${text}` })).toBeUndefined();
  });
});

describe('a token in a cookie', () => {
  test('lives for a minute, for the server alone', () => {
    expect(tokenCookie({ token })).toBe(`mink-token=${token}; Max-Age=60; Path=/; HttpOnly; SameSite=Lax; Secure`);
    expect(tokenCookie({ token }, { maxAge: 5, path: '/carts', secure: false })).toBe(
      `mink-token=${token}; Max-Age=5; Path=/carts; HttpOnly; SameSite=Lax`,
    );
  });

  test('is read among others, where there is no header', async () => {
    expect(readToken({ cookie: `a=b; mink-token=${token}; c="d"` })).toBe(token);
    const { token: newer } = await createMemoryStore().append('Cart-2', [{ type: 'ItemAdded', data: null }]);
    expect(readToken({ 'mink-token': newer, cookie: `mink-token=${token}` })).toBe(newer);
    expect(readToken({ 'mink-token': 'nonsense', cookie: `mink-token=${token}` })).toBe(token);
    expect(readToken({ cookie: 'other=1' })).toBeUndefined();
  });
});
