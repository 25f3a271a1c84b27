import { setTimeout as sleep } from 'node:timers/promises';
import { ProjectionFailedError } from '../projection-errors.ts';
import type { Applied, ApplierContext } from '../projections/projection-applier.ts';
import { BatchLog, type KeyedEvent } from '../projections/projection-batch.ts';
import type { CommitOutcome, Lease, NewDeadLetter } from '../projections/projection-storage.ts';
import { onAbort } from '../store/signals.ts';
import type { Subscription } from './define-subscription.ts';
import { deliver, type Delivery, type DeliveryState } from './delivery.ts';

/** Milliseconds after which acknowledged events are stored, while others of the batch are under way. */
const STORE_INTERVAL = 1_000;

/** Why a worker is stopped whose lease somebody else has, or may have: what it does is to end at once. */
export const LEASE_LOST: unique symbol = Symbol('mink.leaseLost');

/** What a worker knows from one batch to the next. */
export interface DeliveryProgress {
  /** What was acknowledged and is not stored yet, by position and key: it is not delivered again. */
  readonly acknowledged: Set<string>;
  /** Every storing renews the lease: until when it lasts, by `performance.now()`. */
  leasedUntil: number;
}

interface DeliveredEvent extends KeyedEvent {
  readonly deliveries: readonly Delivery[];
}

interface Batch {
  readonly lease: Lease;
  readonly events: readonly KeyedEvent[];
  readonly progress: DeliveryProgress;
}

/**
 * Delivers the events of one batch: those of a key one after another, several keys at once. What is acknowledged is stored as far
 * as nothing before it is under way.
 */
export class SubscriptionBatch {
  readonly #context: ApplierContext;
  readonly #subscription: Subscription;
  readonly #progress: DeliveryProgress;
  readonly #events: readonly DeliveredEvent[];
  /** What its key cannot be told of: nothing behind it may be delivered. */
  readonly #unread: ProjectionFailedError | undefined;
  readonly #deliveries: readonly Delivery[];
  readonly #running = new Set<Promise<void>>();
  readonly #busy = new Set<string>();
  /** Ends the handlers that are under way. */
  readonly #handlers = new AbortController();
  #lease: Lease;
  /** Events that are stored. */
  #stored = 0;
  #isOver = false;

  constructor(context: ApplierContext, subscription: Subscription, { lease, events, progress }: Batch) {
    this.#context = context;
    this.#subscription = subscription;
    this.#progress = progress;
    this.#lease = lease;
    const unread = events.findIndex(({ parts }) => parts === undefined && subscription.hasOwnKeys);
    const failed = events[unread];
    if (failed !== undefined) this.#unread = new ProjectionFailedError(subscription.name, failed.event, failed.error);
    const known = failed === undefined ? events : events.slice(0, unread);
    this.#events = known.map((event) => ({ ...event, deliveries: this.#deliveriesOf(event) }));
    this.#deliveries = this.#events.flatMap(({ deliveries }) => deliveries);
  }

