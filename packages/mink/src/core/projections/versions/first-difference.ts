import type { JsonObject } from '../../json.ts';
import type { LogFilter, RecordedEvent } from '../../storage/event-storage.ts';
import { boundedLogPages } from '../../store/read-pages.ts';
import type { Projection } from '../define-projection.ts';
import { evolveRow, keyedEvent, type KeyedEvent } from '../projection-batch.ts';
import type { StoredRow } from '../projection-storage.ts';
import { filterOf, type ApplyingContext } from '../projection-worker.ts';
import type { Side } from './align-versions.ts';
import { rowChanges, type ComparedTable, type FirstEvent, type RowDifference } from './compared-table.ts';
import type { Scratch } from './version-storage.ts';
import type { VersionsContext } from './versions-context.ts';

/** Two versions, and how far they are. */
export interface Replay {
  readonly before: Side;
  readonly after: Side;
  readonly upTo: number;
  /** They have the same code: what the first has kept is not what it would make of the log, but what is stored. */
  readonly isProof: boolean;
  readonly signal: AbortSignal;
}

/**
 * Tells since which event the samples differ, where there is code for both versions that keeps a row for each key. Of a proof:
 * which event is the first that the stored row lacks, where it is what the code had made of all events before it.
 */
export async function addFirstEvents(
  context: VersionsContext,
  scratch: Scratch,
  { replay, tables }: { readonly replay: Replay; readonly tables: readonly ComparedTable[] },
): Promise<readonly ComparedTable[]> {
  const { before, after, isProof } = replay;
  if (before.code?.kind !== 'rows' || after.code?.kind !== 'rows') return tables;
  const both = [before.code, after.code] as const;
  return Promise.all(
    tables.map(async (table) => {
      if (table.samples.length === 0) return table;
      const keys = table.samples.map(({ key }) => key);
      const rows = isProof ? await scratch.readModels.readRows(both[0], keys) : undefined;
      const found = await firstEvents({ ...context, storage: scratch.log }, both, { ...replay, keys, rows });
      const samples = table.samples.map((it): RowDifference => ({ ...it, firstEvent: found.get(it.key) }));
      return { ...table, samples };
    }),
  );
}

type Both = readonly [before: Projection, after: Projection];

/** Replays the events of some keys: with both, or with the second beside what is stored of the first. */
async function firstEvents(
  context: ApplyingContext,
  both: Both,
  {
    keys,
    rows,
    upTo,
    signal,
  }: Replay & { readonly keys: readonly string[]; readonly rows: readonly StoredRow[] | undefined },
): Promise<ReadonlyMap<string, FirstEvent>> {
  const storedOf = (key: string): JsonObject | null => rows?.find((row) => row.key === key)?.row ?? null;
  const replays = new Map(
    keys.map((key) => [key, new KeyReplay(key, both, rows === undefined ? undefined : { row: storedOf(key) })]),
  );
  const query = { after: 0, upTo, untilTime: undefined, direction: 'forwards' as const };
  const filter = filterFor(context, both, keys);
  const pages = boundedLogPages(
    context.storage,
    { ...query, filter },
    { limit: undefined, pageSize: context.batchSize, signal },
  );
  for await (const page of pages) {
    for (const event of page) {
      // Each reads an event once, however many keys there are.
      const read = both.map((projection) => keyedEvent(context.registry, projection, event));
      const about = new Set(read.flatMap(({ parts }) => [...(parts?.keys() ?? [event.streamName])]));
      for (const key of about) replays.get(key)?.apply(event, read);
    }
  }
  return new Map([...replays].flatMap(([key, { since }]) => (since === undefined ? [] : [[key, since] as const])));
}

/** What either reads; where keys are streams, of these alone. */
function filterFor({ registry }: ApplyingContext, both: Both, keys: readonly string[]): LogFilter {
  const filters = both.map((projection) => filterOf(registry, projection));
  const either = (of: (filter: LogFilter) => readonly string[] | undefined): readonly string[] => {
    return [...new Set(filters.flatMap((filter) => of(filter) ?? []))];
  };
  const hasOwnKeys = both.some((projection) => projection.hasOwnKeys);
  return {
    categories: either(({ categories }) => categories),
    types: either(({ types }) => types),
    streamNames: hasOwnKeys ? undefined : keys,
    streamPrefixes: undefined,
  };
}

/** The rows that two versions keep of a key, event by event. */
class KeyReplay {
  readonly #key: string;
  readonly #sides: readonly { readonly projection: Projection; row: JsonObject | null; isParked: boolean }[];
  /** What is stored instead of the first. */
  readonly #stored: { readonly row: JsonObject | null } | undefined;
  /** Before its first event, a key has nothing. */
  #wereSame: boolean;
  /** The event since which they differ; undefined where they are the same, or never were. */
  since: FirstEvent | undefined;

  constructor(key: string, both: Both, stored: { readonly row: JsonObject | null } | undefined) {
    this.#key = key;
    this.#sides = both.map((projection) => ({ projection, row: null, isParked: false }));
    this.#stored = stored;
    this.#wereSame = stored === undefined || stored.row === null;
  }

  apply(event: RecordedEvent, read: readonly KeyedEvent[]): void {
    for (const [index, side] of this.#sides.entries()) {
      const parts = read[index]?.parts;
      const own = parts?.get(this.#key);
      const isUnread = parts === undefined && event.streamName === this.#key;
      if (side.isParked || (own === undefined && !isUnread)) continue;
      try {
        if (own === undefined) side.isParked = true;
        else side.row = evolveRow(side.projection, side.row, this.#key, own);
      } catch {
        // From here on, its events wait.
        side.isParked = true;
      }
    }
    this.#look(event);
  }

  #look({ type, streamName, streamVersion, globalPosition }: RecordedEvent): void {
    const [before = null, after = null] = this.#sides.map(({ row }) => row);
    const areSameNow = areSame(this.#stored === undefined ? before : this.#stored.row, after);
    if (areSameNow) this.since = undefined;
    else if (this.#wereSame) this.since ??= { type, streamName, streamVersion, globalPosition };
    this.#wereSame ||= areSameNow;
  }
}

/** In the columns that both have. */
function areSame(before: JsonObject | null, after: JsonObject | null): boolean {
  if (before === null || after === null) return before === after;
  const common = new Set(Object.keys(before).filter((name) => name in after));
  return rowChanges(before, after, common).length === 0;
}
