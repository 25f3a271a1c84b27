import {
  createHealth,
  type EventStorage,
  type FeedStatus,
  type Health,
  type ParkedKey,
  type ProcessReport,
  type StorageVitals,
  type StoreOperations,
} from 'mink';
import type { Rates, Sample } from '../api-types.ts';
import { seeProjections, withRates, type ProjectionSources, type SeenProjection } from './projections.ts';

/** What one look at the database has found. */
export interface Look {
  readonly at: number;
  readonly feed: FeedStatus;
  readonly seen: readonly SeenProjection[];
  readonly deadLetters: { readonly keys: number; readonly events: number };
  readonly vitals: StorageVitals | undefined;
  readonly health: { readonly status: 'healthy' | 'degraded' | 'unhealthy'; readonly reasons: readonly string[] };
  readonly processes: readonly ProcessReport[];
  readonly rates: Rates;
}

/** What a look needs. */
export interface LookSources extends ProjectionSources {
  readonly storage: EventStorage;
  readonly operations: StoreOperations | undefined;
  readonly health: Pick<Health, 'details'> | undefined;
  readonly now: () => number;
}

/** Looks at everything that the overview shows, once for all who watch. */
export async function look(sources: LookSources, earlier: Look | undefined): Promise<Look> {
  const { storage, operations, now } = sources;
  const feed = await storage.feedStatus();
  const at = now();
  const [{ seen: found, statuses }, vitals, processes = []] = await Promise.all([
    seeProjections(sources, feed.position),
    storage.readVitals?.(),
    operations?.processes(),
  ]);
  const seen = withRates(found, earlier, at);
  // Code of a version beside the live one, of which nothing is built yet, is no trouble.
  const judged = statuses.filter(
    ({ name, isLive, state }) => isLive || state !== 'stopped' || !seen.some((it) => it.name === name && it.isLive),
  );
  const judge =
    sources.health ?? createHealth({ store: { feedStatus: async () => feed }, engine: { status: async () => judged } });
  const [deadLetters, { body }] = await Promise.all([countDeadLetters(storage, seen), judge.details()]);
  const { status, reasons = [] } = body;
  const rates = ratesOf({ at, feed }, earlier, processes);
  return { at, feed, seen, deadLetters, vitals, health: { status, reasons }, processes, rates };
}

const PAGE = 1_000;
const MOST_PAGES = 10;

/** Their events are counted for as many keys as anybody wants to look at. */
async function countDeadLetters(storage: EventStorage, seen: readonly SeenProjection[]): Promise<Look['deadLetters']> {
  const keys = seen.reduce((sum, { parkedKeys }) => sum + parkedKeys, 0);
  let events = 0;
  if (keys === 0) return { keys, events };
  let after: ParkedKey | undefined;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const parked = (await storage.readModels?.listParked({ after, limit: PAGE })) ?? [];
    for (const it of parked) events += it.events;
    after = parked.at(-1);
    if (parked.length < PAGE) break;
  }
  return { keys, events };
}

function ratesOf(
  { at, feed }: Pick<Look, 'at' | 'feed'>,
  earlier: Look | undefined,
  processes: readonly ProcessReport[],
): Rates {
  const seconds = earlier === undefined ? 0 : (at - earlier.at) / 1_000;
  const events =
    earlier === undefined || seconds <= 0 ? undefined : Math.max(0, feed.head - earlier.feed.head) / seconds;
  const vitals = processes.flatMap((process) => (process.isSilent ? [] : (process.vitals ?? [])));
  const appendP50 = worst(vitals.map((it) => it.appendP50));
  const appendP99 = worst(vitals.map((it) => it.appendP99));
  if (vitals.length === 0) return { events };
  return {
    events,
    ...(appendP50 === undefined ? {} : { appendP50 }),
    ...(appendP99 === undefined ? {} : { appendP99 }),
    commands: vitals.reduce((sum, { commandsPerSecond }) => sum + commandsPerSecond, 0),
    commandErrors: vitals.reduce((sum, { commandErrorsPerSecond }) => sum + commandErrorsPerSecond, 0),
  };
}

function worst(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
}

/** What charts are drawn from. */
export function sampleOf({ at, feed, seen, deadLetters, vitals, rates }: Look): Sample {
  const { commandErrors: _errors, ...shown } = rates;
  const storageBytes =
    vitals === undefined ? undefined : Object.values(vitals.bytes).reduce((sum, bytes) => sum + bytes, 0);
  return {
    at,
    ...shown,
    // What is not live is read by nobody: a version that waits to be built would hide those that are late.
    lag: Math.max(
      0,
      ...seen.filter(({ isLive }) => isLive).map(({ lagEvents, positionsBehind }) => lagEvents ?? positionsBehind),
    ),
    deadLetters: deadLetters.events,
    held: Math.max(0, feed.head - feed.position),
    ...(storageBytes === undefined ? {} : { storageBytes }),
  };
}