  async run(): Promise<Applied> {
    const { position } = this.#lease;
    const release = onAbort(this.#context.signal, () => this.#stop());
    let outcome: CommitOutcome = 'stored';
    let failure: unknown = this.#unread;
    try {
      await this.#findParked();
      outcome = await this.#deliverAll();
    } catch (error) {
      failure = error;
    }
    this.#isOver = true;
    if (outcome === 'lost') this.#handlers.abort();
    // The next batch, or the next worker of this process, must not deliver beside them.
    await Promise.allSettled(this.#running);
    release();
    const to = this.#lease.position;
    return { outcome, to: to > position ? to : undefined, failure };
  }

  #deliveriesOf({ event, parts, error }: KeyedEvent): readonly Delivery[] {
    const position = event.globalPosition;
    const waiting = { is: 'waiting' } as const;
    // Without its keys, all that can be parked is its stream.
    const unread = { is: 'parked', error, attempts: 1 } as const;
    if (parts === undefined) return [{ position, key: event.streamName, parts: [], state: unread }];
    return Array.from(parts, ([key, own]) => {
      const state = this.#progress.acknowledged.has(`${position} ${key}`) ? ({ is: 'acknowledged' } as const) : waiting;
      return { position, key, parts: [...own], state };
    });
  }

  /** What comes behind an event that has failed waits with it. */
  async #findParked(): Promise<void> {
    const keys = new Set(this.#deliveries.map(({ key }) => key));
    const { parkedKeys } = await this.#context.readModels.readBatch(this.#subscription, [...keys]);
    const parked = new Set(parkedKeys);
    for (const delivery of this.#deliveries) {
      if (parked.has(delivery.key)) delivery.state = { is: 'following' };
      else if (delivery.state.is === 'parked') parked.add(delivery.key);
    }
  }

  async #deliverAll(): Promise<CommitOutcome> {
    let storedAt = performance.now();
    for (;;) {
      for (let next = this.#next(); next !== undefined; next = this.#next()) this.#begin(next);
      if (this.#running.size > 0) {
        await settled(this.#running, Math.max(0, storedAt + STORE_INTERVAL - performance.now()));
        if (performance.now() - storedAt < STORE_INTERVAL) continue;
      }
      const outcome = await this.#store();
      if (outcome !== 'stored') return outcome;
      storedAt = performance.now();
      if (this.#running.size > 0) continue;
      if (this.#isOver || this.#stored === this.#events.length) return 'stored';
      // What was stored has renewed the lease; where nothing was, it may be somebody else's.
      if (!this.#mayDeliver) return 'lost';
    }
  }

  /** A process that was frozen does not go on where it was: somebody else does, by now. */
  get #mayDeliver(): boolean {
    const leasedUntil = Math.max(this.#context.leasedUntil(), this.#progress.leasedUntil);
    return !this.#isOver && performance.now() < leasedUntil;
  }

  /** The next event whose key has none under way. */
  #next(): Delivery | undefined {
    if (!this.#mayDeliver || this.#running.size >= this.#subscription.concurrency) return undefined;
    return this.#deliveries.find(({ key, state }) => state.is === 'waiting' && !this.#busy.has(key));
  }

  #begin(delivery: Delivery): void {
    this.#busy.add(delivery.key);
    const work = this.#deliver(delivery).finally(() => {
      this.#busy.delete(delivery.key);
      this.#running.delete(work);
    });
    this.#running.add(work);
  }

  /** What is under way may end, unless somebody else has the lease; but not for longer than the lease is safe. */
  #stop(): void {
    this.#isOver = true;
    if (this.#context.signal.reason === LEASE_LOST) this.#handlers.abort();
    else setTimeout(() => this.#handlers.abort(), this.#context.leaseDuration / 3).unref();
  }

  /** Until it is acknowledged, or has failed for good. */
  async #deliver(delivery: Delivery): Promise<void> {
    const { position, key } = delivery;
    const { classify, tries, report, tracer } = this.#context;
    const { signal } = this.#handlers;
    for (let attempt = 1; delivery.state.is === 'waiting' && this.#mayDeliver; attempt += 1) {
      try {
        await deliver(this.#subscription, delivery, { epoch: this.#lease.epoch, attempt, signal, tracer });
        delivery.state = { is: 'acknowledged' };
        this.#progress.acknowledged.add(`${position} ${key}`);
      } catch (error) {
        if (signal.aborted) break;
        const kind = classify(error);
        if (kind === 'permanent' || (kind === 'retry' && attempt >= tries)) this.#park(delivery, error, attempt);
        else await report(error, attempt);
      }
      if (delivery.state.is === 'waiting') await this.#context.pause(attempt);
    }
  }

  #park({ position, key }: Delivery, error: unknown, attempts: number): void {
    for (const delivery of this.#deliveries) {
      if (delivery.key !== key || delivery.position < position) continue;
      delivery.state = delivery.position === position ? { is: 'parked', error, attempts } : { is: 'following' };
    }
  }

  /** Stores everything up to the first event that is under way. */
  async #store(): Promise<CommitOutcome> {
    const waits = this.#indexOf(({ is }) => is === 'waiting');
    return this.#storeUpTo(waits);
  }

  /** The first event that is not stored, and of which something is in such a state; the end where there is none. */
  #indexOf(test: (state: DeliveryState) => boolean): number {
    const index = this.#events.findIndex(
      ({ deliveries }, at) => at >= this.#stored && deliveries.some(({ state }) => test(state)),
    );
    return index === -1 ? this.#events.length : index;
  }

  async #storeUpTo(end: number): Promise<CommitOutcome> {
    const events = this.#events.slice(this.#stored, end);
    const to = events.at(-1)?.event.globalPosition;
    if (to === undefined) return 'stored';
    const { readModels, leaseDuration: duration, checkRoom } = this.#context;
    const deadLetters = deadLettersOf(events);
    try {
      await checkRoom(deadLetters);
    } catch (error) {
      // No event is passed over; but what was acknowledged before the first that has failed does not come again.
      const failed = this.#indexOf(({ is }) => is !== 'acknowledged');
      if (failed < end) await this.#storeUpTo(failed);
      throw error;
    }
    const own = events.filter(({ deliveries }) => deliveries.length > 0).length;
    const batch = { lease: this.#lease, to, events: own, deadLetters, digests: [], duration };
    const sentAt = performance.now();
    const outcome = await readModels.commitProjection({ ...batch, table: undefined, writes: [] });
    if (outcome !== 'stored') return outcome;
    this.#progress.leasedUntil = sentAt + duration;
    this.#lease = { ...this.#lease, position: to };
    this.#stored = end;
    for (const { deliveries } of events) {
      for (const { key, position } of deliveries) this.#progress.acknowledged.delete(`${position} ${key}`);
    }
    return outcome;
  }
}

function deadLettersOf(events: readonly DeliveredEvent[]): readonly NewDeadLetter[] {
  const log = new BatchLog([]);
  for (const { key, position, state } of events.flatMap(({ deliveries }) => deliveries)) {
    if (state.is === 'parked') log.park(key, position, state.error, state.attempts);
    else if (state.is === 'following') log.follow(key, position);
  }
  return log.deadLetters;
}

/** One of several, or so many milliseconds. */
async function settled(work: ReadonlySet<Promise<void>>, milliseconds: number): Promise<void> {
  const timer = new AbortController();
  const pause = sleep(milliseconds, undefined, { signal: timer.signal }).catch(() => undefined);
  await Promise.race([...work, pause]);
  timer.abort();
}
