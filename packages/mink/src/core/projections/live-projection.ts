import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { ProjectionFailedError } from '../projection-errors.ts';
import { checkOneOf, checkWhole } from '../store/read-options.ts';
import { boundedLogPages, followLog, isUnavailable, lastVisible } from '../store/read-pages.ts';
import { onAbort, untilAborted } from '../store/signals.ts';
import type { EventStorage, LogFilter, RecordedEvent } from '../storage/event-storage.ts';
import { typed } from '../typed.ts';
import type { Categories } from '../store/categories.ts';
import type { Projection } from './define-projection.ts';
import { ProjectedModels } from './projected-models.ts';
import { contextOf, type StoreOfEngine } from './projection-engine.ts';
import { filterOf } from './projection-worker.ts';

/** Options of {@link createLiveProjection}. */
export interface LiveProjectionOptions {
  /**
   * Whether it begins with what comes from now on, or with the whole log.
   * @defaultValue 'now'
   */
  readonly from?: 'now' | 'start' | undefined;
  /**
   * Keys that it may hold. With one more it is faulted: `ReadModelFullError`.
   * @defaultValue 100_000
   */
  readonly maxKeys?: number | undefined;
}

/** What has changed under a key. */
export interface LiveChange<Model> {
  readonly key: string;
  /** The document or row as it is now; null where there is none any more. */
  readonly model: Model | null;
  /** Why it stays as it was, whatever comes. */
  readonly error: ProjectionFailedError | undefined;
}

/** How a live projection is doing. */
export interface LiveStatus {
  /** `faulted`: it has stopped for good, and says why. */
  readonly state: 'catching_up' | 'live' | 'faulted' | 'closed';
  /** Everything that it reads up to here is in it. */
  readonly position: number;
  readonly keys: number;
  /** Keys at which a handler has failed: they stay as they were, and others go on. */
  readonly failed: readonly { readonly key: string; readonly error: ProjectionFailedError }[];
  /** What a faulted one stopped at. */
  readonly error: unknown;
}

interface Watcher {
  /** Keys that have changed since it was told. One that changes again is told once, as it is then. */
  readonly changed: Set<string>;
  wake: () => void;
}

const PAGE_SIZE = 500;
const PAUSE = { first: 100, most: 5_000 };

/**
 * A read model in memory, kept up to date by the feed: for what is shown right now, such as a dashboard. It keeps its process
 * alive until it is closed.
 *
 * Guarantee: events are applied in the order of the log, each once. Nothing is kept: with `from: 'now'`, what happens while the
 * process is down is missed. An append never waits for it.
 */
export class LiveProjection<Model> implements AsyncDisposable {
  readonly #memory: ProjectedModels;
  readonly #watchers = new Set<Watcher>();
  readonly #closing = new AbortController();
  readonly #ready: Promise<void>;
  readonly #feed: { readonly storage: EventStorage; readonly filter: LogFilter };
  #done: Promise<void> = Promise.resolve();
  #state: LiveStatus['state'] = 'catching_up';
  #position = 0;
  #error: unknown;

