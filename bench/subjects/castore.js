// Castore with its PostgreSQL adapter. It has no subscription: there is no order over its streams.
import { readFileSync } from 'node:fs';
import { EventStore, eventAlreadyExistsErrorCode, EventType } from '@castore/core';
import { PostgresEventStorageAdapter } from '@castore/event-storage-adapter-postgres';
import { Client } from 'pg';
import { CATEGORY, emptyState, EVENT_TYPE, fold } from '../lib/payload.js';

function installedVersion(name) {
  return JSON.parse(readFileSync(new URL(`../node_modules/${name}/package.json`, import.meta.url), 'utf8')).version;
}

export const settings = {
  version: installedVersion('@castore/event-storage-adapter-postgres'),
  driver: `postgres ${installedVersion('postgres')}`,
  append: 'pushEvent; several events with EventStore.pushEventGroup',
  connections: 'as many as writers, at most 64 (`?max=` of the connection string)',
  feed: 'none',
};

export const lacksFeed = 'Castore has no subscription to its PostgreSQL adapter';

export async function open({ url, workers }) {
  // The driver counts only its own options, and takes them from the URL.
  const connectionString = `${url}?max=${Math.min(Math.max(workers, 1), 64)}`;
  const store = new EventStore({
    eventStoreId: CATEGORY,
    eventTypes: [new EventType({ type: EVENT_TYPE })],
    reducer: (aggregate, event) => ({
      ...fold(aggregate ?? emptyState(), event.payload),
      aggregateId: event.aggregateId,
      version: event.version,
    }),
    eventStorageAdapter: new PostgresEventStorageAdapter({ connectionString }),
  });

  async function push(aggregateId, version, events) {
    const details = events.map((event, index) => ({
      aggregateId,
      version: version + index + 1,
      type: event.type,
      payload: event.data,
      metadata: event.metadata,
    }));
    const [first] = details;
    if (details.length === 1) await store.pushEvent(first);
    else await EventStore.pushEventGroup(...details.map((detail) => store.groupEvent(detail)));
  }

  return {
    async setUp() {
      await PostgresEventStorageAdapter.createEventTable({ connectionString: url });
    },
    append: (streamId, events) => push(streamId, 0, events),
    async versionOf(streamId) {
      const { events } = await store.getEvents(streamId, { reverse: true, limit: 1 });
      return events[0]?.version ?? 0;
    },
    async appendAt(streamId, version, events) {
      try {
        await push(streamId, version, events);
        return true;
      } catch (error) {
        if (error.code === eventAlreadyExistsErrorCode) return false;
        throw error;
      }
    },
    async load(streamId) {
      const { aggregate } = await store.getAggregate(streamId);
      return aggregate.version;
    },
    async countEvents() {
      const client = new Client({ connectionString: url });
      await client.connect();
      const { rows } = await client.query('select count(*)::int as count from event');
      await client.end();
      return rows[0].count;
    },
    // The adapter keeps its driver to itself: the process ends instead.
    close: async () => undefined,
  };
}
