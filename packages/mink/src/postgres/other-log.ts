import { ReadModelsOfAnotherLogError, searchedTo, type EventStorage, type Lag, type LagQuery } from '../core/index.ts';
import { followLogQuery } from './queries/follow-log.ts';
import type { ReadModelSettings } from './read-models.ts';

/** Refuses read models that were begun with the log of another store; the first one is the one that they follow. */
export async function checkFollows(
  { run, schema }: Pick<ReadModelSettings, 'run' | 'schema'>,
  log: EventStorage,
): Promise<void> {
  // Whoever has looked at its log knows who it is.
  await log.readBound();
  const { storeId } = log;
  if (storeId === undefined) return;
  const [row] = await run(followLogQuery(schema, storeId));
  const follows = row?.[0] ?? storeId;
  if (follows !== storeId) throw new ReadModelsOfAnotherLogError({ follows, log: storeId });
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
