import { describe, expect, test } from 'vitest';
import type { RecordedEvent } from '../storage/event-storage.ts';
import { readAhead, readOneByOne, type ReadPage } from './read-ahead.ts';

function event(globalPosition: number): RecordedEvent {
  return {
    id: `00000000-0000-7000-8000-${String(globalPosition).padStart(12, '0')}`,
    type: 'Counted',
    schemaVersion: 1,
    data: globalPosition,
    metadata: {},
    streamName: 'Order-1',
    category: 'Order',
    streamVersion: globalPosition,
    globalPosition,
    recordedAt: globalPosition,
  };
}

/** Pages of one event each; `read` counts those that were asked for, and `fails` is where the database does. */
function pagesOf(count: number, fails = Infinity) {
  const log = { read: 0 };
  const page =
    (number: number): ReadPage =>
    async () => {
      log.read += 1;
      if (number === fails) throw new Error('lost');
      return { events: [event(number)], next: number < count ? page(number + 1) : undefined };
    };
  return { first: page(1), log };
}

const patient = { signal: undefined, isEager: false };

describe('reading ahead', () => {
  test('begins with the second page: whoever stops at the first has read one', async () => {
    const { first, log } = pagesOf(4);
    for await (const _page of readAhead(first, patient)) break;
    expect(log.read).toBe(1);
  });

  test('reads the next page while one is in use', async () => {
    const { first, log } = pagesOf(4);
    const read: number[] = [];
    for await (const _page of readAhead(first, patient)) read.push(log.read);
    expect(read).toEqual([1, 3, 4, 4]);
  });

  test('begins with the first page for whoever wants everything', async () => {
    const { first, log } = pagesOf(3);
    const read: number[] = [];
    for await (const _page of readAhead(first, { signal: undefined, isEager: true })) read.push(log.read);
    expect(read).toEqual([2, 3, 3]);
  });

  test('throws the error of a page after the pages before it', async () => {
    const seen: number[] = [];
    const reading = async (): Promise<void> => {
      for await (const page of readAhead(pagesOf(4, 3).first, patient)) seen.push(page.length);
    };
    await expect(reading()).rejects.toThrow('lost');
    expect(seen).toEqual([1, 1]);
  });

  test('an error ahead of where somebody stopped is nobody’s', async () => {
    let pages = 0;
    for await (const _page of readAhead(pagesOf(4, 3).first, patient)) {
      pages += 1;
      if (pages === 2) break;
    }
    expect(pages).toBe(2);
  });

  test('hands out no page after it was aborted, not even one that is there', async () => {
    const stop = new AbortController();
    const { first } = pagesOf(4);
    let pages = 0;
    const reading = async (): Promise<void> => {
      for await (const _page of readAhead(first, { signal: stop.signal, isEager: false })) {
        pages += 1;
        if (pages === 2) stop.abort(new Error('enough'));
      }
    };
    await expect(reading()).rejects.toThrow('enough');
    expect(pages).toBe(2);
  });

  test('passes over pages without events', async () => {
    const empty: ReadPage = async () => ({ events: [], next: pagesOf(2).first });
    const seen: number[] = [];
    for await (const page of readAhead(empty, patient)) seen.push(page.length);
    expect(seen).toEqual([1, 1]);
  });
});

test('one by one, nothing is read before it is asked for', async () => {
  const { first, log } = pagesOf(3);
  const read: number[] = [];
  for await (const _page of readOneByOne(first, undefined)) read.push(log.read);
  expect(read).toEqual([1, 2, 3]);
});
