import { defineDecider, defineEvents, payload } from 'mink';
import { createMemoryStore } from 'mink/memory';
import { expect, test } from 'vitest';
import { createConsole } from '../src/index.ts';
import { memoryAudit } from './support/audit.ts';
import { createClient } from './support/client.ts';

const TOKEN = 'a-token-of-ada-01';
const EVENTS = 10_000;

async function open(text = '') {
  const events = defineEvents({ Added: payload<{ text: string }>() });
  const folded = { times: 0 };
  const counter = defineDecider({
    category: 'Counter',
    events,
    initialState: () => ({ count: 0, text: '' }),
    evolve: ({ count }, event) => {
      folded.times += 1;
      return { count: count + 1, text: event.data.text };
    },
    decide: () => [],
  });
  const store = createMemoryStore({ categories: { Counter: events } });
  const added = Array.from({ length: 1_000 }, () => events.Added({ text }));
  const admin = createConsole({
    store,
    deciders: [counter],
    access: { tokens: [{ token: TOKEN, name: 'Ada', role: 'viewer', payloads: 'full' }] },
  });
  return { folded, store, added, client: createClient(admin, TOKEN) };
}

test('a stream of ten thousand events is paged through without folding any of them twice', async () => {
  const { folded, store, added, client } = await open();
  for (let at = 0; at < EVENTS; at += added.length) await store.append('Counter-1', added);
  const versions: number[] = [];
  let next: number | undefined = 1;
  while (next !== undefined) {
    const { body } = await client.get(`/api/streams/Counter-1/states?from=${next}&limit=200`);
    for (const { event } of body.steps) versions.push(event.streamVersion);
    next = body.next;
  }
  expect(versions).toEqual(Array.from({ length: EVENTS }, (_, at) => at + 1));
  expect(folded.times).toBe(EVENTS);
});

test('a page ends where its answer would be too long, and the next one begins behind it', async () => {
  const { store, added, client } = await open('x'.repeat(100_000));
  await store.append('Counter-1', added.slice(0, 60));
  for (const what of ['events', 'states']) {
    const path = `/api/streams/Counter-1/${what}?limit=200`;
    const masked = (await client.get(path)).body;
    expect(masked[what === 'events' ? 'events' : 'steps']).toHaveLength(60);
    const versions: number[] = [];
    let next: number | undefined = 1;
    while (next !== undefined) {
      const { body, text } = await client.get(`${path}&payloads=full&from=${next}`);
      expect(text.length).toBeLessThan(5_000_000);
      for (const it of body.events ?? body.steps) versions.push((it.event ?? it).streamVersion);
      next = body.next;
    }
    expect(versions).toEqual(Array.from({ length: 60 }, (_, at) => at + 1));
  }
  expect((await client.get('/api/streams/Counter-1/states?from=61')).body).toEqual({ steps: [] });
  expect((await client.get('/api/streams/Counter-1/states?from=9999999')).body).toEqual({ steps: [] });
});

test('what led to an event that the code fails at is shown, and its error as far as somebody may see it', async () => {
  const events = defineEvents({ Added: payload<{ text: string }>() });
  const fragile = defineDecider({
    category: 'Counter',
    events,
    initialState: () => ({ count: 0 }),
    evolve: ({ count }, { data }) => {
      if (data.text !== '') throw new Error(`cannot count "${data.text}"`);
      return { count: count + 1 };
    },
    decide: () => [],
  });
  const store = createMemoryStore({ categories: { Counter: events } });
  await store.append(
    'Counter-1',
    ['', '', '', 'swordfish'].map((text) => events.Added({ text })),
  );
  const audit = memoryAudit();
  const admin = createConsole({
    store,
    deciders: [fragile],
    audit: audit.log,
    access: { tokens: [{ token: TOKEN, name: 'Ada', role: 'viewer', payloads: 'full' }] },
  });
  const client = createClient(admin, TOKEN);
  const states = '/api/streams/Counter-1/states';
  expect((await client.get(states)).body).toMatchObject({ steps: [{}, {}, { event: { streamVersion: 3 } }], next: 4 });
  const masked = await client.get(`${states}?from=4`);
  expect(masked).toMatchObject({ status: 422, body: { code: 'EVOLVE_FAILED' } });
  expect(masked.text).not.toContain('swordfish');
  expect(audit.entries).toEqual([]);
  expect((await client.get(`${states}?from=4&payloads=full`)).text).toContain('swordfish');
  expect(audit.entries).toMatchObject([{ kind: 'view', userId: 'Ada', details: { code: 'EVOLVE_FAILED' } }]);
  audit.state.isFailing = true;
  expect((await client.get(`${states}?from=4&payloads=full`)).text).not.toContain('swordfish');
});
