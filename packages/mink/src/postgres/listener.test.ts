import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { TransactionQuery, TransactionResult } from '../core/index.ts';
import type { NotificationLike, PoolClientLike } from './connection.ts';
import { Listener } from './listener.ts';

/** A connection of which a test decides what becomes of it. */
class FakeClient implements PoolClientLike {
  readonly processID = 7;
  backendPid = '7';
  answers = true;
  statements: string[] = [];
  released: (Error | boolean | undefined)[] = [];
  #onError: (error: Error) => void = () => undefined;
  #onNotification: (notification: NotificationLike) => void = () => undefined;

  async query({ text }: TransactionQuery): Promise<TransactionResult> {
    this.statements.push(text);
    if (!this.answers) return new Promise(() => undefined);
    return { rows: text.includes('pg_backend_pid') ? [[this.backendPid]] : [] };
  }

  release(error?: Error | boolean): void {
    this.released.push(error);
  }

  on(event: 'error', listener: (error: Error) => void): this;
  on(event: 'notification', listener: (notification: NotificationLike) => void): this;
  on(event: string, listener: ((error: Error) => void) & ((notification: NotificationLike) => void)): this {
    if (event === 'error') this.#onError = listener;
    else this.#onNotification = listener;
    return this;
  }

  off(): this {
    return this;
  }

  break(): void {
    this.#onError(new Error('reset'));
  }

  hear(channel: string, payload: string): void {
    this.#onNotification({ channel, payload });
  }
}

let clients: FakeClient[];
let news: number;
let failing: number;
let prepare: (client: FakeClient) => void;
let listener: Listener;

beforeEach(() => {
  vi.useFakeTimers();
  clients = [];
  news = 0;
  failing = 0;
  prepare = () => undefined;
  const connect = async (): Promise<PoolClientLike> => {
    if (failing > 0) {
      failing -= 1;
      throw new Error('refused');
    }
    const client = new FakeClient();
    prepare(client);
    clients.push(client);
    return client;
  };
  const onNews = (): void => {
    news += 1;
  };
  const waits = { settleTime: 1_000, checkTimeout: 5_000, maxBackoff: 1_000 };
  listener = new Listener({ pool: { connect }, channel: { name: 'mink_1', key: 1 }, self: 'me', onNews, ...waits });
});
afterEach(() => {
  listener.close();
  vi.useRealTimers();
});

const settle = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);

describe('a listener', () => {
  test('takes one connection, and says so when it listens: something may have come before', async () => {
    listener.start();
    listener.start();
    expect(listener.isListening).toBe(false);
    await settle();
    expect(listener.isListening).toBe(true);
    expect(clients.map(({ statements }) => statements.at(1))).toEqual(['listen mink_1']);
    // Whoever sees that somebody listens can be sure that he is heard.
    expect(clients.map(({ statements }) => statements.at(2))).toEqual([
      expect.stringContaining('pg_try_advisory_lock_shared'),
    ]);
    expect(listener.pid).toBe(7);
    expect(news).toBe(1);
  });

  test('is told of everything once every writer has looked again for who listens', async () => {
    listener.start();
    await settle();
    await vi.advanceTimersByTimeAsync(999);
    expect(listener.isToldOfAll).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(listener.isToldOfAll).toBe(true);
    clients[0]?.break();
    await settle();
    expect(listener.isToldOfAll).toBe(false);
    // A new connection has a lock of its own to be seen.
    await vi.advanceTimersByTimeAsync(100);
    expect([listener.isListening, listener.isToldOfAll]).toEqual([true, false]);
  });

  test('passes on what others tell on its channel, not what its own store tells', async () => {
    listener.start();
    await settle();
    clients[0]?.hear('mink_1', 'another');
    clients[0]?.hear('mink_1', 'me');
    clients[0]?.hear('mink_2', 'another');
    expect(news).toBe(2);
  });

  test('connects again when its connection breaks, and throws the broken one away', async () => {
    listener.start();
    await settle();
    clients[0]?.break();
    await settle();
    expect(listener.isListening).toBe(false);
    await vi.advanceTimersByTimeAsync(100);
    expect(listener.isListening).toBe(true);
    expect(clients.map(({ released }) => released)).toEqual([[true], []]);
    expect(news).toBe(2);
  });

  test('tries again for ever, with pauses that grow to a limit', async () => {
    failing = 100;
    listener.start();
    await vi.advanceTimersByTimeAsync(10_000);
    const tries = 100 - failing;
    expect(tries).toBeGreaterThan(10);
    expect(tries).toBeLessThan(30);
    failing = 0;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(listener.isListening).toBe(true);
  });

  test('gives up a connection that does not answer, and makes another', async () => {
    listener.start();
    await settle();
    const [silent] = clients;
    if (silent !== undefined) silent.answers = false;
    listener.check();
    listener.check();
    await vi.advanceTimersByTimeAsync(4_999);
    expect(listener.isListening).toBe(true);
    expect(silent?.statements.filter((text) => text === 'select')).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(200);
    expect(clients).toHaveLength(2);
    expect(listener.isListening).toBe(true);
  });

  test('keeps a connection that answers', async () => {
    listener.start();
    await settle();
    listener.check();
    await vi.advanceTimersByTimeAsync(10_000);
    listener.check();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(clients).toHaveLength(1);
    expect(listener.isListening).toBe(true);
  });

  test('does not listen on a connection of a pooler, and does not ask again', async () => {
    prepare = (client) => {
      client.backendPid = '4711';
    };
    listener.start();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(listener.isListening).toBe(false);
    expect(clients).toHaveLength(1);
    expect(clients[0]?.statements.some((text) => text.startsWith('listen'))).toBe(false);
    expect(clients[0]?.released).toEqual([true]);
  });

  test('lets its connection go when it is closed, also one that comes too late', async () => {
    listener.start();
    await settle();
    listener.close();
    await settle();
    expect(clients[0]?.released).toEqual([true]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(clients).toHaveLength(1);
  });
});
