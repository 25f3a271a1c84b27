import type { AnyProjection } from '../projections/define-sql-projection.ts';
import { keyedEvent } from '../projections/projection-batch.ts';
import type { ProjectionStorage, StoredProjection } from '../projections/projection-storage.ts';
import type { RecordedEvent } from '../storage/event-storage.ts';
import { createRegistry } from '../store/event-registry.ts';
import type { LoadContext } from '../store/load.ts';
import { partitionKey } from '../stream-name.ts';

/** What has become of an event in a projection that reads its type. */
export interface EventHandling {
  readonly name: string;
  readonly version: number;
  /** The worst of its keys; `ignored` where it matters to none. */
  readonly outcome: 'applied' | 'waiting' | 'parked' | 'discarded' | 'ignored';
  /** Of the read model; where they cannot be told, the stream's name. */
  readonly keys: readonly string[];
}

/** The projections that read an event, and what has become of it in each. */
export async function handlingsOf(
  { readModels }: Pick<LoadContext, 'readModels'>,
  projections: readonly AnyProjection[],
  event: RecordedEvent,
): Promise<readonly EventHandling[]> {
  const wanted = projections.filter(({ events }) => Object.hasOwn(events, event.category));
  if (readModels === undefined || wanted.length === 0) return [];
  const all = await readModels.listProjections();
  const found = wanted.map(async (projection): Promise<EventHandling | undefined> => {
    const { name, version } = projection;
    const stored = all.find((it) => it.name === name && it.version === version);
    const keys = keysOf(projection, event);
    // Of a version that is retired nothing is left, though its code may be.
    if (keys === undefined || stored?.state === 'retired') return undefined;
    return { name, version, keys, outcome: await outcomeOf(readModels, { projection, event, stored, keys }) };
  });
  return (await Promise.all(found)).filter((it) => it !== undefined);
}

/** Undefined where the projection does not read its type. What cannot be read is parked, or about to be. */
function keysOf(projection: AnyProjection, event: RecordedEvent): readonly string[] | undefined {
  const registry = createRegistry(projection.events);
  const { parts } = keyedEvent(registry, projection, event);
  if (parts === undefined) return projection.hasOwnKeys ? [] : [event.streamName];
  if (parts.size > 0) return [...parts.keys()];
  const isRead = registry.decode(event, 'skip').some(({ type }) => projection.types.includes(type));
  return isRead ? [] : undefined;
}

interface Handled {
  readonly projection: AnyProjection;
  readonly event: RecordedEvent;
  readonly stored: StoredProjection | undefined;
  readonly keys: readonly string[];
}

async function outcomeOf(
  readModels: ProjectionStorage,
  { projection, event, stored, keys }: Handled,
): Promise<EventHandling['outcome']> {
  if (keys.length === 0) return 'ignored';
  if (stored === undefined) return 'waiting';
  if (stored.state === 'inline') return 'applied';
  const { globalPosition: position, streamName } = event;
  const slots = keys.map((key) => partitionKey(projection.hasOwnKeys ? key : streamName));
  const behind = stored.partitions.filter((it) => it.position < position);
  if (slots.some((slot) => behind.some(({ from, to }) => slot >= from && slot < to))) return 'waiting';
  const parked = await readModels.findDeadLetters(projection, { after: position - 1, upTo: position });
  if (parked.some(({ key }) => keys.includes(key))) return 'parked';
  const applied = await readModels.readApplied(projection);
  const isDiscarded = applied?.discarded.some((it) => it.position === position && keys.includes(it.key));
  return isDiscarded === true ? 'discarded' : 'applied';
}
