import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { defineDecider, defineEvents, payload, renamedTo, upcastFrom, type AnyEvents } from '../core/index.ts';
import { createTestStore } from './create-test-store.ts';
import { readStored } from './read-stored.ts';

const events = defineEvents(
  {
    Named: upcastFrom(payload<{ text: string }>())
      .to(2, ({ text }) => ({ name: text }))
      .now(z.object({ name: z.string() })),
  },
  { past: { Called: renamedTo('Named') } },
);

describe('a test store', () => {
  test('has a clock that stands still, and ids that count up', async () => {
    const { store, clock } = createTestStore({ categories: { Note: events } });
    const first = await store.append('Note-1', [events.Named({ name: 'a' })]);
    expect(first.events[0]).toMatchObject({
      id: '00000000-0000-7000-8000-000000000001',
      recordedAt: new Date('2026-01-01T00:00:00Z'),
    });
    clock.advance(86_400_000);
    const second = await store.append('Note-1', [events.Named({ name: 'b' })]);
    expect(second.events[0]).toMatchObject({
      id: '00000000-0000-7000-8000-000000000002',
      recordedAt: new Date('2026-01-02T00:00:00Z'),
    });
    clock.set(new Date('2027-01-01'));
    expect(clock.now).toEqual(new Date('2027-01-01'));
    const note = defineDecider({
      category: 'Note',
      events,
      initialState: () => '',
      evolve: (_, it) => it.data.name,
      decide: () => [],
    });
    const until = { time: new Date('2026-01-01T12:00:00Z') };
    expect((await store.load(note, '1', { until })).state).toBe('a');
  });

  test('may begin at any time, and takes any event without categories', async () => {
    const { store } = createTestStore({ start: new Date(5) });
    const { events: stored } = await store.append('Any-1', [{ type: 'Thing', data: 1 }]);
    expect(stored[0]?.recordedAt).toEqual(new Date(5));
  });
});

describe('readStored', () => {
  test('shows what a stored event says today', () => {
    expect(readStored(events, { type: 'Named', data: { text: 'Ada' } })).toEqual([events.Named({ name: 'Ada' })]);
    expect(readStored(events, { type: 'Called', data: { name: 'Ada' }, schemaVersion: 2 })).toEqual([
      { type: 'Named', data: { name: 'Ada' } },
    ]);
  });

  test('throws what a store would throw', () => {
    const read = (type: string, data: never) => () => readStored<AnyEvents>(events, { type, data });
    expect(read('Nope', {} as never)).toThrow(expect.objectContaining({ code: 'UNKNOWN_EVENT_TYPE' }));
    expect(read('Named', { text: 5 } as never)).toThrow(expect.objectContaining({ code: 'INVALID_EVENT_DATA' }));
    expect(read('Named', null as never)).toThrow(expect.objectContaining({ code: 'UPCAST_FAILED' }));
  });
});
