import type { Console } from '@mink/console';
import { Hono } from 'hono';
import { methodNotAllowed } from 'hono/method-not-allowed';
import { currentMetadata, type LiveProjection, type PipelineOptions } from 'mink';
import { commandRoutes } from './http/command-routes.ts';
import { consoleRoutes } from './http/console-routes.ts';
import { correlation } from './http/correlation.ts';
import { operationsRoutes, type Operations } from './http/operations-routes.ts';
import { pageRoutes } from './http/page-routes.ts';
import { describeProblemType, Problem } from './http/problem.ts';
import { queryRoutes } from './http/query-routes.ts';
import { limitBody } from './http/read-request.ts';
import { respondWithProblem } from './http/respond.ts';
import { statisticsRoutes } from './http/statistics-routes.ts';
import { toProblem } from './http/to-problem.ts';
import { createOrderBuses, type OrderBuses } from './order-buses.ts';
import type { OrderStore } from './order-store.ts';
import { orderList, type OrderList } from './projections/order-list.ts';
import type { Day } from './projections/statistics.ts';

export interface AppOptions {
  readonly store: OrderStore;
  /** The day's figures, in memory. */
  readonly statistics: LiveProjection<Day>;
  /**
   * The versions of the list of orders that there is code for.
   * @defaultValue the only one
   */
  readonly orderLists?: readonly OrderList[] | undefined;
  /**
   * Milliseconds that a read waits for the write that it is to show.
   * @defaultValue 10_000
   */
  readonly readTimeout?: number | undefined;
  /**
   * Health and metrics.
   * @defaultValue neither
   */
  readonly operations?: Operations | undefined;
  /**
   * The admin console, under `/console`.
   * @defaultValue none
   */
  readonly adminConsole?: Pick<Console, 'fetch'> | undefined;
  /** Ends answers that have no end by themselves, when the service is to stop. */
  readonly stopping?: AbortSignal | undefined;
  /** @defaultValue Date.now */
  readonly now?: (() => number) | undefined;
  /**
   * What commands and queries go through: a logger, a tracer, metrics, who may do what.
   * @defaultValue the recommended pipeline, without any of these
   */
  readonly pipeline?: PipelineOptions | undefined;
  /**
   * What commands and queries are given to.
   * @defaultValue buses of the store, with `pipeline`
   */
  readonly buses?: OrderBuses | undefined;
  /**
   * Gets every error that is answered with a status from 500: the client learns nothing of its cause.
   * @defaultValue console.error
   */
  readonly reportError?: ((error: unknown, request: FailedRequest) => void) | undefined;
}

export interface FailedRequest {
  readonly method: string;
  readonly path: string;
  readonly correlationId: string | undefined;
}

/** The order service as a Hono app: `createApp({ store }).request('/orders/42')`. */
export function createApp(options: AppOptions): Hono {
  const {
    store,
    statistics,
    orderLists = [orderList],
    readTimeout = 10_000,
    buses = createOrderBuses({ store, orderLists, readTimeout }, options.pipeline),
    reportError = logError,
  } = options;
  const app = new Hono();

  app.use(correlation);
  app.use(
    methodNotAllowed({
      app,
      onMethodNotAllowed: (c, methods) => respondWithProblem(c, wrongMethod(c.req.method, methods)),
    }),
  );
  app.use(limitBody);

  const { commands, queries } = buses;
  app.route('/', pageRoutes(commands, queries));
  app.route('/', commandRoutes(commands));
  app.route('/', queryRoutes(queries));
  app.route('/statistics', statisticsRoutes(statistics, options));
  if (options.operations !== undefined) app.route('/', operationsRoutes(options.operations));
  if (options.adminConsole !== undefined) app.route('/', consoleRoutes(options.adminConsole));
  app.get('/problems/:name', (c) => {
    const description = describeProblemType(c.req.param('name'));
    return description === undefined ? c.notFound() : c.text(description);
  });

  app.notFound((c) => respondWithProblem(c, new Problem('ROUTE_NOT_FOUND', 'The routes are in the README.')));
  app.onError((error, c) => {
    const problem = toProblem(error);
    if (problem.status >= 500) {
      const { correlationId } = currentMetadata();
      reportError(error, { method: c.req.method, path: c.req.path, correlationId });
    }
    return respondWithProblem(c, problem);
  });
  return app;
}

function wrongMethod(method: string, allowed: readonly string[]): Problem {
  const allow = allowed.join(', ');
  return new Problem('METHOD_NOT_ALLOWED', `${method} is not possible here, only ${allow}.`, {
    facts: { allowed },
    headers: { allow },
  });
}

function logError(error: unknown, { method, path, correlationId }: FailedRequest): void {
  console.error(`${method} ${path} failed (correlation id ${correlationId})`, error);
}
