import { atMost } from '../core/index.ts';

/** What a notifier works with. */
export interface NotifierSettings {
  /** Whether anybody would hear a notification. */
  readonly hasListeners: () => Promise<boolean>;
  /** Sends one notification. */
  readonly send: () => Promise<unknown>;
  /** Milliseconds between two notifications, at least. */
  readonly interval: number;
  /** Milliseconds until listeners are looked for again. */
  readonly recheck: number;
  /** Milliseconds that closing may wait for a notification. */
  readonly longestClose: number;
}

/**
 * Tells other processes that something was appended, beside the appends: `pg_notify` inside them would make their commits
 * wait for each other. The first append of a while is told at once; what follows within the interval is told together.
 * Where nobody listens, nobody is told: that is looked up from time to time.
 *
 * A notification that fails is not repeated. Readers look by themselves, too; they only do so later.
 */
export class Notifier {
  readonly #settings: NotifierSettings;
  /** Something was appended since the last notification was sent. */
  #isPending = false;
  #telling: Promise<void> | undefined;
  #pause: NodeJS.Timeout | undefined;
  #hasListeners = true;
  #lookedAt = -Infinity;

  constructor(settings: NotifierSettings) {
    this.#settings = settings;
  }

  notify(): void {
    if (!this.#hasListeners && !this.#isStale()) return;
    this.#isPending = true;
    if (this.#pause === undefined) this.#next();
  }

  /** Sends what is still to be told, unless that takes too long: it is not worth waiting for. */
  async close(): Promise<void> {
    clearTimeout(this.#pause);
    await atMost(this.#settings.longestClose, this.#flush());
  }

  async #flush(): Promise<void> {
    await this.#telling;
    if (this.#isPending) await this.#tell();
  }

  #next(): void {
    this.#pause = undefined;
    if (!this.#isPending) return;
    // Not unreferenced: a process that appends and then ends by itself still tells the others.
    this.#pause = setTimeout(() => {
      void (this.#telling ?? Promise.resolve()).then(() => this.#next());
    }, this.#settings.interval);
    void this.#tell();
  }

  async #tell(): Promise<void> {
    this.#isPending = false;
    this.#telling = this.#tellListeners().catch(ignore);
    await this.#telling;
  }

  async #tellListeners(): Promise<void> {
    if (this.#isStale()) {
      this.#hasListeners = await this.#settings.hasListeners();
      this.#lookedAt = performance.now();
    }
    if (this.#hasListeners) await this.#settings.send();
  }

  #isStale(): boolean {
    return performance.now() - this.#lookedAt >= this.#settings.recheck;
  }
}

function ignore(): void {
  // Whether it arrived or not: polling is the net.
}
