import { InvalidArgumentError } from '../errors.ts';
import { deepFreeze } from '../deep-freeze.ts';
import { codecFor, type AnyEvents, type EventOf } from '../events/define-events.ts';
import { encoded, type EncodedPayload } from '../events/event-schema.ts';
import type { Anything, ReturnsState } from './evolve-type.ts';
import { checkFold, evolveOnce, initialStateOf, type AnyFold, type Fold } from './decider.ts';
import type { SnapshotOptions } from '../snapshots/snapshot-options.ts';
import { streamName } from '../stream-name.ts';
import { typed } from '../typed.ts';

/** An event that was applied and not saved yet. */
export interface UncommittedEvent {
  readonly type: string;
  readonly data: unknown;
}

/** An applied event as readers will see it, and its payload as it will be stored. */
interface Applied<Event> {
  readonly event: Event;
  readonly payload: EncodedPayload;
}

/** How the store reaches the parts of an aggregate that nobody else may touch. */
export const internals: unique symbol = Symbol.for('mink.aggregate');

/** What the store does with an aggregate. */
export interface AggregateInternals {
  readonly definition: AnyFold<unknown>;
  /** Takes over what its stream has come to. */
  restore(known: { readonly state: unknown; readonly streamVersion: number }): void;
  /** With ids once a save has ended without an answer: the next one repeats it. */
  uncommitted(): readonly (UncommittedEvent & {
    readonly id: string | undefined;
    readonly [encoded]: EncodedPayload;
  })[];
  /** The save was sent with these ids, and its outcome is unknown. */
  rememberIds(eventIds: readonly string[]): void;
  /** Claims the aggregate for one save at a time; the function releases it, and moves the version when it was saved. */
  beginSave(): (saved?: Saved) => void;
}

/** What came of a save. */
export interface Saved {
  readonly version: number;
  /** The ids of its events, where it was part of a transaction and may yet be rolled back; otherwise empty. */
  readonly unsettledIds: readonly string[];
}

/** The base of every class made with {@link Aggregate}: one entity, its state, and what it has decided. */
export abstract class AggregateBase<State, Event extends { readonly type: string; readonly data: unknown }> {
  readonly #fold: Fold<string, AnyEvents, State>;
  readonly #uncommitted: Applied<Event>[] = [];
  #state: State;
  #version = 0;
  #saving = false;
  #sentIds: readonly string[] = [];
  /** Puts back what was last saved, where that may have been rolled back. */
  #undoSave: (() => void) | undefined;

  /** The id: the stream name's part after the category. */
  readonly id: string;

  constructor(fold: Fold<string, AnyEvents, State>, id: string) {
    streamName(fold.category, id);
    this.#fold = fold;
    this.#state = initialStateOf(fold);
    this.id = id;
  }

