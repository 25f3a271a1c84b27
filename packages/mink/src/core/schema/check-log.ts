import { initialStateOf, type AnyFold } from '../deciders/decider.ts';
import { deepFreeze } from '../deep-freeze.ts';
import type { EventStorage, RecordedEvent } from '../storage/event-storage.ts';
import { streamPages } from '../store/read-pages.ts';
import type { EventRegistry } from '../store/event-registry.ts';
import { Trial, trySamples, type BrokenShape, type ShapeSample, type TriedEvent } from './check-shapes.ts';
import type { RecordedShape } from './recorded-shape.ts';
import { samplesOf } from './sample-values.ts';
import { shapePages } from './scan-shapes.ts';
import { covers, shapeOf } from './shape.ts';
import { shapeText } from './shape-text.ts';

/** Options of `schema.check`. */
export interface CheckShapesOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told after each shape that an event was looked for, and each stream that was folded. */
  readonly onProgress?: ((progress: CheckProgress) => void) | undefined;
}

/** How far a check has come. */
export interface CheckProgress {
  readonly shapes: number;
  readonly streams: number;
}

/** What came of a check. */
export interface CheckedShapes {
  /** Shapes that were tried. */
  readonly shapes: number;
  /** Of these, with generated values: no event that has them was found. */
  readonly generated: number;
  /** Streams that were folded. */
  readonly streams: number;
  /** What would break, each shape once. Empty: the code reads and folds all that was tried. */
  readonly broken: readonly BrokenShape[];
}

/** What a check works with. */
export interface CheckContext {
  readonly storage: EventStorage;
  readonly registry: EventRegistry;
  readonly pageSize: number;
}

/** A stream that has events of shapes that are to be tried. */
interface ExampleStream {
  readonly category: string;
  /** The last of these events. */
  untilVersion: number;
}

/** How many of the last events of a type are looked through for those that no scan has counted. */
const RECENT = 200;

/**
 * Tries the code of now on every recorded shape: on events of the log that have it, each in its stream from the first event
 * on, or on generated values where none is found.
 */
export async function checkLog(
  context: CheckContext,
  folds: readonly AnyFold<unknown>[],
  { signal, onProgress }: CheckShapesOptions,
): Promise<CheckedShapes> {
  const { storage, registry, pageSize } = context;
  const trial = new Trial(registry);
  const streams = new Map<string, ExampleStream>();
  const samples: ShapeSample[] = [];
  const unreached: Unreached = new Map();
  const recent = new RecentEvents(storage);
  const done = { shapes: 0, generated: 0, streams: 0 };
  for await (const page of shapePages(storage, { limit: pageSize })) {
    for (const shape of page) {
      signal?.throwIfAborted();
      const examples = await examplesOf(storage, recent, shape);
      for (const example of examples) addExample(streams, example);
      if (examples.length === 0) {
        samples.push(...samplesOf(shape.shape).map((data) => ({ ...shape, data })));
        done.generated += 1;
      }
      done.shapes += 1;
      onProgress?.({ ...done });
    }
  }
  for (const [streamName, { category, untilVersion }] of streams) {
    const own = folds.filter((fold) => fold.category === category);
    await tryStream(context, trial, unreached, { streamName, untilVersion, folds: own, signal });
    done.streams += 1;
    onProgress?.({ ...done });
  }
  for (const { fold, event } of unreached.values()) trial.tryIn(trial.statesOf(fold), fold, event);
  trySamples(trial, folds, samples);
  return { ...done, broken: trial.broken };
}

function addExample(streams: Map<string, ExampleStream>, { streamName, category, streamVersion }: RecordedEvent): void {
  const known = streams.get(streamName);
  if (known === undefined) streams.set(streamName, { category, untilVersion: streamVersion });
  else known.untilVersion = Math.max(known.untilVersion, streamVersion);
}

