import type { JsonRecord } from '../processes/json.ts';
import type { ProjectedFact, TallyRule } from '../projections/tally-projections.ts';
import { addTo, type Tally } from '../projections/tally.ts';
import type { Finding } from './finding.ts';

/** What is read under the name of a projection at one moment, while its live version goes on. */
export interface NameSnapshot {
  readonly name: string;
  readonly rule: TallyRule;
  /** The version that is live. */
  readonly version: number;
  /** Everything up to `from` is applied, and nothing behind `to`. */
  readonly from: number;
  readonly to: number;
  /** The whole log. */
  readonly log: readonly ProjectedFact[];
  /** By key. */
  readonly documents: ReadonlyMap<string, JsonRecord>;
  /** Positions of the events that wait, or were given up, by key. */
  readonly waiting: ReadonlyMap<string, ReadonlySet<number>>;
  readonly discarded: ReadonlyMap<string, ReadonlySet<number>>;
}

/**
 * Whether each document is of the live version, holds what the log says up to somewhere between `from` and `to`, and has not gone
 * back behind the position up to which somebody has read it before.
 */
export function checkName(snapshot: NameSnapshot, read: ReadonlyMap<string, number>): readonly Finding[] {
  const { rule, log, documents } = snapshot;
  const facts = log.filter(({ type, position }) => rule.types.includes(type) && position <= snapshot.to);
  const keys = new Set([...facts.flatMap((fact) => rule.keysOf(fact)), ...documents.keys()]);
  return [...keys].flatMap((key) => {
    const events = facts.filter((fact) => rule.keysOf(fact).includes(key));
    return checkKey(snapshot, key, { events, read: read.get(key) ?? 0 });
  });
}

/** How far each document is, for the next look. */
export function readUpTo({ documents }: NameSnapshot): ReadonlyMap<string, number> {
  return new Map([...documents].map(([key, { last }]) => [key, Number(last)]));
}

function checkKey(
  { name, rule, version, from, to, documents, waiting, discarded }: NameSnapshot,
  key: string,
  { events, read }: { readonly events: readonly ProjectedFact[]; readonly read: number },
): readonly Finding[] {
  const document = documents.get(key);
  const facts = { reader: name, streamName: key };
  const [letters, given] = [waiting.get(key), discarded.get(key)];
  if (document !== undefined && document['code'] !== version) {
    const message = `is of version ${String(document['code'])}, though ${version} is live`;
    return [{ ...facts, kind: 'answer', message }];
  }
  // What lacks an event goes back where it is made anew.
  const least = letters === undefined && given === undefined ? Math.max(from, read) : from;
  if (least > to) {
    const message = `under the name, version ${version} is at ${to} at most, and has been read up to ${least}`;
    return [{ ...facts, kind: 'order', position: to, message }];
  }
  const actual = fieldsOf(document);
  let tally: Tally | null = null;
  let oldest: Tally | null = null;
  const possible: string[] = [];
  for (const event of events) {
    const { position } = event;
    if (letters?.has(position) === true || given?.has(position) === true) continue;
    if (position > least) possible.push(fieldsOf(tally));
    tally = rule.ends(event) ? null : addTo(tally, { position, amount: event.data.amount });
    if (position <= least) oldest = tally;
  }
  if (possible.includes(actual) || fieldsOf(tally) === actual) return [];
  const range = `what the log says from ${fieldsOf(oldest)} to ${fieldsOf(tally)}`;
  const message = `under the name, version ${version} reads ${actual}, and not ${range}`;
  const count = Number(document?.['count'] ?? 0);
  const isLess = count < (oldest?.count ?? 0);
  const isMore = count > (tally?.count ?? 0);
  return [{ ...facts, kind: isLess ? 'lost' : isMore ? 'repeated' : 'order', message }];
}

function fieldsOf(tally: JsonRecord | Tally | null | undefined): string {
  if (tally === null || tally === undefined) return 'nothing';
  const { count, sum, last, chain } = tally;
  return JSON.stringify({ count, sum, last, chain });
}
