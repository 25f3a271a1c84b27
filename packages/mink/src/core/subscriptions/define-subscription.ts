import { InvalidArgumentError } from '../errors.ts';
import type { AnyEvents } from '../events/define-events.ts';
import {
  checkTypes,
  projectionBase,
  type ProjectedEvent,
  type ProjectionBase,
} from '../projections/define-projection.ts';
import type { Categories, StoredEvent } from '../store/categories.ts';
import { checkTimer, checkWhole } from '../store/read-options.ts';
import { typed } from '../typed.ts';

/** Where a subscription begins: with the first event, with what comes from now on, or behind a position. */
export type SubscriptionStart = 'start' | 'end' | number;

/** What a handler is told beside the event. */
export interface DeliveryContext {
  /** Aborted when the time for the event is up, or somebody else delivers it: give it to whatever can be stopped. */
  readonly signal: AbortSignal;
  /** What the event is in order with. */
  readonly key: string;
  /**
   * A fencing token: it rises with every take-over. A receiver that remembers the highest one, and refuses lower ones, is safe
   * from a process that was frozen and wakes up late.
   */
  readonly epoch: number;
  /** From 1. It counts the tries of this worker: after a crash it begins again, so 1 does not mean that the event is new. */
  readonly attempt: number;
}

/** Hands events to a handler that has effects outside of the database. */
export interface Subscription<Name extends string = string, C extends Categories = Categories> extends ProjectionBase<
  Name,
  C
> {
  readonly kind: 'subscription';
  readonly from: SubscriptionStart;
  readonly concurrency: number;
  readonly timeout: number;
  readonly batchSize: number;
  handle(event: StoredEvent, context: DeliveryContext): Promise<void>;
}

/** What {@link defineSubscription} takes. */
export interface SubscriptionDefinition<Name extends string, C extends Categories, Type extends string> {
  /** By it its checkpoint is found again; as of `defineProjection`. A subscription of another name is another one, and begins anew. */
  readonly name: Name;
  readonly events: C;
  /**
   * The types that `handle` gets.
   * @defaultValue all types of `events`
   */
  readonly types?: readonly Type[] | undefined;
  /**
   * What has to stay in order: events of one key are delivered one after another, and wait behind one that fails for good. None
   * where the event does not matter.
   * @defaultValue the stream name
   */
  readonly key?: ((event: Extract<ProjectedEvent<C>, { readonly type: Type }>) => string | null) | undefined;
  /** Where it begins, the first time that it is started. Later, `replay` moves it. */
  readonly from: SubscriptionStart;
  /**
   * Events, of different keys, that are delivered at once.
   * @defaultValue 8
   */
  readonly concurrency?: number | undefined;
  /**
   * Milliseconds that `handle` may take for an event. Then its signal is aborted, and the event counts as failed.
   * @defaultValue 30_000
   */
  readonly timeout?: number | undefined;
  /**
   * Events that are read at once. As many, at most, come again after a crash.
   * @defaultValue 50
   */
  readonly batchSize?: number | undefined;
  /**
   * As of `defineProjection`: each partition delivers apart from the others.
   * @defaultValue 1
   */
  readonly partitions?: number | undefined;
  /** Has the effect. An event is acknowledged by resolving; by throwing, it is tried again, or parked with its key. */
  readonly handle: (
    event: Extract<ProjectedEvent<C>, { readonly type: Type }>,
    context: DeliveryContext,
  ) => Promise<void>;
}

/**
 * Defines a durable subscription, for effects outside of the database: mails, calls, messages. It is run by
 * `createProjectionEngine`, beside projections.
 *
 * Guarantee: at least once, in order per key. Every event is handed to `handle` until it resolves, or waits among the dead letters
 * of its key with all that come after it. After a crash, those that were not acknowledged yet, and the last ones that were, come
 * again, in their order: have the receiver remember `event.id`, or give it the id as its idempotency key.
 *
 * @example
 * const confirmations = defineSubscription({
 *   name: 'confirmations',
 *   events: { Order: orderEvents },
 *   types: ['OrderPlaced'],
 *   from: 'end',
 *   handle: async (event, { signal }) => mailer.send({ to: event.data.email, idempotencyKey: event.id, signal }),
 * });
 */
export function defineSubscription<
  const Name extends string,
  C extends Readonly<Record<string, AnyEvents>>,
  const Type extends ProjectedEvent<C>['type'],
>(definition: SubscriptionDefinition<Name, C, Type>): Subscription<Name, C> {
  const { name, events, key, from, handle } = definition;
  if (typeof handle !== 'function') throw new InvalidArgumentError('handle', 'is not a function');
  const types = checkTypes(name, events, definition.types);
  return Object.freeze({
    ...projectionBase<Name, C>({
      name,
      events,
      partitions: definition.partitions,
      tables: [],
      key: typed<((event: ProjectedEvent<C>) => string | null) | undefined>(key),
    }),
    kind: 'subscription',
    types,
    from: checkStart(from),
    concurrency: checkWhole('concurrency', definition.concurrency ?? 8, 1),
    timeout: checkTimer('timeout', definition.timeout ?? 30_000, 1),
    batchSize: checkWhole('batchSize', definition.batchSize ?? 50, 1),
    handle: typed<Subscription['handle']>(handle),
  });
}

/** A start as somebody gave it. */
export function checkStart(from: SubscriptionStart): SubscriptionStart {
  if (from === 'start' || from === 'end') return from;
  if (typeof from === 'number') return checkWhole('from', from, 0);
  throw new InvalidArgumentError('from', `${JSON.stringify(from)} is neither 'start', 'end', nor a position`);
}
