import { isDeepStrictEqual } from 'node:util';
import { foldThings, keysOf, type LoggedThing, type Trace } from './things.ts';

/** A read model as it is stored, and what is known of its events beside. */
export interface FoundReadModel {
  readonly name: string;
  /** How far the partition of a key has come. */
  readonly positionOf: (key: string) => number;
  readonly models: readonly { readonly key: string; readonly model: Trace; readonly isStale: boolean }[];
  /** Positions of the events that wait, by key. */
  readonly waiting: ReadonlyMap<string, readonly number[]>;
  /** Those that somebody has given up. */
  readonly discarded: ReadonlyMap<string, ReadonlySet<number>>;
}

/**
 * What is wrong with a read model at any moment: every event up to the checkpoint of its key is in the document of each of its keys,
 * once and in order, or it waits behind one that failed, or it was given up.
 */
export function problemsOf(found: FoundReadModel, log: readonly LoggedThing[]): readonly string[] {
  const { name, positionOf, models, waiting, discarded } = found;
  const events = new Map<string, LoggedThing[]>();
  for (const event of log) {
    for (const key of keysOf(name, event)) {
      if (event.position <= positionOf(key)) events.set(key, [...(events.get(key) ?? []), event]);
    }
  }
  const keys = new Set([...events.keys(), ...models.map(({ key }) => key), ...waiting.keys()]);
  return [...keys].flatMap((key) => {
    const own = events.get(key) ?? [];
    const parked = waiting.get(key);
    const gone = discarded.get(key) ?? new Set();
    const due = own.map(({ position }) => position).filter((position) => position >= (parked?.[0] ?? Infinity));
    const expected = foldThings(
      own.filter(({ position }) => !gone.has(position) && parked?.includes(position) !== true),
    );
    const stored = models.find((it) => it.key === key);
    const of = `${name} ${key} at ${positionOf(key)}`;
    const problems: string[] = [];
    if (parked !== undefined && !isDeepStrictEqual(parked, due))
      problems.push(`${of}: ${said(parked)} wait, not ${said(due)}`);
    if (!isDeepStrictEqual(stored?.model ?? null, expected))
      problems.push(`${of}: has ${said(stored?.model)}, not ${said(expected)}`);
    const isStale = parked !== undefined || gone.size > 0;
    if (stored !== undefined && stored.isStale !== isStale)
      problems.push(`${of}: is ${isStale ? 'stale' : 'fresh'}, and not said to be`);
    return problems;
  });
}

function said(value: unknown): string {
  return JSON.stringify(value ?? null);
}
