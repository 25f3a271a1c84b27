import { deepStrictEqual, ok, rejects, strictEqual } from 'node:assert';
import { test } from 'vitest';
import {
  commandHandlers,
  createCommandBus,
  createEventStore,
  defineCommands,
  payload,
  timeout,
} from '../../src/index.ts';
import type { EventStorage } from '../../src/index.ts';
import { createMemoryStorage } from '../../src/memory/index.ts';
import { createPostgresStorage } from '../../src/postgres/index.ts';
import { describePostgres, openClient } from '../support/databases.ts';
import { storageWith } from '../support/storage-with.ts';

const commands = defineCommands({ Note: payload<{ stream: string }>() });

/** A bus that appends to a storage, and gives up after 50 ms. */
function noting(storage: EventStorage) {
  const store = createEventStore(storage);
  const handlers = [
    commandHandlers(commands, {
      Note: ({ data }) => ({ append: [{ streamName: data.stream, events: [{ type: 'Noted', data: {} }] }] }),
    }),
  ];
  return { store, bus: createCommandBus(store, { handlers, middleware: [timeout(50)] }) };
}

describePostgres('timeout', (databases) => {
  test('takes an append back that waits behind another one: it does not happen later', async () => {
    const url = await databases.create();
    const { store, bus } = noting(createPostgresStorage({ url }));
    await store.append('Note-1', [{ type: 'Noted', data: {} }]);
    const holder = await openClient(url);
    await holder.query("begin; select 1 from mink.streams where stream_name = 'Note-1' for update");
    const sent = store.append('Note-1', [{ type: 'Noted', data: {} }]);
    await rejects(bus.dispatch(commands.Note({ stream: 'Note-1' })), { code: 'MESSAGE_TIMEOUT' });
    await holder.query('rollback');
    await holder.end();
    strictEqual((await sent).streamVersion, 2);
    // Behind whatever might still wait for the stream.
    strictEqual((await store.append('Note-1', [{ type: 'Noted', data: {} }])).streamVersion, 3);
    await store.close();
  });

  test('a storage that only knows signals gets one, and it is aborted', async () => {
    const given: (AbortSignal | undefined)[] = [];
    // In memory: to read before may take a database longer than the bus has patience.
    const { store, bus } = noting(
      storageWith(createMemoryStorage(), {
        append: (_command, options) => {
          given.push(options?.signal);
          return new Promise(() => undefined);
        },
      }),
    );
    await rejects(bus.dispatch(commands.Note({ stream: 'Note-1' })), { code: 'MESSAGE_TIMEOUT' });
    deepStrictEqual(given.length, 1);
    ok(given[0]?.reason.code === 'MESSAGE_TIMEOUT');
    await store.close();
  });
});
