import { frozenLog, type FeedBound, type LogReader, type OpenTransaction, type Scratch } from '../core/index.ts';
import type { Row, Statement } from './connection.ts';
import { countDifferencesQuery, sampleDifferencesQuery, toTableDifference } from './queries/compare-tables.ts';
import { positionAtQuery } from './queries/feed.ts';
import { setPartitionsQueries } from './queries/projection-shadows.ts';
import { toVisibleEnd, visibleEndQuery } from './queries/visible-end.ts';
import { ReadModels, type ReadModelSettings } from './read-models.ts';

type Run = (statement: Statement) => Promise<readonly Row[]>;

const SERVER_MARGIN = 1_000;

/** Ends a transaction of which nothing is kept. */
class ThrownAway<T> extends Error {
  readonly result: T;

  constructor(result: T) {
    super('a scratch is thrown away');
    this.result = result;
  }
}

/**
 * The read models as of one moment, in a transaction that is always rolled back. Each statement has a savepoint: what a batch
 * cannot store, as anywhere else, costs that batch.
 */
export async function withScratch<T>(
  settings: ReadModelSettings,
  { timeout }: { readonly timeout: number },
  work: (scratch: Scratch) => Promise<T>,
): Promise<T> {
  try {
    return await settings.inTransaction(async (run, client) => {
      await run(begin);
      await run({ ...limits, values: [String(timeout), String(timeout + SERVER_MARGIN)] });
      throw new ThrownAway(await work(scratchOn(settings, run, client)));
    });
  } catch (error) {
    if (error instanceof ThrownAway) return error.result;
    throw error;
  }
}

const begin: Statement = {
  name: undefined,
  text: 'set transaction isolation level repeatable read',
  values: [],
};

const limits = {
  name: 'mink_scratch_limits',
  text: `select pg_catalog.set_config('statement_timeout', $1, true), pg_catalog.set_config('idle_in_transaction_session_timeout', $2, true)`,
};

type InSavepoint = <R>(work: () => Promise<R>) => Promise<R>;

/** The log as the transaction sees it. */
function logOf(
  { schema, logWithin }: ReadModelSettings,
  {
    client,
    run,
    inSavepoint,
  }: { readonly client: OpenTransaction; readonly run: Run; readonly inSavepoint: InSavepoint },
): LogReader {
  const { readLogPage } = logWithin(client);
  const readBound = async (): Promise<FeedBound> => {
    const [row = []] = await inSavepoint(() => run(visibleEndQuery(schema)));
    return toVisibleEnd(row);
  };
  return {
    readBound,
    // Nothing is ever added to a snapshot.
    waitForBound: readBound,
    readLogPage: (query) => inSavepoint(() => readLogPage(query)),
    positionAt: async (time, upTo) => {
      const [row] = await inSavepoint(() => run(positionAtQuery(schema, time, upTo)));
      return Number(row?.[0]);
    },
  };
}

function scratchOn(settings: ReadModelSettings, run: Run, client: OpenTransaction): Scratch {
  const { schema, otherLog } = settings;
  const inTurn = oneByOne();
  const inSavepoint: InSavepoint = (inner) => inTurn(() => withSavepoint(run, inner));
  return {
    log: otherLog === undefined ? logOf(settings, { client, run, inSavepoint }) : frozenLog(otherLog),
    readModels: new ReadModels({
      ...settings,
      run: (statement) => inSavepoint(() => run(statement)),
      inTransaction: (inner) => inSavepoint(() => inner(run, client)),
    }),
    setPartitions: (projection, partitions, epoch) =>
      inTurn(async () => {
        for (const statement of setPartitionsQueries(schema, projection, { partitions, epoch })) await run(statement);
      }),
    compareTables: (pair) =>
      inTurn(async () => {
        const [counts] = await run(countDifferencesQuery(schema, pair));
        const samples = await run(sampleDifferencesQuery(schema, pair));
        return toTableDifference(pair, counts, samples);
      }),
  };
}

async function withSavepoint<R>(run: Run, inner: () => Promise<R>): Promise<R> {
  await run(savepoint('savepoint mink_scratch'));
  try {
    const result = await inner();
    await run(savepoint('release savepoint mink_scratch'));
    return result;
  } catch (error) {
    await run(savepoint('rollback to savepoint mink_scratch'));
    throw error;
  }
}

/** The log is read ahead while a batch is stored, on the same connection: their savepoints must not lie in each other. */
function oneByOne(): <R>(work: () => Promise<R>) => Promise<R> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const result = last.then(work);
    last = result.catch(() => undefined);
    return result;
  };
}

function savepoint(text: string): Statement {
  return { name: undefined, text, values: [] };
}
