import type { ProjectionId, TableSpec } from '../core/index.ts';
import type { Row } from './connection.ts';
import { holdAsyncQuery, replaySubscriptionQueries, resetProjectionQueries } from './queries/projection-state.ts';
import { restoreTablesScript } from './queries/read-model-tables.ts';
import type { ReadModelSettings } from './read-models.ts';

/** Empties a read model, and makes its tables again where somebody has dropped them. False where it is inline, or retired by now. */
export async function resetProjection(
  { database, schema, run, inTransaction }: ReadModelSettings,
  projection: ProjectionId & { readonly tables: readonly TableSpec[] },
): Promise<boolean> {
  const hold = holdAsyncQuery(schema, projection);
  // The rows of an inline projection are what every append goes on from: a table that was dropped must not come back empty.
  if ((await run(hold)).length === 0) return false;
  if (projection.tables.length > 0) {
    await database.withSession((session) => session.runScript(restoreTablesScript(schema, projection)));
  }
  return inTransaction(async (run) => {
    if ((await run(hold)).length === 0) return false;
    for (const statement of resetProjectionQueries(schema, projection)) await run(statement);
    return true;
  });
}

/** Lets a subscription go on behind a position. False where there is none. */
export async function replaySubscription(
  { schema, inTransaction }: ReadModelSettings,
  subscription: ProjectionId,
  from: number,
): Promise<boolean> {
  return inTransaction(async (run) => {
    let rows: readonly Row[] = [];
    for (const statement of replaySubscriptionQueries(schema, subscription, from)) rows = await run(statement);
    return rows.length > 0;
  });
}
