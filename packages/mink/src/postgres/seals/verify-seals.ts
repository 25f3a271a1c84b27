import type { Session } from '../connection.ts';
import type { SchemaName } from '../schema-name.ts';
import { compareSealed, type SealFinding } from './compare-sealed.ts';
import { nextRoot, unpackEntries, type HashedEvent, type Receipt } from './seal-chain.ts';
import { hashedEventsQuery, nextSealQuery, toHashedEvent, toSeal, type StoredSeal } from './seal-queries.ts';
import { readFirstRoot } from './seal-store.ts';

/** What a comparison of the log with its seals, and with receipts, has found. */
export interface VerifiedSeals {
  /** Events that seals or receipts cover. */
  readonly events: number;
  /** The last position that one of them covers. */
  readonly upTo: number;
  /** In the order of the log. */
  readonly findings: readonly SealFinding[];
}

/** What it goes by. */
export interface VerifySealsQuery {
  readonly receipts: readonly Receipt[];
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: { readonly position: number }) => void) | undefined;
}

/** Before position 1, too: an event that was put there is in its stream all the same. */
const BEGINNING = Number.MIN_SAFE_INTEGER;
/** Events that are read at once where no seal says how many there are. */
const PAGE = 1_000;

/**
 * Computes the chain of the whole log again. Each seal says whether its events are what they were, given the root before it; a receipt
 * says whether everything up to it is, whatever the seals say: they may have been changed, too.
 */
export async function verifySeals(
  session: Session,
  schema: SchemaName,
  query: VerifySealsQuery,
): Promise<VerifiedSeals> {
  const chain = new Chain(await readFirstRoot(session, schema), query.receipts);
  const readEvents = async (after: number, upTo: number, limit: number): Promise<readonly HashedEvent[]> =>
    (await session.run(hashedEventsQuery(schema, { after, upTo, limit }))).map(toHashedEvent);
  let position = BEGINNING;
  /** What no seal covers. */
  const readOn = async (from: number, upTo: number): Promise<void> => {
    position = Math.max(position, from);
    while (position < upTo) {
      query.signal?.throwIfAborted();
      const events = await readEvents(position, upTo, PAGE);
      chain.addEvents(events);
      position = events.length < PAGE ? upTo : (events.at(-1)?.position ?? upTo);
      query.onProgress?.({ position });
    }
    query.onProgress?.({ position });
  };
  for (let number = 0; ;) {
    query.signal?.throwIfAborted();
    const [seal] = (await session.run(nextSealQuery(schema, number))).map(toSeal);
    if (seal === undefined) break;
    // There may be more than were sealed; and what a seal says may be anything.
    const limit = Math.min(seal.events, PAGE) + PAGE;
    const events = await readEvents(position, seal.upTo, limit);
    chain.addSeal(seal, events);
    await readOn(events.length < limit ? seal.upTo : (events.at(-1)?.position ?? 0), seal.upTo);
    number = seal.number;
  }
  if (position === BEGINNING && query.receipts.length === 0) {
    const isEmpty = (await readEvents(BEGINNING, Number.MAX_SAFE_INTEGER, 1)).length === 0;
    if (!isEmpty) chain.missFirst();
  }
  await readOn(position, Math.max(0, ...query.receipts.map((receipt) => receipt.position)));
  const isEnd = (await readEvents(position, Number.MAX_SAFE_INTEGER, 1)).length === 0;
  return chain.end(Math.max(0, position), isEnd);
}

/** The chain as it is computed from the log, beside that which the seals tell. */
class Chain {
  /** Computed from the log alone. */
  #root: Buffer;
  /** What the seal before says. */
  #sealedRoot: Buffer;
  #number = 0;
  #events = 0;
  /** Position of the last event. */
  #last = 0;
  /** Whether the log ends with the last event. */
  #hasEnded = false;
  #findings: SealFinding[] = [];
  /** The last receipt that was right. */
  #proven = 0;
  /** By position. */
  #receipts: readonly Receipt[];

