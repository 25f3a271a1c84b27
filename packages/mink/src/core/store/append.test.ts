import { describe, expect, test } from 'vitest';
import { MemoryStorage } from '../../memory/memory-storage.ts';
import type { AppendCommand, AppendOutcome } from '../storage/event-storage.ts';
import { createEventStore } from './event-store.ts';

/** A storage that answers every append with this, and keeps the commands it was given. */
class Answering extends MemoryStorage {
  readonly #answer: AppendOutcome | Error;
  readonly commands: AppendCommand[] = [];

  constructor(answer: AppendOutcome | Error) {
    super(() => 0);
    this.#answer = answer;
  }

  override async append(command: AppendCommand): Promise<AppendOutcome> {
    this.commands.push(command);
    if (this.#answer instanceof Error) throw this.#answer;
    return this.#answer;
  }
}

const event = { type: 'Counted', data: 1 };
const conflict: AppendOutcome = { status: 'conflict', streamName: 'Order-2', actualVersion: 7 };

describe('what a storage answers to an append', () => {
  test('conflict becomes an error with the expectation of that stream', async () => {
    const append = createEventStore(new Answering(conflict)).appendMany([
      { streamName: 'Order-1', events: [event], expectedVersion: 1 },
      { streamName: 'Order-2', events: [event], expectedVersion: 5 },
    ]);
    await expect(append).rejects.toMatchObject({
      code: 'CONCURRENCY_CONFLICT',
      streamName: 'Order-2',
      expectedVersion: 5,
      actualVersion: 7,
    });
  });

  test('mismatch becomes an error with the ids', async () => {
    const storage = new Answering({ status: 'mismatch', streamName: 'Order-1', eventIds: ['x'] });
    await expect(createEventStore(storage).append('Order-1', [event])).rejects.toMatchObject({
      code: 'IDEMPOTENCY_MISMATCH',
      streamName: 'Order-1',
      eventIds: ['x'],
    });
  });

  test.each(['archived', 'tombstoned'] as const)('%s becomes an error with that state', async (state) => {
    const storage = new Answering({ status: 'closed', streamName: 'Order-1', state });
    await expect(createEventStore(storage).append('Order-1', [event])).rejects.toMatchObject({
      code: 'STREAM_CLOSED',
      streamName: 'Order-1',
      state,
    });
  });

  test('an error comes out as it is', async () => {
    const error = new Error('reset');
    await expect(createEventStore(new Answering(error)).append('Order-1', [event])).rejects.toBe(error);
  });
});

describe('what a storage is asked for', () => {
  const id = '00000000-0000-7000-8000-00000000000A';
  const lower = id.toLowerCase();

  test('is checked, complete and frozen', async () => {
    const storage = new Answering(conflict);
    const store = createEventStore(storage, { newId: () => id });
    const zero = { type: 'Zero', data: { n: -0 } };
    await expect(store.append('Order-1-2', [event, zero], { metadata: { userId: 'u' } })).rejects.toThrow('Order-2');
    const shared = { id: lower, schemaVersion: 1, metadata: { userId: 'u' } };
    expect(storage.commands).toEqual([
      {
        mayBeRepeated: false,
        entries: [
          {
            streamName: 'Order-1-2',
            category: 'Order',
            expectedVersion: 'any',
            events: [
              { ...shared, type: 'Counted', data: 1, hasNegativeZero: false },
              { ...shared, type: 'Zero', data: { n: -0 }, hasNegativeZero: true },
            ],
          },
        ],
      },
    ]);
    const [first] = storage.commands[0]?.entries[0]?.events ?? [];
    expect(Object.isFrozen(first?.metadata)).toBe(true);
  });

  test('may be a repeat only when the caller gave the ids', async () => {
    const storage = new Answering(conflict);
    await expect(createEventStore(storage).append('Order-1', [{ ...event, id }])).rejects.toThrow('Order-2');
    expect(storage.commands).toMatchObject([{ mayBeRepeated: true, entries: [{ events: [{ id: lower }] }] }]);
  });

  test.each([
    [
      'the same id twice, in whatever case',
      [
        { ...event, id },
        { ...event, id: lower },
      ],
      'two of them have the same id',
    ],
    ['an id for some', [{ ...event, id }, event], 'some have an id and some do not'],
  ])('never holds %s', async (_what, events, message) => {
    const storage = new Answering(conflict);
    await expect(createEventStore(storage).append('Order-1', events)).rejects.toThrow(message);
    expect(storage.commands).toEqual([]);
  });

  test.each([
    ['no entry', [], 'entries: is empty'],
    [
      'a stream twice',
      [
        { streamName: 'A-1', events: [event] },
        { streamName: 'A-1', events: [event] },
      ],
      'stream "A-1" comes twice',
    ],
    [
      'checks only',
      [
        { streamName: 'A-1', expectedVersion: 1 },
        { streamName: 'A-2', expectedVersion: 0 },
      ],
      'no events to append to stream "A-1, A-2"',
    ],
    ['an empty list of events', [{ streamName: 'A-1', events: [] }], 'no events to append to stream "A-1"'],
    [
      'an expectation that is none',
      [{ streamName: 'A-1', events: [event], expectedVersion: -1 }],
      'expectedVersion: -1 is not a version',
    ],
  ])('never holds %s', async (_what, entries, message) => {
    const storage = new Answering(conflict);
    await expect(createEventStore(storage).appendMany(entries)).rejects.toThrow(message);
    expect(storage.commands).toEqual([]);
  });
});
