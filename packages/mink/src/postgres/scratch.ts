import type { OpenTransaction, Scratch } from '../core/index.ts';
import type { Row, Statement } from './connection.ts';
import { countDifferencesQuery, sampleDifferencesQuery, toTableDifference } from './queries/compare-tables.ts';
import { setPartitionsQueries } from './queries/projection-shadows.ts';
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

function scratchOn(settings: ReadModelSettings, run: Run, client: OpenTransaction): Scratch {
  const { schema } = settings;
  const inSavepoint = async <R>(inner: () => Promise<R>): Promise<R> => {
    await run(savepoint('savepoint mink_scratch'));
    try {
      const result = await inner();
      await run(savepoint('release savepoint mink_scratch'));
      return result;
    } catch (error) {
      await run(savepoint('rollback to savepoint mink_scratch'));
      throw error;
    }
  };
  return {
    readModels: new ReadModels({
      ...settings,
      run: (statement) => inSavepoint(() => run(statement)),
      inTransaction: (inner) => inSavepoint(() => inner(run, client)),
    }),
    setPartitions: async (projection, partitions, epoch) => {
      for (const statement of setPartitionsQueries(schema, projection, { partitions, epoch })) await run(statement);
    },
    compareTables: async (pair) => {
      const [counts] = await run(countDifferencesQuery(schema, pair));
      const samples = await run(sampleDifferencesQuery(schema, pair));
      return toTableDifference(pair, counts, samples);
    },
  };
}

function savepoint(text: string): Statement {
  return { name: undefined, text, values: [] };
}