  /** The state after every event so far, applied ones included. Frozen: only events change it. */
  get state(): State {
    return deepFreeze(this.#state);
  }

  /** The version of the stream this was loaded from or last saved to; 0 if it has no events yet. */
  get version(): number {
    return this.#version;
  }

  /** What was applied and not saved yet. */
  get uncommittedEvents(): readonly Event[] {
    return this.#uncommitted.map(({ event }) => event);
  }

  /**
   * Records an event **and** changes the state with it. The payload is checked by its schema; when it is refused,
   * nothing was recorded and nothing has changed.
   */
  protected apply(event: Event): void {
    if (this.#saving) {
      throw new InvalidArgumentError(
        'apply',
        `${this.#fold.category} "${this.id}" is being saved; await the save first`,
      );
    }
    if (this.#sentIds.length > 0) {
      throw new InvalidArgumentError(
        'apply',
        `whether ${this.#fold.category} "${this.id}" was saved is unknown; save it again first, or load it anew`,
      );
    }
    const payload = codecFor(this.#fold.category, this.#fold.events, event.type).encode(event.data);
    this.#state = evolveOnce(this.#fold, this.state, { type: event.type, data: payload.data });
    // Kept as it was folded: what the caller does to its own object until the save must not make state and log differ.
    this.#undoSave = undefined;
    this.#uncommitted.push({ event: Object.freeze({ ...event, data: payload.data }), payload });
  }

  #endSave({ version, unsettledIds }: Saved): void {
    const before = { version: this.#version, uncommitted: this.#uncommitted.splice(0) };
    this.#version = version;
    this.#sentIds = [];
    const undo = (): void => {
      this.#version = before.version;
      this.#uncommitted.push(...before.uncommitted);
      this.#sentIds = unsettledIds;
    };
    this.#undoSave = unsettledIds.length === 0 ? undefined : undo;
  }

  get [internals](): AggregateInternals {
    return {
      definition: this.#fold,
      restore: ({ state, streamVersion }) => {
        this.#state = typed<State>(state);
        this.#version = streamVersion;
      },
      uncommitted: () =>
        this.#uncommitted.map(({ event, payload }, index) => ({
          ...event,
          id: this.#sentIds[index],
          [encoded]: payload,
        })),
      rememberIds: (eventIds) => {
        this.#sentIds = eventIds;
      },
      beginSave: () => {
        if (this.#saving) {
          throw new InvalidArgumentError('save', `${this.#fold.category} "${this.id}" is being saved already`);
        }
        this.#saving = true;
        // Nothing new, but what was saved in a transaction may not be there: the same append again puts that right.
        if (this.#uncommitted.length === 0) this.#undoSave?.();
        return (saved) => {
          this.#saving = false;
          if (saved !== undefined) this.#endSave(saved);
        };
      },
    };
  }
}

/** A class made with {@link Aggregate}. */
export interface AggregateClass<Category extends string, E extends AnyEvents, State> {
  readonly definition: Fold<Category, E, State>;
  new (id: string): AggregateBase<State, EventOf<E>>;
}

/** Any class that extends one made with {@link Aggregate}. */
export interface AnyAggregateClass<Instance extends AnyAggregate = AnyAggregate, Category extends string = string> {
  readonly definition: AnyFold<unknown> & { readonly category: Category };
  new (id: string): Instance;
}

/** Any aggregate instance. */
export interface AnyAggregate {
  readonly id: string;
  readonly version: number;
  readonly state: unknown;
  readonly uncommittedEvents: readonly UncommittedEvent[];
  readonly [internals]: AggregateInternals;
}

/**
 * The base class for an aggregate: business methods guard the rules and `apply` events, which records them and changes
 * the state at once. Loading, saving and versions belong to the store.
 *
 * @example
 * class Order extends Aggregate({
 *   category: 'Order',
 *   events: orderEvents,
 *   initialState: (): OrderState => ({ status: 'new' }),
 *   evolve: (state, event) => (event.type === 'OrderConfirmed' ? { ...state, status: 'confirmed' } : state),
 * }) {
 *   confirm() {
 *     if (this.state.status !== 'new') throw new Error('Only a new order can be confirmed.');
 *     this.apply(orderEvents.OrderConfirmed({}));
 *   }
 * }
 * await store.execute(Order, '42', (order) => order.confirm());
 */
export function Aggregate<const Category extends string, E extends AnyEvents, State, const Next extends Anything>(
  definition: {
    readonly category: Category;
    readonly events: E;
    readonly initialState: () => State;
    readonly evolve: (state: State, event: EventOf<E>) => Next;
    readonly snapshots?: SnapshotOptions<NoInfer<State>> | undefined;
  } & ReturnsState<Next, State>,
): AggregateClass<Category, E, State> {
  checkFold(definition);
  // ReturnsState has checked that `Next` is a `State`.
  const fold = typed<Fold<Category, E, State>>(Object.freeze({ ...definition }));
  return class extends AggregateBase<State, EventOf<E>> {
    static readonly definition = fold;

    constructor(id: string) {
      super(fold, id);
    }
  };
}

/** Whether something is an aggregate, not a decider. */
export function isAggregateClass(target: unknown): target is AnyAggregateClass {
  return typeof target === 'function' && 'definition' in target;
}
