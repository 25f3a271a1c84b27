import { sessionOn, type PoolClientLike, type PoolLike } from './connection.ts';
import { showListeningQuery, type Channel } from './queries/notify.ts';

/** What a listener works with. */
export interface ListenerSettings {
  /** Where its connection comes from; it keeps one. */
  readonly pool: PoolLike;
  readonly channel: Channel;
  /** The name under which this store notifies others: its own notifications are no news. */
  readonly self: string;
  /** Another process has appended, or may have while nobody listened. */
  readonly onNews: () => void;
  /** Milliseconds until every writer has seen that somebody listens. */
  readonly settleTime: number;
  /** Milliseconds a connection may take to answer a check. */
  readonly checkTimeout: number;
  /** Milliseconds of the longest pause between two tries to connect. */
  readonly maxBackoff: number;
}

const FIRST_BACKOFF = 50;

/**
 * Listens on a connection of its own for what other processes append, and connects again whenever that breaks. Behind a
 * pooler, which would give the connection to somebody else, it does not listen at all.
 */
export class Listener {
  readonly #settings: ListenerSettings;
  readonly #closing = new AbortController();
  #hasStarted = false;
  #listening: { readonly client: PoolClientLike; readonly lose: () => void; readonly since: number } | undefined;
  #isChecking = false;

  constructor(settings: ListenerSettings) {
    this.#settings = settings;
  }

  /** Whether notifications arrive, as far as one can tell. */
  get isListening(): boolean {
    return this.#listening !== undefined;
  }

  /** Whether every writer tells it: those who had seen nobody listen look again now and then. */
  get isToldOfAll(): boolean {
    const { settleTime } = this.#settings;
    return this.#listening !== undefined && performance.now() - this.#listening.since >= settleTime;
  }

  /** The server's process behind its connection; 0 without one. */
  get pid(): number {
    return this.#listening?.client.processID ?? 0;
  }

  /** Begins to listen. Once is enough. */
  start(): void {
    if (this.#hasStarted) return;
    this.#hasStarted = true;
    void this.#run();
  }

  /** Something came that was not notified: makes sure that the connection is still one. */
  check(): void {
    const listening = this.#listening;
    if (listening === undefined || this.#isChecking) return;
    this.#isChecking = true;
    const timer = setTimeout(listening.lose, this.#settings.checkTimeout);
    void sessionOn(listening.client, false)
      .runScript('select')
      .catch(listening.lose)
      .finally(() => {
        clearTimeout(timer);
        this.#isChecking = false;
      });
  }

  /** Lets its connection go. */
  close(): void {
    this.#closing.abort();
    this.#listening?.lose();
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    const { maxBackoff } = this.#settings;
    let failures = 0;
    while (!signal.aborted) {
      const end = await this.#listen().catch(() => 'failed' as const);
      if (end === 'unsuitable') return;
      failures = end === 'lost' ? 0 : failures + 1;
      const backoff = Math.min(maxBackoff, FIRST_BACKOFF * 2 ** Math.min(failures, 10)) * (0.5 + Math.random() / 2);
      await pause(backoff, signal);
    }
  }

  /** Listens until the connection is lost. Throws when it cannot be made. */
  async #listen(): Promise<'lost' | 'unsuitable'> {
    const { pool, channel, self, onNews } = this.#settings;
    const client = await pool.connect();
    let lose = ignore;
    const lost = new Promise<void>((resolve) => (lose = resolve));
    client.on('error', lose);
    client.on('notification', ({ channel: from, payload }) => {
      if (from === channel.name && payload !== self) onNews();
    });
    try {
      if (!(await isDirect(client))) return 'unsuitable';
      const session = sessionOn(client, false);
      await session.runScript(`listen ${channel.name}`);
      await session.run(showListeningQuery(channel));
      if (this.#closing.signal.aborted) return 'lost';
      // Whoever waits for an event keeps the process alive; this connection does not.
      client.unref?.();
      this.#isChecking = false;
      this.#listening = { client, lose, since: performance.now() };
      onNews();
      await lost;
      return 'lost';
    } finally {
      this.#listening = undefined;
      // Thrown away, not given back: it listens.
      client.release(true);
    }
  }
}

/**
 * Whether this is a connection to the server itself. A pooler makes up the process id that it tells a client, and gives
 * its connections to whoever comes next.
 */
async function isDirect(client: PoolClientLike): Promise<boolean> {
  const query = { name: undefined, text: 'select pg_catalog.pg_backend_pid()', values: [] };
  const [row] = await sessionOn(client, false).run(query);
  return client.processID !== undefined && client.processID !== null && String(client.processID) === row?.[0];
}

/** Keeps no process alive. */
function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds).unref();
    signal.addEventListener('abort', end);
  });
}

function ignore(): void {
  // Nobody waits for it any more.
}