/** The first and the last event that a scan has counted, or one of the last of its type. */
async function examplesOf(
  storage: EventStorage,
  recent: RecentEvents,
  shape: RecordedShape,
): Promise<readonly RecordedEvent[]> {
  const positions = new Set([shape.firstPosition, shape.lastPosition].filter((position) => position !== undefined));
  const counted: RecordedEvent[] = [];
  for (const position of positions) {
    const query = { after: position - 1, upTo: position, filter: filterOf({}), direction: 'forwards' as const };
    const { events } = await storage.readLogPage({ ...query, limit: 1 });
    counted.push(...events.filter((event) => isOf(event, shape)));
  }
  if (counted.length > 0) return counted;
  const found = (await recent.of(shape)).find((event) => covers(shape.shape, shapeOf(event.data)));
  return found === undefined ? [] : [found];
}

function isOf(event: RecordedEvent, { category, type, schemaVersion }: RecordedShape): boolean {
  return event.category === category && event.type === type && event.schemaVersion === schemaVersion;
}

/** The last events of each type. */
class RecentEvents {
  readonly #storage: EventStorage;
  #last: { readonly key: string; readonly events: Promise<readonly RecordedEvent[]> } | undefined;

  constructor(storage: EventStorage) {
    this.#storage = storage;
  }

  async of(shape: RecordedShape): Promise<readonly RecordedEvent[]> {
    const key = JSON.stringify([shape.category, shape.type]);
    // Shapes come in the order of their types.
    if (this.#last?.key !== key) this.#last = { key, events: this.#read(shape) };
    return (await this.#last.events).filter((event) => isOf(event, shape));
  }

  async #read({ category, type }: RecordedShape): Promise<readonly RecordedEvent[]> {
    const { position: upTo } = await this.#storage.readBound();
    const filter = filterOf({ types: [type], categories: [category] });
    const page = await this.#storage.readLogPage({ after: 0, upTo, filter, direction: 'backwards', limit: RECENT });
    return page.events;
  }
}

function filterOf({
  types,
  categories,
}: {
  readonly types?: readonly string[];
  readonly categories?: readonly string[];
}) {
  return { types, categories, streamNames: undefined, streamPrefixes: undefined };
}

/** Events that came after one that breaks: the state they came in is not known. */
type Unreached = Map<string, { readonly fold: AnyFold<unknown>; readonly event: TriedEvent }>;

/** Folds a stream with each fold, as far as it can. */
async function tryStream(
  { storage, pageSize }: CheckContext,
  trial: Trial,
  unreached: Unreached,
  {
    streamName,
    untilVersion,
    folds,
    signal,
  }: {
    readonly streamName: string;
    readonly untilVersion: number;
    readonly folds: readonly AnyFold<unknown>[];
    readonly signal: AbortSignal | undefined;
  },
): Promise<void> {
  const states = new Map(folds.map((fold) => [fold, deepFreeze(initialStateOf(fold))]));
  const range = { untilVersion, untilPosition: undefined, untilTime: undefined };
  const query = { streamName, fromVersion: 1, types: undefined, direction: 'forwards' as const, ...range };
  for await (const page of streamPages(storage, query, { limit: undefined, pageSize, signal })) {
    for (const stored of page) {
      const decoded = trial.decode(stored);
      if (decoded === undefined) states.clear();
      else advance(trial, unreached, { states, folds, event: { stored, decoded } });
    }
  }
}

function advance(
  trial: Trial,
  unreached: Unreached,
  {
    states,
    folds,
    event,
  }: {
    readonly states: Map<AnyFold<unknown>, unknown>;
    readonly folds: readonly AnyFold<unknown>[];
    readonly event: TriedEvent;
  },
): void {
  for (const [index, fold] of folds.entries()) {
    if (states.has(fold)) {
      const next = trial.evolve(fold, states.get(fold), event);
      if (next === undefined) states.delete(fold);
      else states.set(fold, next.state);
    } else {
      const { type, schemaVersion, data } = event.stored;
      const key = JSON.stringify([index, fold.category, type, schemaVersion, shapeText(shapeOf(data))]);
      if (!unreached.has(key)) unreached.set(key, { fold, event });
    }
  }
}
