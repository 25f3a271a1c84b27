import type { Applied } from '../projections/projection-applier.ts';
import type { KeyedEvent } from '../projections/projection-batch.ts';
import type { Lease } from '../projections/projection-storage.ts';
import type { StoredEvent } from '../store/categories.ts';
import { inSpan, recordError } from './in-span.ts';
import { quietly } from './quietly.ts';
import { tracesOf } from './links.ts';
import type { StoreTracer } from './tracer.ts';

/**
 * Applies a batch in a span of its own, linked to the spans that have appended its events, 32 at most. A batch of which none was
 * traced has no span.
 */
export function traceBatch(
  tracer: StoreTracer | undefined,
  { lease, events }: { readonly lease: Lease; readonly events: readonly KeyedEvent[] },
  apply: () => Promise<Applied>,
): Promise<Applied> {
  const links = tracer === undefined ? [] : tracesOf(recorded(events));
  if (tracer === undefined || links.length === 0) return apply();
  const { name, version, position } = lease;
  const attributes = {
    'mink.projection.name': name,
    'mink.projection.version': version,
    'mink.projection.events': events.length,
    'mink.projection.from': position,
  };
  return inSpan(tracer, { name: `project ${name}`, options: { attributes, links } }, async (span) => {
    const applied = await apply();
    quietly(() => {
      const { outcome, to, failure } = applied;
      span.setAttribute('mink.projection.outcome', outcome);
      if (to !== undefined) span.setAttribute('mink.projection.to', to);
      if (failure !== undefined) recordError(span, failure);
    });
    return applied;
  });
}

/** Hands an event to a handler in a span that goes on from the one that has appended it; without one, there is none. */
export function traceDelivery(
  tracer: StoreTracer | undefined,
  { name, key, attempt, event }: { name: string; key: string; attempt: number; event: StoredEvent },
  deliver: () => Promise<void>,
): Promise<void> {
  const [continues] = tracesOf([event]);
  if (tracer === undefined || continues === undefined) return deliver();
  const attributes = {
    'mink.subscription.name': name,
    'mink.subscription.key': key,
    'mink.subscription.attempt': attempt,
    'mink.event.id': event.id,
    'mink.event.type': event.type,
    'mink.global_position': event.globalPosition,
  };
  return inSpan(tracer, { name: `deliver ${name}`, options: { attributes, continues } }, deliver);
}

function* recorded(events: readonly KeyedEvent[]): Generator<KeyedEvent['event']> {
  for (const { event } of events) yield event;
}
