import { expect, test } from 'vitest';
import { createMemoryStore } from '../../memory/index.ts';
import {
  collectIncident,
  createProjectionEngine,
  defineDecider,
  defineEvents,
  defineProjection,
  documents,
  payload,
  type JsonObject,
} from '../index.ts';

const events = defineEvents({ Named: payload<{ name: string; isBad?: boolean }>() });
const person = defineDecider({
  category: 'Person',
  events,
  initialState: (): JsonObject => ({}),
  evolve: (state, { data }) => {
    if (data.isBad === true) throw new Error(`no place for ${data.name}, that is ${data.name.toUpperCase()}`);
    return { ...state, [`${data.name.toLowerCase().replace(' ', '.')}@example.com`]: 1 };
  },
  decide: () => [],
});
const people = defineProjection({
  name: 'people',
  events: { Person: events },
  readModel: documents<{ last: string }>(),
}).on({
  Named: (row, { data }) => {
    if (data.isBad === true) throw new Error(`comes after ${row?.last ?? ''}: ${data.name}`);
    return { last: `Dr. ${data.name}` };
  },
});

test.each(['masked', 'none'] as const)('errors tell nothing of payloads that are %s', async (payloads) => {
  await using store = createMemoryStore({ categories: { Person: events } });
  await store.append('Person-1', [
    events.Named({ name: 'Ada Lovelace' }),
    events.Named({ name: 'Grace Hopper', isBad: true }),
  ]);
  await using engine = createProjectionEngine(store, [people], { tries: 1 });
  await engine.start();
  await engine.waitFor(2).catch(() => undefined);
  const { incident } = await collectIncident(
    store,
    { streamName: 'Person-1' },
    { folds: [person], projections: [people], payloads },
  );
  const { incident: before } = await collectIncident(
    store,
    { streamName: 'Person-1', streamVersion: 1 },
    { folds: [person], payloads },
  );
  expect(incident.folds[0]?.error?.message).toMatch(/no place for/u);
  expect(incident.projections[0]?.keys[0]?.parked?.error).toMatch(/comes after/u);
  expect(JSON.stringify([incident, before])).not.toMatch(/\bada\b|lovelace|grace|hopper/iu);
});
