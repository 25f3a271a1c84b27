import type { AnyFold } from '../deciders/decider.ts';
import type { EventStorage, RecordedEvent } from '../storage/event-storage.ts';
import { streamPages } from '../store/read-pages.ts';
import type { Categories } from '../store/categories.ts';
import type { EventRegistry } from '../store/event-registry.ts';
import { Trial, trySamples, type BrokenShape, type ShapeSample, type TriedEvent } from './check-shapes.ts';
import { REST_HASH, type RecordedShape } from './recorded-shape.ts';
import { samplesOf } from './sample-values.ts';
import { shapePages } from './shape-pages.ts';
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
  /** Of these, with made-up values: no event that has them was found. */
  readonly generated: number;
  /** Shapes of categories that this store does not define. They were not tried. */
  readonly elsewhere: number;
  /** Streams that were folded. */
  readonly streams: number;
  /** What would break, each shape once. Empty: the code reads and folds all events that were tried. */
  readonly broken: readonly BrokenShape[];
  /** Made-up values that would break. There may be no event like them: the shape of an append that failed is recorded, too. */
  readonly suspected: readonly BrokenShape[];
}

/** What a check works with. */
export interface CheckContext {
  readonly storage: EventStorage;
  readonly registry: EventRegistry;
  readonly pageSize: number;
  readonly categories: Categories | undefined;
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
 * on, and on made-up values where none is found.
 */
export async function checkLog(
  context: CheckContext,
  folds: readonly AnyFold<unknown>[],
  { signal, onProgress }: CheckShapesOptions,
): Promise<CheckedShapes> {
  const trial = new Trial(context.registry);
  const streams = new Map<string, ExampleStream>();
  const samples: ShapeSample[] = [];
  const unreached: Unreached = new Map();
  const recent = new RecentEvents(context.storage);
  const done = { shapes: 0, generated: 0, elsewhere: 0, streams: 0 };
  for await (const shapes of shapesByType(context)) {
    for (const shape of shapes) {
      signal?.throwIfAborted();
      if (!Object.hasOwn(context.categories ?? {}, shape.category)) {
        done.elsewhere += 1;
        continue;
      }
      const { events, isExact } = await examplesOf(context.storage, recent, shape);
      for (const example of events) addExample(streams, example);
      if (!isExact) {
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
  return {
    ...done,
    broken: trial.broken.filter(({ event }) => event !== undefined),
    suspected: trial.broken.filter(({ event }) => event === undefined),
  };
}

/** A shape, with the places of events that were counted for it. */
interface PlacedShape extends RecordedShape {
  readonly positions: readonly number[];
}

/** Shapes, one type and version after another. Transactions record one and the same several times. */
async function* shapesByType({
  storage,
  pageSize,
}: CheckContext): AsyncGenerator<readonly PlacedShape[], void, undefined> {
  let owner = '';
  let own = new Map<string, PlacedShape>();
  for await (const page of shapePages(storage, { limit: pageSize })) {
    for (const shape of page) {
      const key = JSON.stringify([shape.category, shape.type, shape.schemaVersion]);
      if (key !== owner) yield [...own.values()];
      if (key !== owner) own = new Map();
      owner = key;
      const text = `${String(shape.hash === REST_HASH)} ${JSON.stringify(shape.shape)}`;
      const positions = [shape.firstPosition, shape.lastPosition].filter((position) => position !== undefined);
      own.set(text, { ...shape, positions: [...(own.get(text)?.positions ?? []), ...positions] });
    }
  }
  yield [...own.values()];
}

function addExample(streams: Map<string, ExampleStream>, { streamName, category, streamVersion }: RecordedEvent): void {
  const known = streams.get(streamName);
  if (known === undefined) streams.set(streamName, { category, untilVersion: streamVersion });
  else known.untilVersion = Math.max(known.untilVersion, streamVersion);
}

/** Events that were counted for a shape; and one of the last of its type, where none of them has exactly this shape. */
async function examplesOf(
  storage: EventStorage,
  recent: RecentEvents,
  shape: PlacedShape,
): Promise<{ readonly events: readonly RecordedEvent[]; readonly isExact: boolean }> {
  const events: RecordedEvent[] = [];
  for (const position of new Set(shape.positions)) {
    const query = { after: position - 1, upTo: position, filter: filterOf({}), direction: 'forwards' as const };
    const page = await storage.readLogPage({ ...query, limit: 1 });
    events.push(...page.events.filter((event) => isOf(event, shape)));
  }
  const text = JSON.stringify(shape.shape);
  const isRest = shape.hash === REST_HASH;
  const has = ({ data }: RecordedEvent): boolean =>
    isRest ? covers(shape.shape, shapeOf(data)) : JSON.stringify(shapeOf(data)) === text;
  if (events.some(has)) return { events, isExact: true };
  const found = (await recent.of(shape)).find(has);
  return found === undefined ? { events, isExact: false } : { events: [...events, found], isExact: true };
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
  const states = new Map<AnyFold<unknown>, unknown>();
  for (const fold of folds) {
    const [first] = trial.statesOf(fold);
    if (first !== undefined) states.set(fold, first);
  }
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
