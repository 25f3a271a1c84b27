import { execFile, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createTemporaryPostgres, findRunningPostgres } from '@mink/dev';
import { createEventStore } from 'mink';
import { createPostgresStorage } from 'mink/postgres';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readReply } from './support/order-client.ts';
import { spawnService } from './support/service-process.ts';

const shell = promisify(execFile);
const TIMEOUT_MS = 120_000;

let directory = '';
let running: ReturnType<typeof spawnService>[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mink-orders-'));
  running = [];
});

afterEach(async () => {
  await Promise.all(running.map((service) => service.stop()));
  await rm(directory, { recursive: true, force: true });
});

function start(environment: Record<string, string> = {}) {
  const service = spawnService(directory, environment);
  running.push(service);
  return service;
}

async function call(url: string, body?: unknown) {
  const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
  return readReply(await fetch(url, init));
}

const hasCurl = spawnSync('curl', ['--version']).status === 0;

describe('the service', { timeout: TIMEOUT_MS }, () => {
  it('keeps its orders over a restart', async () => {
    const first = start();
    const firstUrl = await first.url();
    await call(`${firstUrl}/orders`, { id: '42', customerId: 'ada' });
    const added = await call(`${firstUrl}/orders/42/items`, { sku: 'SKU-001', quantity: 2, price: 29.99 });
    expect(added.status).toBe(200);
    expect(await first.stop()).toMatchObject({ code: 0, stderr: '' });

    const second = start();
    const { status, body } = await call(`${await second.url()}/orders/42`);
    expect(status).toBe(200);
    expect(body).toEqual(added.body);
    expect(await second.stop('SIGINT')).toMatchObject({ code: 0, stderr: '' });
  });

  it.skipIf(!hasCurl)('prints commands that work when they are pasted, after a restart too', async () => {
    for (const run of [1, 2]) {
      const service = start();
      await service.url();
      const { 0: printed } = await service.printed(/(^ {2}curl .*\n)+/m);
      const statuses: string[] = [];
      for (const line of printed.trim().split('\n')) {
        const { stdout } = await shell('sh', ['-c', `${line} -s -o /dev/null -w '%{http_code}'`]);
        statuses.push(stdout);
      }
      expect(statuses, `run ${run}`).toEqual(['201', '200', '200']);
      await service.stop();
    }
  });

  it('loses no item when twenty requests add one at once', async () => {
    const url = await start().url();
    await call(`${url}/orders`, { id: '42', customerId: 'ada' });
    const skus = Array.from({ length: 20 }, (_, index) => `SKU-${index}`);
    const replies = await Promise.all(
      skus.map((sku) => call(`${url}/orders/42/items`, { sku, quantity: 1, price: 0.1 })),
    );
    expect(replies.map(({ status }) => status)).toEqual(skus.map(() => 200));
    expect((await call(`${url}/orders/42`)).body).toMatchObject({ version: 21, total: 2 });
  });

  it('loses no item when two processes add twenty at once', async () => {
    const one = start();
    await one.url();
    const found = await findRunningPostgres(join(directory, '.mink/postgres'));
    const other = start({ DATABASE_URL: found?.url ?? '' });
    const urls = [await one.url(), await other.url()];
    await call(`${urls[0]}/orders`, { id: '42', customerId: 'ada' });
    const skus = Array.from({ length: 20 }, (_, index) => `SKU-${index}`);
    const replies = await Promise.all(
      skus.flatMap((sku) => urls.map((url) => call(`${url}/orders/42/items`, { sku, quantity: 1, price: 0.1 }))),
    );
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([200]));
    expect((await call(`${urls[1]}/orders/42`)).body).toMatchObject({ version: 41, total: 4 });
    expect(await other.stop()).toMatchObject({ code: 0, stderr: '' });
  });

  it('shows a write to the next request, whichever process answers it', async () => {
    const one = start();
    await one.url();
    const found = await findRunningPostgres(join(directory, '.mink/postgres'));
    const other = start({ DATABASE_URL: found?.url ?? '' });
    const urls = [await one.url(), await other.url()];
    for (let number = 0; number < 20; number += 1) {
      const [writing, reading] = number % 2 === 0 ? urls : urls.toReversed();
      const { headers } = await call(`${writing}/orders`, { id: `${number}`, customerId: `ada-${number}` });
      const token = headers.get('mink-token') ?? '';
      const list = await fetch(`${reading}/orders?limit=1`, { headers: { 'mink-token': token } });
      expect((await readReply(list)).body.orders).toMatchObject([{ id: `${number}` }]);
      const page = await fetch(`${reading}/`, { headers: { cookie: `mink-token=${token}` } });
      expect(await page.text()).toContain(`>ada-${number}</a>`);
    }
    expect(await other.stop()).toMatchObject({ code: 0, stderr: '' });
    expect(await one.stop()).toMatchObject({ code: 0, stderr: '' });
  });

  it('knows what is open of orders from the time before it kept that', async () => {
    await using postgres = await createTemporaryPostgres({ durable: false });
    {
      await using before = createEventStore(createPostgresStorage({ url: postgres.url }));
      await before.append('Order-1', [
        { type: 'OrderCreated', data: { customerId: 'ada' } },
        { type: 'ItemAdded', data: { sku: 'SKU-1', quantity: 2, price: 25 } },
      ]);
    }
    const service = start({ DATABASE_URL: postgres.url });
    const url = await service.url();
    expect((await call(`${url}/customers/ada`)).body).toMatchObject({ open: 50, orders: [{ id: '1' }] });
    await call(`${url}/orders/1/items`, { sku: 'SKU-2', quantity: 1, price: 25 });
    expect((await call(`${url}/customers/ada`)).body).toMatchObject({ open: 75 });
    expect(await service.stop()).toMatchObject({ code: 0, stderr: '' });
  });

  it('ends what it pushes when it stops', async () => {
    const service = start();
    const url = await service.url();
    const changes = await fetch(`${url}/statistics/changes`);
    await call(`${url}/orders`, { id: '42', customerId: 'ada' });
    const reader = changes.body?.pipeThrough(new TextDecoderStream()).getReader();
    expect((await reader?.read())?.value).toContain('"placed":1');
    service.signal('SIGTERM');
    expect(await reader?.read()).toEqual({ done: true, value: undefined });
    expect(await service.exited).toMatchObject({ code: 0, stderr: '' });
  });

  it('tells of commands and queries on stderr, if that is wanted', async () => {
    const service = start({ LOG: 'json' });
    const url = await service.url();
    await call(`${url}/orders`, { id: '42', customerId: 'ada' });
    await call(`${url}/orders/none`);
    const { stderr } = await service.stop();
    const lines = stderr
      .trim()
      .split('\n')
      .map((line): { message: string } => JSON.parse(line));
    expect(lines.filter(({ message }) => message !== 'projection checkpoint')).toMatchObject([
      { level: 'info', message: 'events appended', stream_id: 'Order-42', event_count: 1, new_version: 1 },
      { level: 'info', message: 'command executed', command_type: 'CreateOrder', aggregate_id: '42', version: 1 },
      {
        level: 'warn',
        message: 'query refused',
        query_type: 'GetOrder',
        err: expect.stringContaining('no such order'),
      },
    ]);
  });

  it('says in one line that LOG=yes is no format', async () => {
    const { code, stderr } = await start({ LOG: 'yes' }).exited;
    expect(code).toBe(1);
    expect(stderr).toMatch(/^LOG is .*\n$/);
  });

  it('refuses to run twice in one folder, in one line', async () => {
    const first = start();
    const url = await first.url();
    const second = await start().exited;
    expect(second.code).toBe(1);
    expect(second.stderr).toMatch(/^The order service is running already in this folder \(process \d+.*\n$/);
    expect((await call(`${url}/orders/none`)).status).toBe(404);
  });

  it('says in one line that its port is in use', async () => {
    const other = createServer().listen(0);
    await once(other, 'listening');
    const address = other.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const { code, stderr } = await start({ PORT: String(port) }).exited;
    other.close();
    expect(code).toBe(1);
    expect(stderr).toMatch(new RegExp(`^Port ${port} is in use by another program\\. .*\\n$`));
  });

  it.each(['x', '-1', '70000', '1.5'])('says in one line that PORT=%s is no port', async (PORT) => {
    const { code, stderr } = await start({ PORT }).exited;
    expect(code).toBe(1);
    expect(stderr).toMatch(/^PORT is .*\n$/);
  });

  it('says in one line that the database of DATABASE_URL cannot be reached', async () => {
    const { code, stderr } = await start({ DATABASE_URL: 'postgres://u:secret@127.0.0.1:1/orders' }).exited;
    expect(code).toBe(1);
    expect(stderr).toMatch(/^The database cannot be reached.*\n$/);
    expect(stderr).not.toContain('secret');
  });

  it('finishes a request that has begun before it stops', async () => {
    const service = start();
    const upload = await beginOrder(await service.url());
    service.signal('SIGTERM');
    await service.printed(/Stopping/);
    upload.end(' "customerId": "ada" }');
    const [response] = await once(upload, 'response');
    expect(response).toMatchObject({ statusCode: 201 });
    response.resume();
    expect(await service.exited).toMatchObject({ code: 0, stderr: '' });
  });

  it('ends at once on a second Ctrl-C, and starts again', async () => {
    const service = start();
    const upload = await beginOrder(await service.url());
    upload.on('error', () => undefined);
    service.signal('SIGINT');
    await service.printed(/Stopping/);
    // Two signals within a moment count as one, so this insists as a person would.
    const insist = setInterval(() => service.signal('SIGINT'), 100);
    const { code } = await service.exited;
    clearInterval(insist);
    expect(code).toBe(130);
    await start().url();
  });
});

/** Sends the first half of an order, and waits until the server has it. */
async function beginOrder(url: string) {
  const upload = request(`${url}/orders`, { method: 'POST', headers: { expect: '100-continue' } });
  upload.flushHeaders();
  await once(upload, 'continue');
  upload.write('{ "id": "slow",');
  return upload;
}
