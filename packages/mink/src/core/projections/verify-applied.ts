import { ProjectionFailedError } from '../projection-errors.ts';
import type { EventStorage, RecordedEvent } from '../storage/event-storage.ts';
import type { EventRegistry } from '../store/event-registry.ts';
import { boundedLogPages } from '../store/read-pages.ts';
import { partitionKey } from '../stream-name.ts';
import type { AnyProjection } from './define-sql-projection.ts';
import { DigestSum, LANE, pairHash, positionsOfBucket, type Digest, type PairHash } from './digest.ts';
import { keyedEvent } from './projection-batch.ts';
import type { AppliedState } from './projection-storage.ts';
import { filterOf } from './projection-worker.ts';

/** Where what was applied is not what the log says. */
export interface AppliedDifference {
  /** `unknown`: something is missing, and something else was applied that should not have been. */
  readonly kind: 'missing' | 'repeated' | 'unknown';
  /** Of the event, or of the first of several in a row; undefined where the sums do not tell. */
  readonly position: number | undefined;
  /** How many pairs of an event and a key are missing, or too many, in this range. */
  readonly pairs: number;
  /** The range of positions that was compared: there are 65,536 in one. */
  readonly from: number;
  readonly to: number;
}

/** What {@link verifyApplied} has found. */
export interface Verification {
  readonly ok: boolean;
  /** Events of the log that were compared. */
  readonly events: number;
  /** Pairs of an event and a key that have to have been applied, once each. */
  readonly pairs: number;
  /** Pairs that wait among the dead letters. */
  readonly parked: number;
  /** Pairs that somebody has given up. */
  readonly discarded: number;
  /** Pairs that appends applied themselves, when the projection was inline: one transaction stored the event and what follows from it. */
  readonly inline: number;
  /** The first difference; undefined where there is none. */
  readonly first: AppliedDifference | undefined;
}

/** How far a verification is. */
export interface VerifyProgress {
  readonly events: number;
  readonly position: number;
  /** Where it ends. */
  readonly upTo: number;
}

/** Options of a verification. */
export interface VerifyOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: VerifyProgress) => void) | undefined;
}

/** What a verification reads with. */
export interface VerifyContext {
  readonly storage: EventStorage;
  readonly registry: EventRegistry;
  readonly pageSize: number;
}

/** An event and a key that it is about, up to where the partition of the key is. */
interface Pair {
  readonly position: number;
  readonly hash: PairHash;
  readonly partition: number;
  readonly fate: 'applied' | 'parked' | 'discarded' | 'inline';
}

interface PairPage {
  readonly events: number;
  readonly position: number;
  readonly pairs: readonly Pair[];
}

/**
 * Compares what was applied with what the log and the code of the projection say has to have been: each pair of an event and a
 * key once, up to where the partition of the key is, but for those that wait or were given up, and those that appends applied
 * themselves while the projection was inline.
 */
export async function verifyApplied(
  context: VerifyContext,
  projection: AnyProjection,
  { applied, signal, onProgress }: VerifyOptions & { readonly applied: AppliedState },
): Promise<Verification> {
  const upTo = Math.max(...applied.partitions.map(({ position }) => position));
  const sum = new DigestSum();
  const counts = { applied: 0, parked: 0, discarded: 0, inline: 0 };
  let events = 0;
  for await (const page of pairPages(context, projection, { applied, after: 0, upTo, signal })) {
    events += page.events;
    for (const { position, hash, fate } of page.pairs) {
      counts[fate] += 1;
      if (fate === 'applied') sum.add(position, hash);
    }
    onProgress?.({ events, position: page.position, upTo });
  }
  const different = firstDifference(sum.digests(), applied.digests);
  let first: AppliedDifference | undefined;
  if (different !== undefined) {
    const { from, to } = positionsOfBucket(different.bucket);
    const pairs: Pair[] = [];
    const range = { applied, after: Math.max(0, from - 1), upTo: Math.min(to, upTo), signal };
    for await (const page of pairPages(context, projection, range)) pairs.push(...page.pairs);
    first = { ...locate(pairs, different), from, to };
  }
  const { applied: pairs, ...others } = counts;
  return { ok: first === undefined, events, pairs, ...others, first };
}

