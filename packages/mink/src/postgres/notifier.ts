/** What a notifier works with. */
export interface NotifierSettings {
  /** Sends one notification. */
  readonly send: () => Promise<unknown>;
  /** Milliseconds between two notifications, at least. */
  readonly interval: number;
}

/**
 * Tells other processes that something was appended, beside the appends: `pg_notify` inside them would make their commits
 * wait for each other. The first append of a while is told at once; what follows within the interval is told together.
 *
 * A notification that fails is not repeated. Readers look by themselves, too; they only do so later.
 */
export class Notifier {
  readonly #settings: NotifierSettings;
  /** Something was appended since the last notification was sent. */
  #isPending = false;
  #sending: Promise<void> | undefined;
  #pause: NodeJS.Timeout | undefined;

  constructor(settings: NotifierSettings) {
    this.#settings = settings;
  }

  notify(): void {
    this.#isPending = true;
    if (this.#pause === undefined) this.#next();
  }

  /** Sends what is still to be told. */
  async close(): Promise<void> {
    clearTimeout(this.#pause);
    await this.#sending;
    if (this.#isPending) await this.#send();
  }

  #next(): void {
    this.#pause = undefined;
    if (!this.#isPending) return;
    // Not unreferenced: a process that appends and then ends by itself still tells the others.
    this.#pause = setTimeout(() => {
      void (this.#sending ?? Promise.resolve()).then(() => this.#next());
    }, this.#settings.interval);
    void this.#send();
  }

  async #send(): Promise<void> {
    this.#isPending = false;
    this.#sending = this.#settings.send().then(ignore, ignore);
    await this.#sending;
  }
}

function ignore(): void {
  // Whether it arrived or not: polling is the net.
}