  constructor(first: Buffer, receipts: readonly Receipt[]) {
    this.#root = first;
    this.#sealedRoot = first;
    this.#receipts = receipts.toSorted((one, other) => one.position - other.position);
  }

  addSeal(seal: StoredSeal, events: readonly HashedEvent[]): void {
    const expected = events.reduce(nextRoot, this.#sealedRoot);
    const own = this.#root;
    // Before the receipts of this block are looked at: one that is right says that a finding is about the seals.
    const isSound = seal.root.equals(expected) || seal.root.equals(events.reduce(nextRoot, own));
    this.#findings.push(...this.#missingSeals(seal), ...findingsOf(seal, events, isSound));
    this.#sealedRoot = seal.root;
    this.#number = seal.number;
    this.addEvents(events);
    this.#checkReceipts(seal.upTo + 1);
  }

  addEvents(events: readonly HashedEvent[]): void {
    for (const event of events) {
      this.#checkReceipts(event.position);
      this.#root = nextRoot(this.#root, event);
      this.#last = event.position;
    }
    this.#events += events.length;
  }

  end(upTo: number, isEndOfLog: boolean): VerifiedSeals {
    this.#hasEnded = isEndOfLog;
    this.#checkReceipts(Infinity);
    const findings = this.#findings.toSorted((one, other) => one.position - other.position);
    return { events: this.#events, upTo, findings };
  }

  #missingSeals({ number, upTo }: StoredSeal): readonly SealFinding[] {
    if (number === this.#number + 1) return [];
    return [{ of: 'seal', position: upTo, subject: `seal ${this.#number + 1}`, detail: 'is missing' }];
  }

  /** Whoever has sealed the log and finds nothing of it has lost something. */
  missFirst(): void {
    this.#findings.push({ of: 'seal', position: 0, subject: 'seal 1', detail: 'is missing: nothing is sealed' });
  }

  /** Those whose last event is before a position. */
  #checkReceipts(position: number): void {
    for (let [next] = this.#receipts; next !== undefined && next.position < position; [next] = this.#receipts) {
      this.#receipts = this.#receipts.slice(1);
      if (next.root === this.#root.toString('hex')) this.#believe(next);
      else this.#doubt(next);
    }
  }

  /** The log is right up to there: what was found is not in it, but in the seals. */
  #believe({ position }: Receipt): void {
    this.#proven = position;
    this.#findings = this.#findings.map((finding) =>
      finding.of === 'event' && finding.position <= position ? aboutSeals(finding) : finding,
    );
  }

  #doubt({ position }: Receipt): void {
    const subject = `receipt ${position}`;
    const from = this.#proven === 0 ? 'the beginning' : `position ${this.#proven}`;
    // As a log is that was restored from a backup of before: nothing in it needs to be wrong.
    const detail =
      this.#hasEnded && this.#last < position
        ? `the log ends at position ${this.#last}, before what was sealed`
        : `the log between ${from} and ${position} is not what was sealed`;
    this.#findings.push({ of: 'receipt', position, subject, detail });
  }
}

/** What looked like a change of an event, where the event is proven right. */
function aboutSeals({ position, subject, detail }: SealFinding): SealFinding {
  return {
    of: 'seal',
    position,
    subject,
    detail: `${detail}, say the seals; a receipt proves that they were changed instead`,
  };
}

/** What is wrong about the events of a seal, or about the seal. */
function findingsOf(seal: StoredSeal, events: readonly HashedEvent[], isSound: boolean): readonly SealFinding[] {
  const own = { of: 'seal', position: seal.upTo, subject: `seal ${seal.number}` } as const;
  if (seal.entries === undefined) {
    if (isSound) return [];
    const subject = `${seal.events} events up to position ${seal.upTo}`;
    return [{ of: 'event', position: seal.upTo, subject, detail: `are not what was sealed, since ${seal.sealedAt}` }];
  }
  const entries = unpackEntries(seal.entries);
  const differences = entries && compareSealed(entries, events, seal.sealedAt);
  if (isSound && differences?.length === 0) return [];
  if (isSound || differences === undefined || differences.length === 0) return [{ ...own, detail: 'was changed' }];
  return differences;
}
