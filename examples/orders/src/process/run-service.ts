import { createConsole } from '@mink/console';
import {
  createHealth,
  createLiveProjection,
  createMetrics,
  createProcessReport,
  createProjectionEngine,
  logObserver,
  observers,
  type AuditEntry,
} from 'mink';
import { createPostgresStorage } from 'mink/postgres';
import { createApp } from '../app.ts';
import { CONSOLE_PATH } from '../http/console-routes.ts';
import { createOrderBuses } from '../order-buses.ts';
import { createOrderStore } from '../order-store.ts';
import { order } from '../order.ts';
import { openOrders } from '../projections/open-orders.ts';
import type { OrderList } from '../projections/order-list.ts';
import { statistics } from '../projections/statistics.ts';
import { openDatabase } from './database.ts';
import { listen } from './http-server.ts';
import { logFailures } from './log-failures.ts';
import { readSettings } from './settings.ts';
import { describeFailure } from './start-error.ts';
import { aborted, stopSignal } from './stop-signal.ts';
import { welcome } from './welcome.ts';

/**
 * Milliseconds. Who waits for the list waits for a third of it at most when the process that keeps it up to date has ended, and for
 * all of it when that was killed. The default, 15 seconds, is gentler to the database.
 */
const LEASE_DURATION = 3_000;
/** Milliseconds that a read waits for the write that it is to show. */
const READ_TIMEOUT = 10_000;

/**
 * Runs the service with these versions of the list of orders until a signal comes. What was opened last is closed first: the server,
 * then what keeps the read models up to date, the store, and PostgreSQL.
 */
export async function runService(orderLists: readonly OrderList[]): Promise<void> {
  try {
    await run(orderLists);
  } catch (error) {
    console.error(describeFailure(error));
    process.exitCode = 1;
  }
}

async function run(orderLists: readonly OrderList[]): Promise<void> {
  const stopping = stopSignal();
  const { port, databaseUrl, logger } = readSettings(process.env);
  await using database = await openDatabase(databaseUrl);
  if (stopping.aborted) return;
  const metrics = createMetrics();
  const observer = observers(metrics.observer, logger === undefined ? logFailures : logObserver(logger));
  await using store = createOrderStore(createPostgresStorage({ url: database.url, observer }), observer);
  // Does nothing but once: where the log is from the time before this projection, it catches up first.
  await store.projections.activateInline();
  await using engine = createProjectionEngine(store, orderLists, { leaseDuration: LEASE_DURATION });
  await engine.start();
  await using live = createLiveProjection(store, statistics, { from: 'start' });
  metrics.watch({ store, engine });
  const operations = { metrics, health: createHealth({ store, engine }) };
  // Whoever sits at this machine may do everything: this is an example. Elsewhere, give tokens, or your own authentication.
  await using adminConsole = createConsole({
    store,
    engine,
    projections: [openOrders, ...orderLists],
    deciders: [order],
    access: { anonymous: { role: 'admin', payloads: 'full' } },
    isReadOnly: false,
    basePath: CONSOLE_PATH,
  });
  const audit = { write: store.operations.audit.write, onLost: tellLost };
  const pipeline = { logger, metrics: metrics.message, audit };
  const buses = createOrderBuses({ store, orderLists, readTimeout: READ_TIMEOUT }, pipeline);
  const parts = { engine, ...operations, buses: Object.values(buses) };
  await using report = createProcessReport(store, { name: 'orders', ...parts });
  await report.start();
  const app = createApp({ store, statistics: live, orderLists, buses, operations, adminConsole, stopping });
  await using server = await listen(app, port);
  console.log(await welcome(store, { url: server.url, data: database.description }));
  await Promise.race([aborted(stopping), database.lost]);
  // Its live views would hold the server open.
  await adminConsole.close();
}

/** The command is done; that it is could not be written down. */
function tellLost(error: unknown, { type, id }: AuditEntry): void {
  console.error(`The outcome of ${type} ${id} is missing in the audit log`, error);
}