async function* pairPages(
  { storage, registry, pageSize }: VerifyContext,
  projection: AnyProjection,
  range: {
    readonly applied: AppliedState;
    readonly after: number;
    readonly upTo: number;
    readonly signal: AbortSignal | undefined;
  },
): AsyncGenerator<PairPage, void, undefined> {
  const { applied, after, upTo, signal } = range;
  const fateOf = fatesOf(applied);
  const query = { after, upTo, untilTime: undefined, direction: 'forwards' as const };
  const pages = boundedLogPages(
    storage,
    { ...query, filter: filterOf(registry, projection) },
    { limit: undefined, pageSize, signal },
  );
  for await (const page of pages) {
    const pairs = page.flatMap((event) => {
      const { globalPosition: position, id } = event;
      return keysOf(registry, projection, event).flatMap((key): readonly Pair[] => {
        const partition = partitionOf(applied, key);
        if (position > (applied.partitions[partition]?.position ?? 0)) return [];
        return [{ position, hash: pairHash(position, id, key), partition, fate: fateOf(position, key) }];
      });
    });
    yield { events: page.length, position: page.at(-1)?.globalPosition ?? after, pairs };
  }
}

/** Where keys are streams, an event that cannot be read has one, too, and waits for it. */
function keysOf(registry: EventRegistry, projection: AnyProjection, event: RecordedEvent): readonly string[] {
  const { parts, error } = keyedEvent(registry, projection, event);
  if (parts !== undefined) return [...parts.keys()];
  if (!projection.hasOwnKeys) return [event.streamName];
  throw new ProjectionFailedError(projection.name, event, error);
}

function partitionOf({ partitions }: AppliedState, key: string): number {
  if (partitions.length === 1) return 0;
  const slot = partitionKey(key);
  return partitions.findIndex(({ from, to }) => slot >= from && slot < to);
}

function fatesOf({ parked, discarded, inline }: AppliedState): (position: number, key: string) => Pair['fate'] {
  const waiting = new Set(parked.map(({ position, key }) => `${position} ${key}`));
  const givenUp = new Set(discarded.map(({ position, key }) => `${position} ${key}`));
  return (position, key) => {
    if (inline.some(({ from, to }) => position >= from && position <= to)) return 'inline';
    const pair = `${position} ${key}`;
    if (waiting.has(pair)) return 'parked';
    return givenUp.has(pair) ? 'discarded' : 'applied';
  };
}

const NOTHING = { count: 0, low: 0, high: 0 };

/** What was applied less what has to have been, in the first bucket where that is not nothing. */
function firstDifference(expected: readonly Digest[], found: readonly Digest[]): Digest | undefined {
  const wanted = new Map(expected.map((digest) => [digest.bucket, digest]));
  const stored = new Map(found.map((digest) => [digest.bucket, digest]));
  const buckets = [...new Set([...wanted.keys(), ...stored.keys()])].toSorted((left, right) => left - right);
  for (const bucket of buckets) {
    const left = stored.get(bucket) ?? NOTHING;
    const right = wanted.get(bucket) ?? NOTHING;
    const count = left.count - right.count;
    const low = modulo(left.low - right.low);
    const high = modulo(left.high - right.high);
    if (count !== 0 || low !== 0 || high !== 0) return { bucket, count, low, high };
  }
  return undefined;
}

/**
 * Which pairs in a row make the difference: all of them, or those of one partition. Hashes of other pairs add up to the same in one
 * case of 2^64.
 */
function locate(
  pairs: readonly Pair[],
  { count, low, high }: Digest,
): Pick<AppliedDifference, 'kind' | 'position' | 'pairs'> {
  if (count === 0) return { kind: 'unknown', position: undefined, pairs: 0 };
  const isMissing = count < 0;
  const sum = isMissing ? { low: modulo(-low), high: modulo(-high) } : { low, high };
  const candidates = isMissing ? pairs.filter(({ fate }) => fate === 'applied') : pairs;
  const partitions = [...new Set(candidates.map(({ partition }) => partition))];
  const rows = [candidates, ...partitions.map((own) => candidates.filter(({ partition }) => partition === own))];
  const length = Math.abs(count);
  const position = rows.map((row) => findRun(row, length, sum)).find((found) => found !== undefined);
  return { kind: isMissing ? 'missing' : 'repeated', position, pairs: length };
}

/** Where a run of so many pairs begins, whose hashes add up to a sum. */
function findRun(pairs: readonly Pair[], length: number, sum: PairHash): number | undefined {
  let low = 0;
  let high = 0;
  for (const [index, { hash }] of pairs.entries()) {
    low = modulo(low + hash.low);
    high = modulo(high + hash.high);
    if (index + 1 < length) continue;
    const first = pairs[index + 1 - length];
    if (first === undefined) return undefined;
    if (low === sum.low && high === sum.high) return first.position;
    low = modulo(low - first.hash.low);
    high = modulo(high - first.hash.high);
  }
  return undefined;
}

function modulo(value: number): number {
  return ((value % LANE) + LANE) % LANE;
}
