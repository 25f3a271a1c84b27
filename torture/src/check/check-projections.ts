import { addTo, type Tally } from '../projections/tally.ts';
import type { ProjectedFact, TallyRule } from '../projections/tally-projections.ts';
import { groupBy } from './check-log.ts';
import type { Finding } from './finding.ts';

/** A read model when all is quiet. */
export interface FoundTallies {
  readonly name: string;
  readonly rule: TallyRule;
  /** The whole log. */
  readonly log: readonly ProjectedFact[];
  readonly models: readonly { readonly key: string; readonly model: Tally; readonly isStale: boolean }[];
  /** Positions of the events that wait, by key, in the order in which they are kept. */
  readonly waiting: ReadonlyMap<string, readonly number[]>;
  /** Positions of those that were given up, by key. */
  readonly discarded: ReadonlyMap<string, ReadonlySet<number>>;
}

/**
 * Whether every event of the log is in the document of each of its keys, once and in order, or waits behind one that failed,
 * or was given up; and nothing else is there.
 */
export function checkTallies(found: FoundTallies): readonly Finding[] {
  const { rule, log, models, waiting } = found;
  const facts = log.filter(({ type }) => rule.types.includes(type));
  const byKey = groupBy(
    facts.flatMap((event) => rule.keysOf(event).map((key) => ({ key, event }))),
    ({ key }) => key,
  );
  const keys = new Set([...byKey.keys(), ...models.map(({ key }) => key), ...waiting.keys()]);
  const stored = new Map(models.map((it) => [it.key, it]));
  return [...keys].flatMap((key) => {
    const events = (byKey.get(key) ?? []).map(({ event }) => event);
    return [...checkWaiting(found, key, events), ...checkDocument(found, key, { events, stored: stored.get(key) })];
  });
}

/** From the first event that waits on, all do. */
function checkWaiting(
  { name, waiting, discarded }: FoundTallies,
  key: string,
  events: readonly ProjectedFact[],
): readonly Finding[] {
  const letters = waiting.get(key);
  if (letters === undefined) return [];
  const [first = 0] = letters;
  const given = discarded.get(key);
  const due = events.map(({ position }) => position).filter((position) => position >= first && !given?.has(position));
  const findings: Finding[] = [];
  const facts = { reader: name, streamName: key };
  for (const position of due) {
    if (letters.includes(position)) continue;
    findings.push({ ...facts, kind: 'lost', position, message: `does not wait, though ${first} does` });
  }
  for (const [index, position] of letters.entries()) {
    if (!due.includes(position)) findings.push({ ...facts, kind: 'phantom', position, message: 'waits for nothing' });
    if (position <= (letters[index - 1] ?? 0))
      findings.push({ ...facts, kind: 'order', position, message: 'waits twice' });
  }
  return findings;
}

function checkDocument(
  { name, rule, waiting, discarded }: FoundTallies,
  key: string,
  {
    events,
    stored,
  }: { readonly events: readonly ProjectedFact[]; readonly stored: FoundTallies['models'][number] | undefined },
): readonly Finding[] {
  const letters = new Set(waiting.get(key));
  const given = discarded.get(key);
  const applied = events.filter(({ position }) => !letters.has(position) && given?.has(position) !== true);
  let expected: Tally | null = null;
  for (const event of applied) {
    expected = rule.ends(event) ? null : addTo(expected, { position: event.position, amount: event.data.amount });
  }
  const actual = stored?.model ?? null;
  const facts = { reader: name, streamName: key, position: actual?.last ?? 0 };
  const isStale = letters.size > 0 || (given?.size ?? 0) > 0;
  if (JSON.stringify(sorted(actual)) !== JSON.stringify(sorted(expected))) {
    const message = `the document is ${JSON.stringify(actual)}, the log says ${JSON.stringify(expected)}`;
    return [{ ...facts, kind: kindOf(actual, expected), message }];
  }
  if (stored === undefined || stored.isStale === isStale) return [];
  return [{ ...facts, kind: 'answer', message: `is said to be ${stored.isStale ? 'stale' : 'fresh'}, and is not` }];
}

function kindOf(actual: Tally | null, expected: Tally | null): Finding['kind'] {
  const difference = (actual?.count ?? 0) - (expected?.count ?? 0);
  if (difference !== 0) return difference < 0 ? 'lost' : 'repeated';
  return actual?.sum === expected?.sum ? 'order' : 'lost';
}

function sorted(tally: Tally | null): readonly number[] | null {
  return tally === null ? null : [tally.count, tally.sum, tally.last, tally.chain];
}
