import { describe, expect, test } from 'vitest';
import { EventSequence } from './event-sequence.ts';

/** Counts how many pages were read, and whether the reading was ended. */
function pagesOf(pages: readonly (readonly number[])[]) {
  const log = { started: 0, read: 0, ended: 0 };
  const sequence = new EventSequence(async function* () {
    log.started += 1;
    try {
      for (const page of pages) {
        log.read += 1;
        yield page;
      }
    } finally {
      log.ended += 1;
    }
  });
  return { sequence, log };
}

describe('a sequence of events', () => {
  test('gives the events of all its pages in order', async () => {
    const { sequence } = pagesOf([[1, 2], [], [3]]);
    const seen: number[] = [];
    for await (const event of sequence) seen.push(event);
    expect(seen).toEqual([1, 2, 3]);
    expect(await sequence.toArray()).toEqual([1, 2, 3]);
  });

  test('gives the pages as they were read', async () => {
    const pages: (readonly number[])[] = [];
    for await (const page of pagesOf([[1, 2], [3]]).sequence.pages()) pages.push(page);
    expect(pages).toEqual([[1, 2], [3]]);
  });

  test('reads nothing before it is asked, and anew each time', async () => {
    const { sequence, log } = pagesOf([[1]]);
    expect(log.started).toBe(0);
    await sequence.toArray();
    await sequence.toArray();
    expect(log.started).toBe(2);
  });

  test('reads no page ahead of the one in use', async () => {
    const { sequence, log } = pagesOf([[1, 2], [3], [4]]);
    const read: number[] = [];
    for await (const event of sequence) {
      expect(event).toBeGreaterThan(0);
      read.push(log.read);
    }
    expect(read).toEqual([1, 1, 2, 3]);
  });

  test('ends the reading when its loop is left', async () => {
    const { sequence, log } = pagesOf([[1], [2]]);
    for await (const event of sequence) if (event === 1) break;
    expect(log).toEqual({ started: 1, read: 1, ended: 1 });
  });

  test('the first event is the first there is, past empty pages, and the rest is not read', async () => {
    const { sequence, log } = pagesOf([[], [7, 8], [9]]);
    expect(await sequence.first()).toBe(7);
    expect(log).toEqual({ started: 1, read: 2, ended: 1 });
  });

  test('the first event of an empty sequence is undefined', async () => {
    expect(await pagesOf([]).sequence.first()).toBeUndefined();
    expect(await pagesOf([[]]).sequence.first()).toBeUndefined();
    expect(await pagesOf([]).sequence.toArray()).toEqual([]);
  });

  test('a page may be of any size', async () => {
    const { sequence } = pagesOf([Array.from({ length: 300_000 }, (_, index) => index)]);
    expect((await sequence.toArray()).at(-1)).toBe(299_999);
  });

  test('passes on the error of a page, after the events before it', async () => {
    const sequence = new EventSequence<number>(async function* () {
      yield [1];
      throw new Error('lost');
    });
    const seen: number[] = [];
    await expect(async () => {
      for await (const event of sequence) seen.push(event);
    }).rejects.toThrow('lost');
    expect(seen).toEqual([1]);
    await expect(sequence.toArray()).rejects.toThrow('lost');
  });

  test('answers calls that do not wait for each other in their order, each event once', async () => {
    const { sequence, log } = pagesOf([[1, 2], [], [3], [4]]);
    const events = sequence[Symbol.asyncIterator]();
    const answers = await Promise.all(Array.from({ length: 6 }, () => events.next()));
    expect(answers.map(({ value }) => value)).toEqual([1, 2, 3, 4, undefined, undefined]);
    expect(answers.map(({ done }) => done === true)).toEqual([false, false, false, false, true, true]);
    expect(log).toEqual({ started: 1, read: 4, ended: 1 });
  });

  test('is over for good once it was ended, also in the middle of a page, and for calls that came before', async () => {
    const { sequence, log } = pagesOf([[1, 2], [3]]);
    const events = sequence[Symbol.asyncIterator]();
    const first = events.next();
    const ended = events.return();
    const late = events.next();
    expect(await Promise.all([first, ended, late])).toEqual([
      { value: 1, done: false },
      { value: undefined, done: true },
      { value: undefined, done: true },
    ]);
    expect(await events.next()).toEqual({ value: undefined, done: true });
    expect(log).toEqual({ started: 1, read: 1, ended: 1 });
  });

  test('that is thrown into ends the reading and fails with that error, and is over then', async () => {
    const { sequence, log } = pagesOf([[1, 2]]);
    const events = sequence[Symbol.asyncIterator]();
    await events.next();
    await expect(events.throw(new Error('enough'))).rejects.toThrow('enough');
    expect(await events.next()).toEqual({ value: undefined, done: true });
    expect(log.ended).toBe(1);
  });

  test('is over after an error', async () => {
    const sequence = new EventSequence<number>(async function* () {
      yield [1];
      throw new Error('lost');
    });
    const events = sequence[Symbol.asyncIterator]();
    const answers = await Promise.allSettled([events.next(), events.next(), events.next()]);
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(answers[2]).toMatchObject({ value: { done: true } });
  });

  test('ends the reading at the end of its scope', async () => {
    const { sequence, log } = pagesOf([[1], [2]]);
    {
      await using events = sequence[Symbol.asyncIterator]();
      expect((await events.next()).value).toBe(1);
    }
    expect(log).toEqual({ started: 1, read: 1, ended: 1 });
  });
});
