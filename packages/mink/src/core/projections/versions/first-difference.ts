import type { JsonObject } from '../../json.ts';
import type { LogFilter, RecordedEvent } from '../../storage/event-storage.ts';
import { boundedLogPages } from '../../store/read-pages.ts';
import type { Projection } from '../define-projection.ts';
import { evolveRow, keyedEvent, type KeyedEvent } from '../projection-batch.ts';
import { filterOf } from '../projection-worker.ts';
import type { Side } from './align-versions.ts';
import { rowChanges, type ComparedTable, type FirstEvent, type RowDifference } from './compared-table.ts';
import type { VersionsContext } from './versions-context.ts';

/** Two versions, and how far they are. */
export interface Replay {
  readonly before: Side;
  readonly after: Side;
  readonly upTo: number;
  readonly signal: AbortSignal;
}

/** Tells since which event the samples differ, where there is code for both versions that keeps a row for each key. */
export async function addFirstEvents(
  context: VersionsContext,
  { before, after, upTo, signal }: Replay,
  tables: readonly ComparedTable[],
): Promise<readonly ComparedTable[]> {
  if (before.code?.kind !== 'rows' || after.code?.kind !== 'rows') return tables;
  const both = [before.code, after.code] as const;
  return Promise.all(
    tables.map(async (table) => {
      if (table.samples.length === 0) return table;
      const keys = table.samples.map(({ key }) => key);
      const found = await firstEvents(context, both, { keys, upTo, signal });
      const samples = table.samples.map((it): RowDifference => ({ ...it, firstEvent: found.get(it.key) }));
      return { ...table, samples };
    }),
  );
}

type Both = readonly [before: Projection, after: Projection];

/** Replays the events of some keys with both. */
async function firstEvents(
  context: VersionsContext,
  both: Both,
  { keys, upTo, signal }: { readonly keys: readonly string[]; readonly upTo: number; readonly signal: AbortSignal },
): Promise<ReadonlyMap<string, FirstEvent>> {
  const replays = new Map(keys.map((key) => [key, new KeyReplay(key, both)]));
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
function filterFor({ registry }: VersionsContext, both: Both, keys: readonly string[]): LogFilter {
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
  /** The event since which they differ. */
  since: FirstEvent | undefined;

  constructor(key: string, both: Both) {
    this.#key = key;
    this.#sides = both.map((projection) => ({ projection, row: null, isParked: false }));
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
    const [before, after] = this.#sides.map(({ row }) => row);
    if (areSame(before ?? null, after ?? null)) this.since = undefined;
    else this.since ??= { type, streamName, streamVersion, globalPosition };
  }
}

/** In the columns that both have. */
function areSame(before: JsonObject | null, after: JsonObject | null): boolean {
  if (before === null || after === null) return before === after;
  const common = new Set(Object.keys(before).filter((name) => name in after));
  return rowChanges(before, after, common).length === 0;
}
