import type { EventStorage, RecordedEvent } from '../storage/event-storage.ts';
import { boundedLogPages } from '../store/read-pages.ts';
import { OwnShapes } from './own-shapes.ts';
import type { RecordedShape, ShapeCount, ShapeOwner } from './recorded-shape.ts';
import { shapeOf } from './shape.ts';
import { ShapeIds } from './shape-ids.ts';

/** Options of `schema.scan`. */
export interface ScanShapesOptions {
  /**
   * Count all events anew, instead of those that have come since the last scan.
   * @defaultValue false
   */
  readonly rebuild?: boolean | undefined;
  /** Ends the work. What was counted stays, and the next scan goes on from there. */
  readonly signal?: AbortSignal | undefined;
  /** Told after each page. */
  readonly onProgress?: ((progress: ScannedShapes) => void) | undefined;
}

/** What a scan has seen so far. */
export interface ScannedShapes {
  /** Events that were looked at. */
  readonly events: number;
  /** Shapes that were not recorded: of events older than the catalogue, or written by code without it. */
  readonly found: number;
  /** The last position that was looked at. */
  readonly position: number;
  /** Where the log ended when the scan began. */
  readonly end: number;
}

/** So many events are counted before it is written down. */
const SAVE_INTERVAL = 10_000;
const EVERYTHING = { types: undefined, categories: undefined, streamNames: undefined, streamPrefixes: undefined };

/** Goes through the log, records shapes that are not recorded, and counts how many events have each. */
export async function scanShapes(
  storage: EventStorage,
  pageSize: number,
  { rebuild = false, signal, onProgress }: ScanShapesOptions,
): Promise<ScannedShapes> {
  const { position: end, head } = await storage.readBound({ signal });
  const scanned = rebuild ? Infinity : await lastCounted(storage, pageSize);
  // Beyond the end: the log was restored to an earlier state.
  const isAnew = scanned > head;
  if (isAnew) await storage.resetShapeCounts();
  const after = isAnew ? 0 : scanned;
  const scan = new Scan(storage);
  let progress: ScannedShapes = { events: 0, found: 0, position: after, end };
  const range = { after, upTo: end, untilTime: undefined, filter: EVERYTHING, direction: 'forwards' as const };
  for await (const page of boundedLogPages(storage, range, { limit: undefined, pageSize, signal })) {
    for (const event of page) await scan.count(event);
    await scan.save(SAVE_INTERVAL);
    const position = page.at(-1)?.globalPosition ?? progress.position;
    progress = { events: progress.events + page.length, found: scan.found, position, end };
    onProgress?.(progress);
  }
  await scan.save(1);
  return progress;
}

/** What is counted is written down together: the last event that was counted is the last of all. */
async function lastCounted(storage: EventStorage, pageSize: number): Promise<number> {
  let last = 0;
  for await (const page of shapePages(storage, { limit: pageSize })) {
    for (const { lastPosition = 0 } of page) last = Math.max(last, lastPosition);
  }
  return last;
}

/** Recorded shapes, page by page. */
export async function* shapePages(
  storage: EventStorage,
  query: { readonly category?: string | undefined; readonly type?: string | undefined; readonly limit: number },
): AsyncGenerator<readonly RecordedShape[], void, undefined> {
  let after: RecordedShape | undefined;
  for (;;) {
    const page = await storage.listShapes({ ...query, after });
    yield page;
    if (page.length < query.limit) return;
    after = page.at(-1);
  }
}

/** What is known of a type and version while it is scanned. */
interface ScannedType {
  readonly shapes: OwnShapes;
  /** The shape of what has this number. */
  readonly byId: Map<number, RecordedShape>;
}

class Scan {
  readonly #storage: EventStorage;
  readonly #ids = new ShapeIds();
  readonly #types = new Map<string, ScannedType>();
  readonly #counts = new Map<string, ShapeCount>();
  readonly #changed = new Set<string>();
  #unsaved = 0;
  #found = 0;

  constructor(storage: EventStorage) {
    this.#storage = storage;
  }

  get found(): number {
    return this.#found;
  }

  async count(event: RecordedEvent): Promise<void> {
    const { category, type, schemaVersion, globalPosition } = event;
    const owner = { category, type, schemaVersion };
    const shape = await this.#shapeOf(event, owner);
    const key = JSON.stringify([category, type, schemaVersion, shape.hash]);
    const before = this.#counts.get(key) ?? { ...owner, ...shape };
    this.#counts.set(key, {
      ...owner,
      hash: shape.hash,
      eventCount: before.eventCount + 1,
      firstPosition: before.firstPosition ?? globalPosition,
      lastPosition: globalPosition,
    });
    this.#changed.add(key);
    this.#unsaved += 1;
  }

  /** Writes down what was counted, if it is this much. */
  async save(atLeast: number): Promise<void> {
    if (this.#unsaved < atLeast) return;
    const counts = [...this.#changed].flatMap((key) => this.#counts.get(key) ?? []);
    await this.#storage.saveShapeCounts(counts);
    this.#changed.clear();
    this.#unsaved = 0;
    if (this.#ids.trim()) for (const { byId } of this.#types.values()) byId.clear();
  }

  async #shapeOf({ data }: RecordedEvent, owner: ShapeOwner): Promise<RecordedShape> {
    const key = JSON.stringify([owner.category, owner.type, owner.schemaVersion]);
    let type = this.#types.get(key);
    if (type === undefined) {
      type = { shapes: await OwnShapes.load(this.#storage, owner), byId: new Map() };
      this.#types.set(key, type);
    }
    const id = this.#ids.idOf(data);
    const known = type.byId.get(id);
    if (known !== undefined) return known;
    const shape = shapeOf(data);
    if (type.shapes.covering(shape) === undefined) this.#found += 1;
    const recorded = await type.shapes.record(shape);
    type.byId.set(id, recorded);
    return recorded;
  }
}
