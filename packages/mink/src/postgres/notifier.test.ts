import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Notifier } from './notifier.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Counts what was sent; `answer` lets the oldest one that is under way end. */
function counting() {
  const under: { readonly resolve: () => void; readonly reject: (error: Error) => void }[] = [];
  const log = { sent: 0, looked: 0, audience: true };
  const send = (): Promise<void> => {
    log.sent += 1;
    return new Promise((resolve, reject) => under.push({ resolve, reject }));
  };
  const hasListeners = async (): Promise<boolean> => {
    log.looked += 1;
    return log.audience;
  };
  const notifier = new Notifier({ hasListeners, send, interval: 5, recheck: 1_000, longestClose: 1_000 });
  return {
    log,
    notifier,
    answer: async () => {
      under.shift()?.resolve();
      await vi.advanceTimersByTimeAsync(0);
    },
    fail: async () => {
      under.shift()?.reject(new Error('away'));
      await vi.advanceTimersByTimeAsync(0);
    },
  };
}

describe('a notifier', () => {
  test('tells of the first append at once', async () => {
    const { notifier, log } = counting();
    notifier.notify();
    await vi.advanceTimersByTimeAsync(0);
    expect(log.sent).toBe(1);
  });

  test('tells of all that follow in the interval once, at its end', async () => {
    const { notifier, log, answer } = counting();
    for (let n = 0; n < 100; n += 1) notifier.notify();
    await vi.advanceTimersByTimeAsync(0);
    await answer();
    await vi.advanceTimersByTimeAsync(4);
    expect(log.sent).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(log.sent).toBe(2);
    await answer();
    await vi.advanceTimersByTimeAsync(100);
    expect(log.sent).toBe(2);
  });

  test('never has two under way, however slow they are', async () => {
    const { notifier, log, answer } = counting();
    notifier.notify();
    await vi.advanceTimersByTimeAsync(100);
    notifier.notify();
    await vi.advanceTimersByTimeAsync(100);
    expect(log.sent).toBe(1);
    await answer();
    expect(log.sent).toBe(2);
  });

  test('goes on after one that failed', async () => {
    const { notifier, log, fail } = counting();
    notifier.notify();
    await vi.advanceTimersByTimeAsync(0);
    await fail();
    await vi.advanceTimersByTimeAsync(5);
    notifier.notify();
    await vi.advanceTimersByTimeAsync(0);
    expect(log.sent).toBe(2);
  });

  test('closing tells what was still to be told, and nothing otherwise', async () => {
    const { notifier, log, answer } = counting();
    notifier.notify();
    notifier.notify();
    const closed = notifier.close();
    await vi.advanceTimersByTimeAsync(0);
    await answer();
    await answer();
    await closed;
    expect(log.sent).toBe(2);
    await notifier.close();
    await vi.advanceTimersByTimeAsync(100);
    expect(log.sent).toBe(2);
  });

  test('closing does not wait for ever for one that gets no answer', async () => {
    const { notifier, log } = counting();
    notifier.notify();
    await vi.advanceTimersByTimeAsync(0);
    const closed = notifier.close();
    await vi.advanceTimersByTimeAsync(1_000);
    await closed;
    expect(log.sent).toBe(1);
  });

  test('tells nobody where nobody listens, and looks again after a while', async () => {
    const { notifier, log } = counting();
    log.audience = false;
    for (let n = 0; n < 99; n += 1) {
      notifier.notify();
      await vi.advanceTimersByTimeAsync(10);
    }
    expect(log).toMatchObject({ sent: 0, looked: 1 });
    log.audience = true;
    await vi.advanceTimersByTimeAsync(10);
    notifier.notify();
    await vi.advanceTimersByTimeAsync(0);
    expect(log).toMatchObject({ sent: 1, looked: 2 });
  });

  test('looks for listeners once in a while only, also where there are some', async () => {
    const { notifier, log, answer } = counting();
    for (let n = 0; n < 100; n += 1) {
      notifier.notify();
      await answer();
      await vi.advanceTimersByTimeAsync(9);
      await answer();
    }
    expect(log.looked).toBe(1);
    expect(log.sent).toBeGreaterThan(90);
  });
});
