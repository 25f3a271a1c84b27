import { ReadModelsOfAnotherLogError, searchedTo, type EventStorage, type Lag, type LagQuery } from '../core/index.ts';
import { followedLogQuery, followLogQuery } from './queries/follow-log.ts';
import type { ReadModelSettings } from './read-models.ts';

/**
 * Refuses read models that were begun with the log of another store; the first one is the one that they follow. Without a log, that of
 * their own schema.
 */
export async function checkFollows({ run, schema, otherLog }: ReadModelSettings): Promise<void> {
  const read = async (): Promise<readonly (string | null | undefined)[]> =>
    (await run(followedLogQuery(schema)))[0] ?? [];
  const [first, own] = await read();
  // Whoever has looked at its log knows who it is.
  await otherLog?.readBound();
  const storeId = otherLog === undefined ? own : otherLog.storeId;
  if (typeof storeId !== 'string' || first === storeId) return;
  // A role of its own may change nothing here, and need not.
  if (typeof first !== 'string' && otherLog === undefined) return;
  if (typeof first !== 'string') await run(followLogQuery(schema, storeId));
  const [follows] = typeof first === 'string' ? [first] : await read();
  if (typeof follows === 'string' && follows !== storeId)
    throw new ReadModelsOfAnotherLogError({ follows, log: storeId });
}

/** How many events of another storage's log a filter matches, and when the first was recorded. */
export async function measureLagIn(log: EventStorage, query: LagQuery): Promise<Lag> {
  if (log.readModels !== undefined) return log.readModels.measureLag(query);
  let [events, oldest]: [number, number | undefined] = [0, undefined];
  for (let { after } = query; after < query.upTo && events < query.limit;) {
    const range = { ...query, after, limit: query.limit - events, direction: 'forwards' as const };
    const page = await log.readLogPage(range);
    events += page.events.length;
    oldest ??= page.events[0]?.recordedAt;
    after = Math.max(page.searchedTo, searchedTo(range, page.events.at(-1)));
  }
  return { events, oldest };
}
