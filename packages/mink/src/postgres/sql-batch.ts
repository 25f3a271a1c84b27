import {
  HandlerEndedTransactionError,
  HandlerTimeoutError,
  InvalidArgumentError,
  typed,
  type CommitOutcome,
  type OpenTransaction,
  type ParkedStep,
  type ProjectionModel,
  type ProjectionTransaction,
  type SqlBatch,
} from '../core/index.ts';
import type { Statement } from './connection.ts';
import { commitProjectionQuery, toCommitOutcome } from './queries/projection-commit.ts';
import { holdTablesQuery } from './queries/dead-letters.ts';
import { holdLeaseQuery } from './queries/projection-leases.ts';
import { script, tableOf } from './queries/read-model-tables.ts';
import type { ReadModelSettings } from './read-models.ts';
import type { SchemaName } from './schema-name.ts';
import { untilSilent } from './until-silent.ts';

/** Milliseconds. */
const SERVER_MARGIN = 2_000;

/** Ends a transaction in which nothing may be kept. */
class Refused extends Error {
  readonly outcome: CommitOutcome;

  constructor(outcome: CommitOutcome) {
    super(outcome);
    this.outcome = outcome;
  }
}

/**
 * A batch of a handler that writes SQL. The transaction begins with the tables and the lease, whose row it holds, and ends with the
 * checkpoint; the server ends it when this process is frozen. A reset takes them in the same order.
 */
export async function runSqlBatch(
  { schema, inTransaction }: Pick<ReadModelSettings, 'schema' | 'inTransaction'>,
  batch: SqlBatch,
  work: (tx: ProjectionTransaction) => Promise<void>,
): Promise<CommitOutcome> {
  const { lease, tables, timeout } = batch;
  try {
    return await inTransaction(async (run, client) => {
      await run(untilSilent(limitsQuery(timeout)));
      const hold = holdTablesQuery(schema, { ...lease, tables });
      if (hold !== undefined) await run(untilSilent(hold));
      if ((await run(untilSilent(holdLeaseQuery(schema, lease)))).length === 0) throw new Refused('lost');
      const tx = transactionOf(schema, client, { projection: { ...lease, tables }, epoch: lease.epoch });
      await withinTime(tx, { name: lease.name, timeout }, work);
      const [row = []] = await run(untilSilent(commitProjectionQuery(schema, batch, undefined)));
      const outcome = toCommitOutcome(batch, row);
      if (outcome !== 'stored') throw new Refused(outcome);
      return outcome;
    });
  } catch (error) {
    if (error instanceof Refused) return error.outcome;
    throw error;
  }
}

/** For a process that is frozen: the time of the handler itself is up earlier. */
function limitsQuery(timeout: number): Statement {
  const text = `select pg_catalog.set_config('statement_timeout', $1, true), pg_catalog.set_config('idle_in_transaction_session_timeout', $1, true)`;
  return { name: 'mink_batch_limits', text, values: [String(timeout + SERVER_MARGIN)] };
}

/**
 * Lets handlers try one event after the other in a transaction. What fails, or takes too long, leaves it as it was before: a
 * statement under way is ended by the server.
 */
export async function attemptsIn(
  {
    schema,
    projection,
    timeout,
  }: { readonly schema: SchemaName; readonly projection: ProjectionModel; readonly timeout: number },
  run: (statement: Statement) => Promise<unknown>,
  client: OpenTransaction,
): Promise<NonNullable<ParkedStep['attempt']>> {
  const savepoint = (text: string): Promise<unknown> =>
    run({ name: undefined, text: `${text} savepoint mink_attempt`, values: [] });
  await run(limitsQuery(timeout));
  return async (work) => {
    await savepoint('');
    try {
      await withinTime(
        transactionOf(schema, client, { projection, epoch: 0 }),
        { name: projection.name, timeout },
        work,
      );
      await savepoint('release');
    } catch (error) {
      if (!(error instanceof HandlerEndedTransactionError)) await savepoint('rollback to');
      throw error;
    }
  };
}

/** What comes from a handler after its time finds its transaction closed. */
async function withinTime(
  tx: ClosableTransaction,
  { name, timeout }: { readonly name: string; readonly timeout: number },
  work: (tx: ProjectionTransaction) => Promise<void>,
): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new HandlerTimeoutError(name, timeout)), timeout);
  });
  try {
    await Promise.race([work(tx), late]);
    checkOpen(tx, name);
  } catch (error) {
    checkOpen(tx, name, error);
    throw error;
  } finally {
    clearTimeout(timer);
    tx.close();
  }
}

/** Where the transaction has been ended, a rollback would take nothing back. */
function checkOpen({ client }: ClosableTransaction, name: string, cause?: unknown): void {
  if (cause instanceof HandlerEndedTransactionError || client.getTransactionStatus?.() !== 'I') return;
  throw new HandlerEndedTransactionError(name, { cause });
}

interface ClosableTransaction extends ProjectionTransaction {
  close(): void;
}

/** What a handler writes with, on an open transaction. */
function transactionOf(
  schema: SchemaName,
  client: OpenTransaction,
  { projection, epoch }: { readonly projection: ProjectionModel; readonly epoch: number },
): ClosableTransaction {
  let isOpen = true;
  return {
    client,
    epoch,
    tables: Object.fromEntries(
      projection.tables.map((table) => [table.name, script(schema, tableOf(projection, table))]),
    ),
    query: async <Row>(text: string, values: readonly unknown[] = []): Promise<readonly Row[]> => {
      if (!isOpen) throw new InvalidArgumentError('tx', `of a batch of projection "${projection.name}" is over`);
      // With the types that the application has set for `pg`: the statement is the application's own.
      const { rows } = await client.query(
        typed<Parameters<OpenTransaction['query']>[0]>({ text, values: [...values] }),
      );
      return typed<readonly Row[]>(rows);
    },
    close: () => {
      isOpen = false;
    },
  };
}
