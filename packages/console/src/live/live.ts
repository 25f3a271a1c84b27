import type { Sample } from '../api-types.ts';
import { Refusal } from '../http/problem.ts';
import { sampleOf, type Look } from './look.ts';

/** Told of each look, or of one that has failed. */
export interface Watcher {
  seen(look: Look): void;
  failed(error: unknown): void;
}

/** What {@link Live} works with. */
export interface LiveOptions {
  readonly look: (earlier: Look | undefined) => Promise<Look>;
  /** Milliseconds between looks while somebody watches. */
  readonly interval: number;
  /**
   * Milliseconds that a look may take: a database that went without a word would be waited for until the network notices.
   * @defaultValue 30_000
   */
  readonly timeout?: number | undefined;
  readonly now: () => number;
}

const TIMEOUT = 30_000;

const HOUR = 60 * 60_000;
/** Milliseconds between looks while nobody watches, for the charts. */
const QUIET_INTERVAL = 15_000;

/**
 * One loop of looks for all who watch: every two seconds while somebody does, four times a minute for an hour after the last one, and
 * not at all from then on, or before anybody has ever come.
 */
export class Live {
  readonly #options: LiveOptions;
  readonly #watchers = new Set<Watcher>();
  readonly #samples: Sample[] = [];
  #last: Look | undefined;
  #under: Promise<Look> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #wantedAt = 0;
  #isClosed = false;

  constructor(options: LiveOptions) {
    this.#options = options;
  }

  /** The last look, or a new one where that is too old. */
  async latest(): Promise<Look> {
    const { now, interval } = this.#options;
    this.#wantedAt = now();
    this.#schedule();
    if (this.#last !== undefined && now() - this.#last.at < interval) return this.#last;
    return this.#look();
  }

  /** Like {@link latest}, after something was changed: whoever has changed it sees it. */
  async fresh(): Promise<Look> {
    // One that is under way may have begun before.
    await this.#under?.catch(() => undefined);
    return this.#look();
  }

  /** Tells of all looks from now on, until what it gives back is called. */
  watch(watcher: Watcher): () => void {
    this.#watchers.add(watcher);
    this.#wantedAt = this.#options.now();
    this.#schedule(0);
    return () => {
      this.#watchers.delete(watcher);
    };
  }

  /** Samples of the last hour behind a moment. */
  samples(since: number): readonly Sample[] {
    return this.#samples.filter(({ at }) => at > since);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#watchers.clear();
    await this.#under?.catch(() => undefined);
  }

  #schedule(wait?: number): void {
    const { now, interval } = this.#options;
    const isWatched = this.#watchers.size > 0;
    if (this.#isClosed) return;
    if (!isWatched && now() - this.#wantedAt > HOUR) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      return;
    }
    // A look that is due sooner than the one that is planned takes its place.
    if (this.#timer !== undefined && wait === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#tick(), wait ?? (isWatched ? interval : QUIET_INTERVAL));
    this.#timer.unref();
  }

  async #tick(): Promise<void> {
    this.#timer = undefined;
    try {
      await this.#look();
    } catch (error) {
      for (const watcher of this.#watchers) watcher.failed(error);
    }
    this.#schedule();
  }

  /** One at a time, whoever asks. */
  #look(): Promise<Look> {
    this.#under ??= this.#lookAnew().finally(() => {
      this.#under = undefined;
    });
    return this.#under;
  }

  async #lookAnew(): Promise<Look> {
    const { look: work, timeout = TIMEOUT } = this.#options;
    const look = await within(timeout, work(this.#last));
    this.#last = look;
    this.#samples.push(sampleOf(look));
    while ((this.#samples[0]?.at ?? look.at) < look.at - HOUR) this.#samples.shift();
    for (const watcher of this.#watchers) watcher.seen(look);
    return look;
  }
}

async function within<T>(timeout: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const message = 'The database does not answer. Try again; "mink doctor" says more.';
    timer = setTimeout(() => reject(new Refusal(503, 'DATABASE_UNAVAILABLE', message)), timeout);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
