import { fileURLToPath } from 'node:url';
import { findRunningPostgres } from '@mink/dev';
import { createPostgresStorage } from 'mink/postgres';
import { createOrderStore } from './src/order-store.ts';
import { order } from './src/order.ts';
import { openOrders } from './src/projections/open-orders.ts';
import { orderList } from './src/projections/order-list.ts';

// What `npm start` has started, unless DATABASE_URL says otherwise.
const dataDir = fileURLToPath(new URL('../../.mink/postgres', import.meta.url));
const found = process.env['DATABASE_URL'] || (await findRunningPostgres(dataDir))?.url;
if (found === undefined)
  throw new Error('The order service does not run. Start it with "npm start", or set DATABASE_URL.');

export const url = found;
export const store = createOrderStore(createPostgresStorage({ url }));
export const deciders = [order];
export const projections = [openOrders, orderList];
