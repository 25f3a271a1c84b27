import type { EventStorage, RecordedEvent } from '../storage/event-storage.ts';
import { boundedLogPages } from '../store/read-pages.ts';
import { OwnShapes } from './own-shapes.ts';
import type { JsonValue } from '../json.ts';
import { REST_HASH, type RecordedShape, type ShapeCount, type ShapeOwner } from './recorded-shape.ts';
import { covers, shapeOf, type Shape } from './shape.ts';
import { shapePages } from './shape-pages.ts';

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
const PAGE_SIZE = 1_000;
const EVERYTHING = { types: undefined, categories: undefined, streamNames: undefined, streamPrefixes: undefined };

/** Goes through the log, records shapes that are not recorded, and counts how many events have each. */
export async function scanShapes(
  storage: EventStorage,
  pageSize: number,
  { rebuild = false, signal, onProgress }: ScanShapesOptions,
): Promise<ScannedShapes> {
  const { position: end, head } = await storage.readBound({ signal });
  let counted = await countedShapes(storage, pageSize);
  // What is counted is written down together: the last event that was counted is the last of all.
  let after = counted.reduce((last, { lastPosition = 0 }) => Math.max(last, lastPosition), 0);
  // Beyond the end: the log was restored to an earlier state.
  if (rebuild || after > head) {
    await storage.resetShapeCounts();
    [counted, after] = [[], 0];
  }
  const scan = new Scan(storage, counted);
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

/** All of them at one time: what another scan counts later is counted here again, and is not more for it. */
async function countedShapes(storage: EventStorage, pageSize: number): Promise<readonly RecordedShape[]> {
  const counted: RecordedShape[] = [];
  for await (const page of shapePages(storage, { limit: pageSize })) {
    counted.push(...page.filter(({ eventCount }) => eventCount > 0));
  }
  return counted;
}

/** A recorded shape while it is scanned. */
interface ScannedShape {
  readonly hash: string;
  readonly text: string;
  readonly shape: Shape;
  readonly parts: number;
}

/** How many texts of shapes are remembered for a type. */
const MAX_REMEMBERED = 10_000;

/** The recorded shapes of a type and version while it is scanned. */
class ScannedType {
  readonly #storage: EventStorage;
  readonly #owner: ShapeOwner;
  /** The narrowest first, and the one that takes in the rest last. */
  #shapes: readonly ScannedShape[] = [];
  /** The hash that the events of a shape count for, by its text. */
  readonly #found = new Map<string, string>();

  constructor(storage: EventStorage, owner: ShapeOwner) {
    this.#storage = storage;
    this.#owner = owner;
  }

  /** The shape that an event counts for: its own, or the narrowest that covers it. Records it where there is none. */
  async hashOf(data: JsonValue): Promise<{ readonly hash: string; readonly isNew: boolean }> {
    const shape = shapeOf(data);
    const text = JSON.stringify(shape);
    const known = this.#found.get(text) ?? this.#narrowest(shape, text);
    if (known !== undefined) return { hash: this.#remember(text, known), isNew: false };
    await this.#reload();
    const recorded = this.#narrowest(shape, text);
    if (recorded !== undefined) return { hash: this.#remember(text, recorded), isNew: false };
    const own = await OwnShapes.load(this.#storage, this.#owner);
    await own.record(data);
    await this.#reload();
    return { hash: this.#remember(text, this.#narrowest(shape, text) ?? REST_HASH), isNew: true };
  }

  #remember(text: string, hash: string): string {
    if (this.#found.size >= MAX_REMEMBERED) this.#found.clear();
    this.#found.set(text, hash);
    return hash;
  }

  #narrowest(shape: Shape, text: string): string | undefined {
    const same = this.#shapes.find((known) => known.text === text);
    return (same ?? this.#shapes.find((known) => covers(known.shape, shape)))?.hash;
  }

  async #reload(): Promise<void> {
    const shapes: ScannedShape[] = [];
    const { category, type, schemaVersion } = this.#owner;
    for await (const page of shapePages(this.#storage, { category, type, schemaVersion, limit: PAGE_SIZE })) {
      for (const { hash, shape } of page) {
        const text = JSON.stringify(shape);
        shapes.push({ hash, text, shape, parts: hash === REST_HASH ? Infinity : text.length });
      }
    }
    this.#shapes = shapes.toSorted((left, right) => left.parts - right.parts);
  }
}

class Scan {
  readonly #storage: EventStorage;
  readonly #types = new Map<string, ScannedType>();
  readonly #counts = new Map<string, ShapeCount>();
  readonly #changed = new Set<string>();
  #unsaved = 0;
  #found = 0;

  constructor(storage: EventStorage, counted: readonly RecordedShape[]) {
    this.#storage = storage;
    for (const shape of counted) this.#counts.set(keyOf(shape, shape.hash), shape);
  }

  get found(): number {
    return this.#found;
  }

  async count({ category, type, schemaVersion, globalPosition, data }: RecordedEvent): Promise<void> {
    const owner = { category, type, schemaVersion };
    const { hash, isNew } = await this.#typeOf(owner).hashOf(data);
    if (isNew) this.#found += 1;
    const key = keyOf(owner, hash);
    const before = this.#counts.get(key);
    this.#counts.set(key, {
      ...owner,
      hash,
      eventCount: (before?.eventCount ?? 0) + 1,
      firstPosition: before?.firstPosition ?? globalPosition,
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
  }

  #typeOf(owner: ShapeOwner): ScannedType {
    const key = keyOf(owner, '');
    let type = this.#types.get(key);
    if (type === undefined) this.#types.set(key, (type = new ScannedType(this.#storage, owner)));
    return type;
  }
}

function keyOf({ category, type, schemaVersion }: ShapeOwner, hash: string): string {
  return JSON.stringify([category, type, schemaVersion, hash]);
}
