import { evolveOnce, initialStateOf, type AnyFold } from '../deciders/decider.ts';
import { deepFreeze } from '../deep-freeze.ts';
import type { JsonValue } from '../json.ts';
import { snapshotOptionsOf } from '../snapshots/snapshot-codec.ts';
import type { RecordedEvent } from '../storage/event-storage.ts';
import type { DecodedEvent, EventRegistry } from '../store/event-registry.ts';
import type { ShapeOwner } from './recorded-shape.ts';
import { shapeOf } from './shape.ts';
import { shapeText } from './shape-text.ts';

/** In which states an event may come is not known: so many are tried. */
const MAX_STATES = 500;

/** A payload to try code with. */
export interface ShapeSample extends ShapeOwner {
  readonly data: JsonValue;
}

/** What the code of now cannot read, or fold. */
export interface BrokenShape extends ShapeOwner {
  /** As TypeScript would write it. */
  readonly shape: string;
  /** `decode`: its type, upcaster or schema refused it; `evolve`: a fold threw. */
  readonly step: 'decode' | 'evolve';
  /** Whose evolve it was: the name of its snapshots, which is its category unless it says otherwise. */
  readonly fold: string | undefined;
  /** An event of the log that shows it; undefined for a generated value. */
  readonly event: Pick<RecordedEvent, 'streamName' | 'streamVersion' | 'globalPosition'> | undefined;
  /** The generated value that shows it; values of the log are not told. */
  readonly sample: JsonValue | undefined;
  readonly error: unknown;
}

/** An event that could be read. */
export interface TriedEvent {
  readonly stored: RecordedEvent;
  readonly decoded: readonly DecodedEvent[];
  /** Its payload, where it is made up. */
  readonly sample?: JsonValue | undefined;
}

/** Tries events with the code of now, and collects what breaks: each shape once. */
export class Trial {
  readonly #registry: EventRegistry;
  readonly #broken = new Map<string, BrokenShape>();
  readonly #states = new Map<AnyFold<unknown>, unknown[]>();
  readonly #stateless = new Map<AnyFold<unknown>, unknown>();

  constructor(registry: EventRegistry) {
    this.#registry = registry;
  }

  get broken(): readonly BrokenShape[] {
    return [...this.#broken.values()];
  }

  /** What the event says today; undefined where it cannot be read. */
  decode(event: RecordedEvent, sample?: JsonValue): readonly DecodedEvent[] | undefined {
    try {
      return this.#registry.decode(event, 'error');
    } catch (error) {
      this.#report(event, { step: 'decode', sample, error });
      return undefined;
    }
  }

  /** What a sample is written as today; nothing where it cannot be read, or not be written. */
  rewrite(sample: ShapeSample): readonly ShapeSample[] {
    const { category } = sample;
    try {
      return (this.decode(storedSample(sample), sample.data) ?? []).map(({ type, data }) => {
        const { stored, schemaVersion = 1 } = this.#registry.encode(category, type, data);
        return { category, type, schemaVersion, data: stored.value };
      });
    } catch {
      // Old payloads that are read, and could not be written again.
      return [];
    }
  }

  /** The state after what an event says; undefined where a fold cannot take it. */
  evolve(fold: AnyFold<unknown>, state: unknown, event: TriedEvent): { readonly state: unknown } | undefined {
    try {
      const next = evolveAll(fold, state, event.decoded);
      this.statesOf(fold).push(next);
      return { state: next };
    } catch (error) {
      this.#report(event.stored, { step: 'evolve', sample: undefined, error }, fold);
      return undefined;
    }
  }

  /** States that a fold was seen in, the first one first; the last of them only where there were many. */
  statesOf(fold: AnyFold<unknown>): unknown[] {
    let known = this.#states.get(fold);
    if (known === undefined) this.#states.set(fold, (known = this.#firstStates(fold)));
    if (known.length > MAX_STATES) known.splice(1, known.length - MAX_STATES / 2);
    return known;
  }

  /** None, where it fails to make one. */
  #firstStates(fold: AnyFold<unknown>): unknown[] {
    try {
      return [deepFreeze(initialStateOf(fold))];
    } catch (error) {
      this.#stateless.set(fold, error);
      return [];
    }
  }

  /** Reports an event that a fold can take in none of these states. */
  tryIn(states: readonly unknown[], fold: AnyFold<unknown>, event: TriedEvent): void {
    const { stored, decoded, sample } = event;
    let first: { readonly error: unknown } | undefined;
    for (const state of states) {
      try {
        evolveAll(fold, state, decoded);
        return;
      } catch (error) {
        first ??= { error };
      }
    }
    const error = first === undefined ? this.#stateless.get(fold) : first.error;
    this.#report(stored, { step: 'evolve', sample, error }, fold);
  }

  #report(event: RecordedEvent, found: Pick<BrokenShape, 'step' | 'sample' | 'error'>, fold?: AnyFold<unknown>): void {
    const { category, type, schemaVersion, streamName, streamVersion, globalPosition } = event;
    const shape = shapeText(shapeOf(event.data));
    const name = fold === undefined ? undefined : snapshotOptionsOf(fold).name;
    const key = JSON.stringify([category, type, schemaVersion, shape, found.step, name]);
    if (this.#broken.has(key)) return;
    const place = found.sample === undefined ? { streamName, streamVersion, globalPosition } : undefined;
    this.#broken.set(key, { category, type, schemaVersion, shape, fold: name, event: place, ...found });
  }
}

function evolveAll(fold: AnyFold<unknown>, from: unknown, events: readonly DecodedEvent[]): unknown {
  return events.reduce((state, event) => deepFreeze(evolveOnce(fold, state, event)), from);
}

/** A generated event as it would be stored. */
function storedSample({ category, type, schemaVersion, data }: ShapeSample): RecordedEvent {
  return {
    id: '00000000-0000-7000-8000-000000000000',
    type,
    schemaVersion,
    data: deepFreeze(structuredClone(data)),
    metadata: {},
    streamName: `${category}-made-up`,
    category,
    streamVersion: 1,
    globalPosition: 1,
    recordedAt: 0,
  };
}

/**
 * Tries generated payloads. Whether an event can come in a state is not known either: a fold breaks at one that it cannot
 * take in the first state, in none that streams were seen in, and in none that one or two other samples lead to.
 */
export function trySamples(trial: Trial, folds: readonly AnyFold<unknown>[], samples: readonly ShapeSample[]): void {
  const readable = samples.flatMap((sample) => {
    const stored = storedSample(sample);
    const decoded = trial.decode(stored, sample.data);
    return decoded === undefined ? [] : [{ stored, decoded }];
  });
  for (const fold of folds) {
    const own = readable.filter(({ stored }) => stored.category === fold.category);
    if (own.length === 0) continue;
    const states = [...trial.statesOf(fold)];
    addReachable(
      states,
      fold,
      own.map(({ decoded }) => decoded),
    );
    for (const { stored, decoded } of own) trial.tryIn(states, fold, { stored, decoded, sample: stored.data });
  }
}

/** Adds the states that one or two of the events lead to. */
function addReachable(states: unknown[], fold: AnyFold<unknown>, events: readonly (readonly DecodedEvent[])[]): void {
  let from = 0;
  for (let round = 1; round <= 2; round += 1) {
    const to = states.length;
    for (; from < to; from += 1) {
      for (const event of events) {
        if (states.length >= MAX_STATES) return;
        try {
          states.push(evolveAll(fold, states[from], event));
        } catch {
          // No state comes of it.
        }
      }
    }
  }
}
