import { AssertionError, deepStrictEqual } from 'node:assert';
import {
  createEventStore,
  InvalidArgumentError,
  parseStreamName,
  typed,
  type Categories,
  type EventStorage,
  type EventStore,
  type JsonObject,
  type Projection,
  type ProjectionFailedError,
  type StreamNameOf,
} from '../core/index.ts';
import { createMemoryStorage } from '../memory/index.ts';
import { checkThrown, type ExpectedError } from './expected-error.ts';
import type { EventsByStream } from './given-streams.ts';
import type { OnceStored } from './read-stored.ts';

/** An event as it was stored once, and where. */
export interface OnceStoredIn extends OnceStored {
  readonly streamName: string;
  /** @defaultValue {} */
  readonly metadata?: JsonObject | undefined;
  /** @defaultValue 2026-01-01T00:00:00Z */
  readonly recordedAt?: Date | undefined;
}

/** What a projection is given, and what it makes of it. Every chain needs an end, and that is awaited. */
export interface GivenProjection<C extends Categories, Model> {
  /** Then these events happened: stream by stream, in the order in which they are given. */
  events(events: EventsByStream<C>): GivenProjection<C, Model>;
  /** Then these were in the log, as they were stored once: with the types and schema versions of their time. */
  stored(events: readonly OnceStoredIn[]): GivenProjection<C, Model>;
  /** The read model is exactly this, by key. */
  then(expected: Readonly<Record<string, Model>>): Promise<void>;
  /** The read model is empty. */
  thenNothing(): Promise<void>;
  /** What is kept under a key is this, or passes this check. */
  thenUnder(key: string, expected: Model | null | ((model: Model | null) => void)): Promise<void>;
  /** A handler failed with this error, at this key if one is given. */
  thenThrows(expected: ExpectedError, options?: { readonly key?: string | undefined }): Promise<void>;
}

/** Puts some events into the log. */
type Step = (log: {
  readonly storage: EventStorage;
  readonly store: EventStore<Categories>;
  readonly clock: { now: number };
}) => Promise<unknown>;

interface Outcome {
  readonly models: ReadonlyMap<string, unknown>;
  readonly failed: ReadonlyMap<string, ProjectionFailedError>;
}

const START = Date.parse('2026-01-01T00:00:00Z');

/**
 * Given what has happened, then this is the read model. Events go through their schemas and upcasters, and the projection reads
 * them from a log in memory, as an engine does from a database.
 *
 * @example
 * await givenProjection(cartSummary)
 *   .events({ 'Cart-1': [cartEvents.ItemAdded({ sku: 'SKU-1', quantity: 3 })] })
 *   .then({ 'Cart-1': { items: 3 } });
 */
export function givenProjection<C extends Categories, Model>(
  projection: Projection<string, C, Model>,
): GivenProjection<C, Model> {
  return typed(chain(projection, []));
}

function chain(projection: Projection, steps: readonly Step[]): GivenProjection<Categories, unknown> {
  const compare = async (expected: Readonly<Record<string, unknown>>): Promise<void> =>
    deepStrictEqual(Object.fromEntries(soundModels(await run(projection, steps))), expected);
  return {
    events: (events) => chain(projection, [...steps, appendAll(events)]),
    stored: (events) => chain(projection, [...steps, storeAll(events)]),
    // oxlint-disable-next-line unicorn/no-thenable -- the word everybody knows; awaiting the chain itself says what is wrong
    then: (expected) => compare(checkExpected(expected)),
    thenNothing: () => compare({}),
    thenUnder: async (key, expected) => {
      const model = soundModels(await run(projection, steps)).get(key) ?? null;
      if (typeof expected === 'function') expected(model);
      else deepStrictEqual(model, expected);
    },
    thenThrows: async (expected, { key } = {}) => {
      const { failed } = await run(projection, steps);
      const failure = key === undefined ? [...failed.values()][0] : failed.get(key);
      if (failure !== undefined) return checkThrown(failure.cause, expected);
      const where = key === undefined ? '' : ` at key ${JSON.stringify(key)}`;
      throw new AssertionError({ message: `Expected an error${where}, but no handler failed there` });
    },
  };
}

/** Thrown at once: whoever awaits the chain itself calls it with functions. */
function checkExpected(expected: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  if (typeof expected === 'object') return expected;
  throw new InvalidArgumentError(
    'then',
    'takes the expected read model by key. Do not await givenProjection().events(): end it with .then({ … })',
  );
}

async function run(projection: Projection, steps: readonly Step[]): Promise<Outcome> {
  const clock = { now: START };
  const storage = createMemoryStorage({ now: () => clock.now });
  const store = createEventStore(storage, { categories: projection.events });
  for (const step of steps) await step({ storage, store, clock });
  const outcome = await store.projections.projectUntil(projection, { position: Number.MAX_SAFE_INTEGER });
  await store.close();
  return outcome;
}

/** The read model; what a handler threw, where one did. */
function soundModels({ models, failed }: Outcome): ReadonlyMap<string, unknown> {
  const [failure] = failed.values();
  if (failure !== undefined) throw failure.cause;
  return models;
}

function appendAll(events: EventsByStream<Categories>): Step {
  return async ({ store }) => {
    for (const [streamName, own] of Object.entries(events)) {
      if (own !== undefined && own.length > 0) await store.append(typed<StreamNameOf<Categories>>(streamName), own);
    }
  };
}

function storeAll(events: readonly OnceStoredIn[]): Step {
  return async ({ storage, clock }) => {
    for (const { streamName, type, data, schemaVersion = 1, metadata = {}, recordedAt } of events) {
      const { category } = parseStreamName(streamName);
      const event = { id: crypto.randomUUID(), type, schemaVersion, data: structuredClone(data), metadata };
      clock.now = recordedAt?.getTime() ?? clock.now;
      await storage.append({
        entries: [{ streamName, category, expectedVersion: 'any', events: [{ ...event, hasNegativeZero: false }] }],
        mayBeRepeated: false,
      });
    }
  };
}
