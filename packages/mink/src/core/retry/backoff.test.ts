import { describe, expect, test } from 'vitest';
import { Tries, type RetryClock, type RetryOptions } from './backoff.ts';

/** Tries on a clock that moves by the waits alone. */
function triesWith(options: RetryOptions, random = 1) {
  const waits: number[] = [];
  let now = 100;
  const clock: RetryClock = {
    now: () => now,
    random: () => random,
    sleep: (milliseconds) => {
      waits.push(milliseconds);
      now += milliseconds;
      return Promise.resolve();
    },
  };
  return { tries: new Tries(options, clock), waits, pass: (milliseconds: number) => (now += milliseconds) };
}

describe('the tries of a piece of work', () => {
  test('are three, with waits that double', async () => {
    const { tries, waits } = triesWith({});
    expect(await tries.next(undefined)).toBeUndefined();
    expect(await tries.next(undefined)).toBeUndefined();
    expect(await tries.next(undefined)).toBe('tries');
    expect(waits).toEqual([10, 20]);
    expect(tries.made).toBe(3);
  });

  test('wait a random part of that, and never longer than the longest wait', async () => {
    const { tries, waits } = triesWith({ tries: 6, backoff: 100, maxBackoff: 350 }, 0.5);
    while ((await tries.next(undefined)) === undefined);
    expect(waits).toEqual([50, 100, 175, 175, 175]);
  });

  test('end when the next would begin beyond the budget', async () => {
    const { tries, waits, pass } = triesWith({ tries: 100, budget: 40 });
    expect(await tries.next(undefined)).toBeUndefined();
    pass(10);
    expect(await tries.next(undefined)).toBeUndefined();
    expect(await tries.next(undefined)).toBe('budget');
    expect(waits).toEqual([10, 20]);
  });

  test('do not wait where there is no back-off', async () => {
    const { tries, waits } = triesWith({ backoff: 0 });
    expect(await tries.next(undefined)).toBeUndefined();
    expect(waits).toEqual([]);
  });

  test('end with the reason of a signal that is aborted before or during a wait', async () => {
    const reason = new Error('enough');
    const controller = new AbortController();
    const waiting = new Tries({ backoff: 1e9, maxBackoff: 1e9 }).next(controller.signal);
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await expect(new Tries({}).next(controller.signal)).rejects.toBe(reason);
  });

  test.each([
    [{ tries: 0 }, 'tries'],
    [{ tries: 1.5 }, 'tries'],
    [{ backoff: -1 }, 'backoff'],
    [{ maxBackoff: Number.NaN }, 'maxBackoff'],
    [{ budget: Infinity }, 'budget'],
  ])('are refused with %o', (options, argument) => {
    expect(() => new Tries(options)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT', argument }));
  });
});