  constructor(store: StoreOfEngine, projection: Projection, options: LiveProjectionOptions = {}) {
    const context = contextOf(store, [projection]);
    const from = checkOneOf('from', options.from ?? 'now', ['now', 'start']);
    const maxKeys = checkWhole('maxKeys', options.maxKeys ?? 100_000, 1);
    this.#memory = new ProjectedModels(context.registry, projection, { maxKeys });
    const { storage, registry } = context;
    this.#feed = { storage, filter: filterOf(registry, projection) };
    this.#ready = new Promise((resolve, reject) => {
      this.#done = this.#run(from, resolve).catch((error: unknown) => {
        this.#end('faulted', error);
        reject(error);
      });
    });
    // Whoever does not ask for it sees it in the status.
    this.#ready.catch(() => undefined);
  }

  /** Resolves when it has come to where the log ended when it was made. Rejects with what it faulted at. */
  ready(): Promise<void> {
    return this.#ready;
  }

  /** The document or row under a key, or undefined. */
  get(key: string): Model | undefined {
    return typed<Model | undefined>(this.#memory.models.get(key));
  }

  /** All keys and what is under them, in the order in which they first came. */
  entries(): IterableIterator<[string, Model]> {
    return typed(this.#memory.models.entries());
  }

  /**
   * What changes from now on. A slow reader is told the last state of each key, not each one between: what waits for it
   * is never more than the keys there are. Ends when the projection is closed or the signal aborted; throws what it faulted at.
   *
   * @example
   * for await (const { key, model } of live.changes()) push(key, model);
   */
  changes({ signal }: { readonly signal?: AbortSignal | undefined } = {}): AsyncGenerator<LiveChange<Model>, void> {
    const watcher: Watcher = { changed: new Set(), wake: () => undefined };
    this.#watchers.add(watcher);
    return this.#watch(watcher, signal);
  }

  status(): LiveStatus {
    return {
      state: this.#state,
      position: this.#position,
      keys: this.#memory.models.size,
      failed: Array.from(this.#memory.failed, ([key, error]) => ({ key, error })),
      error: this.#error,
    };
  }

  /** Ends it. What it holds can still be read. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#done;
    if (this.#state !== 'faulted') this.#end('closed', undefined);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** A database that is away is waited for; everything else faults it. */
  async #run(from: 'now' | 'start', onReady: () => void): Promise<void> {
    const { signal } = this.#closing;
    let isBegun = from === 'start';
    for (let failures = 0; !signal.aborted; failures += 1) {
      try {
        if (!isBegun) this.#position = await untilAborted(lastVisible(this.#feed.storage), signal);
        isBegun = true;
        await this.#applyAll(this.#toBound());
        this.#state = 'live';
        onReady();
        await this.#applyAll(this.#toCome());
      } catch (error) {
        if (signal.aborted) return;
        if (!isUnavailable(error)) throw error;
        const pause = Math.min(PAUSE.most, PAUSE.first * 2 ** Math.min(failures, 10));
        await sleep(pause, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  #toBound(): AsyncGenerator<readonly RecordedEvent[], void> {
    const { storage, filter } = this.#feed;
    const range = { after: this.#position, upTo: Number.MAX_SAFE_INTEGER, untilTime: undefined };
    const limits = { limit: undefined, pageSize: PAGE_SIZE, signal: this.#closing.signal };
    return boundedLogPages(storage, { ...range, filter, direction: 'forwards' }, limits);
  }

  #toCome(): AsyncGenerator<readonly RecordedEvent[], void> {
    const { storage, filter } = this.#feed;
    const { signal } = this.#closing;
    return followLog(storage, {
      after: this.#position,
      filter,
      pageSize: PAGE_SIZE,
      signal,
      isTransient: isUnavailable,
    });
  }

  async #applyAll(pages: AsyncIterable<readonly RecordedEvent[]>): Promise<void> {
    for await (const page of pages) {
      for (const event of page) {
        const changed = this.#memory.apply(event);
        this.#position = event.globalPosition;
        for (const watcher of this.#watchers) {
          for (const key of changed) watcher.changed.add(key);
        }
      }
      for (const { wake } of this.#watchers) wake();
      // Between two pages, everything else of the process has its turn.
      await nextTurn();
    }
  }

  async *#watch(watcher: Watcher, signal: AbortSignal | undefined): AsyncGenerator<LiveChange<Model>, void> {
    const release = signal === undefined ? undefined : onAbort(signal, () => watcher.wake());
    try {
      for (;;) {
        for (const key of watcher.changed) {
          if (signal?.aborted === true) return;
          watcher.changed.delete(key);
          yield { key, model: this.get(key) ?? null, error: this.#memory.failed.get(key) };
        }
        if (this.#state === 'faulted') throw this.#error;
        if (this.#state === 'closed' || signal?.aborted === true) return;
        await new Promise<void>((resolve) => {
          watcher.wake = resolve;
        });
      }
    } finally {
      release?.();
      this.#watchers.delete(watcher);
    }
  }

  #end(state: 'faulted' | 'closed', error: unknown): void {
    this.#state = state;
    this.#error = error;
    for (const { wake } of this.#watchers) wake();
  }
}

/**
 * Begins to keep a read model in memory: needs no engine and leaves nothing in the database.
 *
 * @example
 * await using live = createLiveProjection(store, cartSummary, { from: 'start' });
 * await live.ready();
 * console.log(live.get('Cart-1'));
 */
export function createLiveProjection<Model>(
  store: StoreOfEngine,
  projection: Projection<string, Categories, Model>,
  options: LiveProjectionOptions = {},
): LiveProjection<Model> {
  return new LiveProjection<Model>(store, projection, options);
}
