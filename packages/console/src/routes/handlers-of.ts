import {
  createEventStore,
  partitionKey,
  type AnyProjection,
  type RecordedEvent,
  type StoredEvent,
  type StoredProjection,
} from 'mink';
import type { WhyProjection } from '../api-types.ts';
import type { ConsoleContext } from '../console-context.ts';

/** The projections that read an event, and what has become of it in each. */
export async function handlersOf(context: ConsoleContext, event: RecordedEvent): Promise<readonly WhyProjection[]> {
  const { store, storage, projections } = context;
  if (storage.readModels === undefined) return [];
  const wanted = projections.filter(({ events }) => Object.hasOwn(events, event.category));
  if (wanted.length === 0) return [];
  const all = await store.projections.list();
  const found = wanted.map(async (projection) => {
    const stored = all.find((it) => it.name === projection.name && it.version === projection.version);
    return handlerOf(context, { event, projection, stored });
  });
  return (await Promise.all(found)).filter((it) => it !== undefined);
}

/** An event, a projection that may read it, and what is known of that. */
interface Handling {
  readonly event: RecordedEvent;
  readonly projection: AnyProjection;
  readonly stored: StoredProjection | undefined;
}

async function handlerOf(context: ConsoleContext, handling: Handling): Promise<WhyProjection | undefined> {
  const { event, projection, stored } = handling;
  const { name, version } = projection;
  const keys = await keysOf(context, projection, event);
  if (keys === undefined) return undefined;
  if (keys.length === 0) return { name, version, outcome: 'ignored', keys };
  if (stored === undefined) return { name, version, outcome: 'waiting', keys };
  return { name, version, keys, outcome: await outcomeOf(context, { projection, event, stored, keys }) };
}

/** Undefined where the projection does not read its type. What cannot be read is parked, or about to be. */
async function keysOf(
  { storage }: ConsoleContext,
  projection: AnyProjection,
  { streamName, streamVersion }: RecordedEvent,
): Promise<readonly string[] | undefined> {
  // It appends nothing, so it need not know of lost connections either.
  const reader = createEventStore(storage, { categories: projection.events, recordShapes: false });
  const range = { fromVersion: streamVersion, until: { version: streamVersion } };
  try {
    const read: readonly StoredEvent[] = await reader.readStream(streamName, range).toArray();
    const own = read.filter(({ type }) => projection.types.includes(type));
    return own.length === 0 ? undefined : [...new Set(own.flatMap((it) => projection.keysOf(it)))];
  } catch {
    return projection.hasOwnKeys ? [] : [streamName];
  }
}

/** The worst that has become of it for one of its keys. */
async function outcomeOf(
  { storage }: ConsoleContext,
  of: Handling & { readonly stored: StoredProjection; readonly keys: readonly string[] },
): Promise<WhyProjection['outcome']> {
  const { projection, event, stored, keys } = of;
  if (stored.state === 'inline') return 'applied';
  const { globalPosition: position, streamName } = event;
  const slots = keys.map((key) => partitionKey(projection.hasOwnKeys ? key : streamName));
  const behind = stored.partitions.filter((it) => it.position < position);
  if (slots.some((slot) => behind.some(({ from, to }) => slot >= from && slot < to))) return 'waiting';
  const parked = await storage.readModels?.findDeadLetters(projection, { after: position - 1, upTo: position });
  if (parked?.some(({ key }) => keys.includes(key)) === true) return 'parked';
  const applied = await storage.readModels?.readApplied(projection);
  const isDiscarded = applied?.discarded.some((it) => it.position === position && keys.includes(it.key));
  return isDiscarded === true ? 'discarded' : 'applied';
}
