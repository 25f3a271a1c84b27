import { createConsole } from '@mink/console';
import { createMemoryStorage } from 'mink/memory';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { consoleRoutes } from '../src/http/console-routes.ts';
import { createOrderStore } from '../src/order-store.ts';
import { spawnService } from './support/service-process.ts';

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mink-console-'));
});
afterEach(() => rm(directory, { recursive: true, force: true, maxRetries: 3 }));

describe('the console beside the service', { timeout: 120_000 }, () => {
  it('is started, printed, and shows the orders; its live views end with the service', async () => {
    const service = spawnService(directory, {});
    const url = await service.url();
    const { 1: consoleUrl = '' } = await service.printed(/inside: (http:\S+)/u);
    expect(consoleUrl).toBe(`${url}/console/`);
    await fetch(`${url}/orders`, { method: 'POST', body: JSON.stringify({ id: '42', customerId: 'ada' }) });
    const read = async (path: string): Promise<unknown> => (await fetch(`${consoleUrl}api/${path}`)).json();
    expect(await (await fetch(consoleUrl)).text()).toContain('<base href="/console/" />');
    expect(await read('session')).toMatchObject({ user: { role: 'admin', payloads: 'full' }, isReadOnly: false });
    expect(await read('projections')).toMatchObject([
      { name: 'open-orders', state: 'inline', hasCode: true },
      { name: 'order-list', hasCode: true },
    ]);
    expect(await read('streams/Order-42/states')).toMatchObject({ steps: [{ event: { type: 'OrderCreated' } }] });
    const live = await fetch(`${consoleUrl}api/live`);
    expect((await live.body?.getReader().read())?.done).toBe(false);
    expect(await service.stop()).toMatchObject({ code: 0, stderr: '' });
  });

  it('is not open to other machines, whatever the service listens on', async () => {
    const store = createOrderStore(createMemoryStorage());
    const access = { anonymous: { role: 'admin', payloads: 'full' } } as const;
    const app = consoleRoutes(createConsole({ store, access, basePath: '/console' }));
    const ask = async (remoteAddress: string | undefined, host: string): Promise<number> => {
      const env = remoteAddress === undefined ? {} : { incoming: { socket: { remoteAddress } } };
      return (await app.request('http://x/console/api/overview', { headers: { host } }, env)).status;
    };
    expect(await ask('127.0.0.1', 'localhost:3000')).toBe(200);
    expect(await ask('192.168.1.7', 'localhost:3000')).toBe(401);
    expect(await ask('127.0.0.1', 'orders.example.com')).toBe(401);
    expect(await ask(undefined, 'localhost:3000')).toBe(401);
  });
});
