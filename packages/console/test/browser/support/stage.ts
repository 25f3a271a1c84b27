import {
  causedBy,
  createDoctor,
  createMetrics,
  createProcessReport,
  createProjectionEngine,
  withMetadata,
  type ProjectionEngine,
} from 'mink';
import { createPostgresStorage, createPostgresStore } from 'mink/postgres';
import { categories as gitCategories } from '../../../../../examples/git-history/src/events.ts';
import { activity } from '../../../../../examples/git-history/src/read-models/activity.ts';
import { authors } from '../../../../../examples/git-history/src/read-models/authors.ts';
import { files } from '../../../../../examples/git-history/src/read-models/files.ts';
import { createOrderBus } from '../../../../../examples/orders/src/order-bus.ts';
import { orderCommands } from '../../../../../examples/orders/src/order-commands.ts';
import { orderEvents } from '../../../../../examples/orders/src/order-events.ts';
import { createOrderStore } from '../../../../../examples/orders/src/order-store.ts';
import { order } from '../../../../../examples/orders/src/order.ts';
import { openOrders } from '../../../../../examples/orders/src/projections/open-orders.ts';
import { orderList } from '../../../../../examples/orders/src/projections/order-list.ts';
import { dropDatabase } from '../../../../mink/test/support/databases.ts';
import { account, accountEvents, balances, balancesWithFees } from './account.ts';
import { createGitDatabase } from './git-database.ts';
import { serveConsole } from './serve-console.ts';

const categories = { ...gitCategories, Order: orderEvents, Account: accountEvents };

/** What tells texts from markup: if any of it runs, the title of the page is another one. */
export const HOSTILE = `<img src=x onerror="document.title='hacked'"><script>document.title='hacked'</script>`;
export const LONG_STREAM = 'Account-long';
export const LONG = 10_000;

function openStore(url: string, metrics = createMetrics()) {
  return createPostgresStore({ url, categories, inline: [openOrders], observer: metrics.observer });
}

export type StageStore = ReturnType<typeof openStore>;

/** A console as it would run in production, over a store in which something has happened. */
export interface Stage extends AsyncDisposable {
  /** Where the page is, with a slash at its end. */
  readonly url: string;
  readonly options: Parameters<typeof serveConsole>[0];
  readonly store: StageStore;
  readonly engine: ProjectionEngine;
  readonly databaseUrl: string;
  /** The position of an event that a command has led to, and that has led to others. */
  readonly shippedAt: number;
}

export interface StageOptions {
  /** @defaultValue false */
  readonly isReadOnly?: boolean;
  readonly environment?: 'production' | 'staging' | 'development';
}

export async function openStage({ isReadOnly = false, environment = 'production' }: StageOptions = {}): Promise<Stage> {
  const databaseUrl = await createGitDatabase();
  const metrics = createMetrics();
  const store = openStore(databaseUrl, metrics);
  const projections = [authors, activity, orderList, openOrders, balances];
  const engine = createProjectionEngine(store, projections, { tries: 1 });
  await engine.start();
  await placeOrder(databaseUrl);
  const shippedAt = await play(store);
  await engine.catchUp();
  await store.snapshots.create(account, { minEvents: 100 });
  const report = createProcessReport(store, { name: 'stage', release: '1.4.0', engine, metrics, interval: 1_000 });
  await report.start();
  const options = {
    store,
    engine,
    // Code of which nothing is built yet, as in the middle of a deployment.
    projections: [...projections, files, balancesWithFees],
    deciders: [order, account],
    environment: { name: environment, kind: environment },
    isReadOnly,
    doctor: createDoctor(store, { projections: [...projections, files], deciders: [order, account] }),
  };
  const served = await serveConsole(options);
  return {
    url: served.url,
    options,
    store,
    engine,
    databaseUrl,
    shippedAt,
    async [Symbol.asyncDispose]() {
      await served.close();
      await report.close();
      await engine.close();
      await store.close();
      await dropDatabase(databaseUrl);
    },
  };
}

/** Orders by commands, all in one checkout. */
async function placeOrder(databaseUrl: string): Promise<void> {
  await using store = createOrderStore(createPostgresStorage({ url: databaseUrl }));
  await store.projections.activateInline();
  const bus = createOrderBus(store, { audit: { write: store.operations.audit.write, onLost: console.error } });
  const { CreateOrder, AddItem, ConfirmOrder, ShipOrder } = orderCommands;
  await withMetadata({ correlationId: 'checkout-1', userId: 'ada' }, async () => {
    await bus.dispatch(CreateOrder({ id: 'first', customerId: 'customer-7', reference: 'spring' }));
    await bus.dispatch(AddItem({ id: 'first', sku: 'SKU-1', quantity: 2, price: 19.99 }));
    await bus.dispatch(AddItem({ id: 'first', sku: 'SKU-2', quantity: 1, price: 5 }));
    await bus.dispatch(ConfirmOrder({ id: 'first' }));
    await bus.dispatch(ShipOrder({ id: 'first', trackingNumber: 'TRACK-1' }));
  });
  await bus.dispatch(ConfirmOrder({ id: 'nowhere' })).catch(() => 'refused, as the audit log shows');
}

/**
 * What has happened: accounts, one that is very long, one that means harm, and some that cannot be applied. Gives the position of the
 * event that some of it follows from.
 */
async function play(store: StageStore): Promise<number> {
  const { AccountOpened, Deposited, Withdrawn } = accountEvents;
  const [shipped] = await store.readStream('Order-first', { direction: 'backwards', limit: 1 }).toArray();
  if (shipped === undefined) throw new Error('The order was not shipped.');
  await withMetadata(causedBy(shipped), () =>
    store.append('Account-seller', [AccountOpened({ owner: 'Sue', note: '' }), Deposited({ cents: 4_498 })]),
  );
  const entries = Array.from({ length: LONG - 1 }, (_, index) =>
    index % 3 === 2 ? Withdrawn({ cents: 50 + index }) : Deposited({ cents: 100 + index }),
  );
  for (let from = 0; from < entries.length; from += 1_000) {
    const first = from === 0 ? [AccountOpened({ owner: 'Ada', note: 'the long one' })] : [];
    await store.append(LONG_STREAM, [...first, ...entries.slice(from, from + 1_000)]);
  }
  await store.append('Account-hostile', [AccountOpened({ owner: HOSTILE, note: HOSTILE }), Deposited({ cents: 1 })]);
  // What the decider fails at.
  await store.append('Account-odd', [AccountOpened({ owner: 'Eve', note: '' }), Deposited({ cents: -1 })]);
  for (const [id, followers] of [
    ['broken-1', 3],
    ['broken-2', 1],
    ['broken-3', 1],
    ['broken-4', 1],
  ] as const) {
    const waiting = Array.from({ length: followers }, () => Deposited({ cents: 700 }));
    await store.append(`Account-${id}`, [AccountOpened({ owner: 'Bob', note: '' }), ...waiting]);
  }
  return shipped.globalPosition;
}
