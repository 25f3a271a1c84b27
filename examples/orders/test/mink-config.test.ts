import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createTemporaryPostgres, type RunningPostgres } from '@mink/dev';
import { createProjectionEngine } from 'mink';
import { createPostgresStorage } from 'mink/postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { orderEvents } from '../src/order-events.ts';
import { createOrderStore } from '../src/order-store.ts';
import { orderList } from '../src/projections/order-list.ts';

const MINK = fileURLToPath(new URL('../../../packages/cli/dist/main.js', import.meta.url));
const EXAMPLE = fileURLToPath(new URL('..', import.meta.url));

let postgres: RunningPostgres;

beforeAll(async () => {
  postgres = await createTemporaryPostgres({ durable: false });
  await using store = createOrderStore(createPostgresStorage({ url: postgres.url }));
  await store.append('Order-42', [
    orderEvents.OrderCreated({ customerId: 'ada', reference: 'PO-17' }),
    orderEvents.ItemAdded({ sku: 'SKU-1', quantity: 2, price: 25 }),
  ]);
  await createProjectionEngine(store, [orderList]).catchUp();
});

afterAll(() => postgres.stop());

async function mink(...parameters: readonly string[]): Promise<string> {
  const env = { ...process.env, DATABASE_URL: postgres.url };
  const { stdout } = await promisify(execFile)(process.execPath, [MINK, ...parameters], { cwd: EXAMPLE, env });
  return stdout;
}

describe('mink in the folder of the example', () => {
  it('shows the states of an order', async () => {
    const shown = await mink('stream', 'Order-42', '--states');
    expect(shown).toContain('total  0 → 50');
    expect(shown).toContain('reference  null → "PO-17"');
  });

  it('makes and checks snapshots', async () => {
    expect(await mink('snapshots', 'run', '--min-events', '1')).toBe('Order: 1 snapshot made of 1 stream\n');
    expect(await mink('snapshots', 'verify')).toBe('Order: 1 snapshot checked, 0 wrong\n');
  });

  it('finds the order with a reference', async () => {
    expect(await mink('unique-sets', 'holder', 'reference', 'PO-17')).toBe('Order-42\n');
  });

  it('knows the projections', async () => {
    expect(await mink('projections', 'status')).toMatch(/open-orders .*inline[^]*order-list .*stopped/u);
    expect(await mink('projections', 'show', 'order-list', 'Order-42')).toContain('"customer":"ada"');
    expect(await mink('projections', 'verify', 'order-list')).toContain('2 events');
    expect(await mink('deadletters', 'list')).toBe('');
  });
});
