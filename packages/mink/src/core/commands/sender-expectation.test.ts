import { beforeEach, describe, expect, test } from 'vitest';
import { createMemoryStore } from '../../memory/index.ts';
import { defineEvents } from '../events/define-events.ts';
import { payload } from '../events/event-schema.ts';
import type { ExpectedVersion } from '../expected-version.ts';
import type { AppendEntry } from '../store/append-types.ts';
import type { EventStore } from '../store/event-store.ts';
import { createCommandBus } from './bus.ts';
import { defineCommands } from './define-messages.ts';
import { commandHandlers } from './handlers.ts';
import { retry } from './middleware/retry.ts';

const events = defineEvents({ Noted: payload<null>() });
const categories = { Note: events };
const commands = defineCommands({ Note: payload<null>() });
const noted = [events.Noted(null)];

let store: EventStore<typeof categories>;

beforeEach(async () => {
  store = createMemoryStore({ categories });
  await store.append('Note-1', [...noted, ...noted]);
});

/** Sends a command whose handler function appends this, and says what it came to. */
async function send(expectedVersion: ExpectedVersion, ...append: readonly AppendEntry<typeof categories>[]) {
  let asked = 0;
  const handler = () => {
    asked += 1;
    return { append };
  };
  const handlers = [commandHandlers(commands, { Note: handler }, { backoff: 0 })];
  const bus = createCommandBus(store, { handlers, middleware: [retry({ backoff: 0 })] });
  const outcome = await bus.dispatch(commands.Note(null), { expectedVersion }).then(
    ({ streams }) => streams.map(({ streamVersion }) => streamVersion),
    (error: unknown) => error,
  );
  return { asked, outcome };
}

const conflict = { code: 'CONCURRENCY_CONFLICT', streamName: 'Note-1', actualVersion: 2 };

describe('what the sender expects of the stream, where a handler function appends to one', () => {
  test.each(['any', 'stream_exists', 2] as const)('%s is met', async (expected) => {
    const { outcome } = await send(expected, { streamName: 'Note-1', events: noted });
    expect(outcome).toEqual([3]);
  });

  test.each(['no_stream', 1, 3] as const)('%s is a conflict, which is not tried again', async (expected) => {
    const { outcome, asked } = await send(expected, { streamName: 'Note-1', events: noted });
    expect([outcome, asked]).toEqual([expect.objectContaining({ ...conflict, expectedVersion: expected }), 1]);
    expect((await store.streamInfo('Note-1'))?.version).toBe(2);
  });

  test('counts where the handler has decided on another version', async () => {
    const decided = { streamName: 'Note-1', events: noted, expectedVersion: 2 } as const;
    expect((await send(1, decided)).outcome).toMatchObject({ ...conflict, expectedVersion: 1 });
    expect((await send(2, decided)).outcome).toEqual([3]);
  });

  test('and where the stream has moved on since it decided', async () => {
    const { outcome, asked } = await send(1, { streamName: 'Note-1', events: noted, expectedVersion: 1 });
    expect([outcome, asked]).toEqual([expect.objectContaining({ ...conflict, expectedVersion: 1 }), 1]);
    const lost = await send('stream_exists', { streamName: 'Note-1', events: noted, expectedVersion: 1 });
    expect([lost.outcome, lost.asked]).toEqual([expect.objectContaining({ code: 'CONFLICT_NOT_RESOLVED' }), 3]);
  });

  test('is not about what appends nothing, or to several streams', async () => {
    expect((await send(7)).outcome).toEqual([]);
    const both = [
      { streamName: 'Note-1', events: noted },
      { streamName: 'Note-2', events: noted },
    ] as const;
    expect((await send(7, ...both)).outcome).toEqual([3, 1]);
  });

  test('that is no version is refused', async () => {
    expect((await send(-1, { streamName: 'Note-1', events: noted })).outcome).toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  });
});
