import { createEventStore, createProjectionEngine, defineDecider, defineProjection, documents } from 'mink';
import { expect, test } from 'vitest';
import { toList, toSegment } from '../src/api-paths.ts';
import { createConsole } from '../src/index.ts';
import { cart, cartEvents, openCarts, projectCarts, summary } from './support/carts.ts';
import { createClient } from './support/client.ts';
import { describeStorages } from './support/storages.ts';

const TOKEN = 'a-token-of-ada-01';

/** Ids as mink stores them, and as somebody who means harm would choose them. */
const IDS = [
  'a/b',
  '.',
  '..',
  '../../api/session',
  '%',
  '%2F',
  '%25',
  '?a=b#c',
  '+ +',
  ' ',
  'a,b',
  '\\',
  '"',
  '\u0085',
  '\u2028',
  '\u202Eevil',
  '😀',
  '__proto__',
  '漢'.repeat(507),
  '"'.repeat(507),
];

/** Keys of a read model are free: these are no stream's. */
const KEYS = ['.', '..', '~', '~.', '~~', '%2E', 'a/..'];

/** A state that can be a snapshot. */
const counted = defineDecider({
  category: 'Cart',
  events: cartEvents,
  snapshots: { schemaVersion: 1 },
  initialState: () => ({ events: 0 }),
  evolve: ({ events }) => ({ events: events + 1 }),
  decide: () => [],
});

describeStorages('whatever a stream is called', (open) => {
  test('it is found, read, and paged through', async () => {
    const storage = await open();
    const store = openCarts(storage);
    const { ItemAdded, Cursed } = cartEvents;
    for (const id of IDS)
      await store.append(`Cart-${id}`, [ItemAdded({ sku: id, quantity: 1 }), Cursed({ spell: id })]);
    await projectCarts(store);
    expect(await createEventStore(storage).snapshots.create(counted, { minEvents: 1 })).toMatchObject({
      created: IDS.length,
    });
    const access = { tokens: [{ token: TOKEN, name: 'Ada', role: 'admin', payloads: 'full' } as const] };
    const admin = createConsole({ store, projections: [summary], deciders: [cart], access });
    const client = createClient(admin, TOKEN);
    for (const id of IDS) {
      const streamName = `Cart-${id}`;
      const encoded = encodeURIComponent(streamName);
      for (const path of [`/api/streams/${encoded}/events`, `/api/events?stream=${encoded}`]) {
        expect((await client.get(path)).body.events, path).toMatchObject([{ streamName }, { streamName }]);
      }
      expect((await client.get(`/api/streams/${encoded}/states`)).body.steps).toHaveLength(2);
      expect((await client.get(`/api/streams?search=${encoded}&limit=1`)).body.streams).toMatchObject([{ streamName }]);
      const parked = await client.get(`/api/dead-letters/cart-summary/1/${encoded}`);
      expect(parked.body.key).toMatchObject({ key: streamName });
    }
    const pages = async (path: string, items: string): Promise<number> => {
      let count = 0;
      for (let next: string | undefined = ''; next !== undefined;) {
        const after = next === '' ? '' : `&after=${encodeURIComponent(next)}`;
        const { status, body } = await client.get(`${path}?limit=1${after}`);
        expect({ path, status, next }).toMatchObject({ status: 200 });
        count += body[items].length;
        next = body.next;
      }
      return count;
    };
    expect(await pages('/api/dead-letters', 'keys')).toBe(IDS.length);
    expect(await pages('/api/streams', 'streams')).toBe(IDS.length);
    expect(await pages('/api/snapshots', 'snapshots')).toBe(IDS.length);
    await admin.close();
    await store.close();
  });
});

describeStorages('whatever categories and types are called', (open) => {
  test('their events are found among others, also where the names hold what lists are made with', async () => {
    const names = ['a', 'b', 'a,b', '%', '%2C', 'a b', '\\,'];
    const store = createEventStore(await open());
    for (const name of names) await store.append(`${name}-1`, [{ type: name, data: null }]);
    const access = { tokens: [{ token: TOKEN, name: 'Ada', role: 'admin', payloads: 'full' } as const] };
    const admin = createConsole({ store, access });
    const client = createClient(admin, TOKEN);
    const found = async (filter: 'categories' | 'types', wanted: readonly string[]) => {
      const { body } = await client.get(`/api/events?${filter}=${encodeURIComponent(toList(wanted))}`);
      return body.events.map(({ type }: { type: string }) => type);
    };
    for (const filter of ['categories', 'types'] as const) {
      for (const name of names) expect(await found(filter, [name])).toEqual([name]);
      expect((await found(filter, ['a,b', '%2C'])).toSorted()).toEqual(['%2C', 'a,b']);
    }
    expect(await client.get('/api/events?types=%25')).toMatchObject({ status: 400 });
    await admin.close();
    await store.close();
  });
});

/** As {@link summary}, by what its events say. */
const bySpell = defineProjection({
  name: 'spells',
  version: 1,
  events: { Cart: cartEvents },
  readModel: documents<object>(),
  key: ({ data }) => (data !== null && 'spell' in data ? data.spell : null),
}).on({
  Cursed: () => {
    throw new Error('cannot be borne');
  },
});

describeStorages('whatever a key is called', (open) => {
  test('its events are found and discarded, by the path that browsers and servers leave as it is', async () => {
    const store = openCarts(await open());
    for (const spell of KEYS) await store.append('Cart-1', [cartEvents.Cursed({ spell })]);
    const engine = createProjectionEngine(store, [bySpell], { tries: 1, backoff: 1 });
    await engine.catchUp();
    await engine.close();
    const access = { tokens: [{ token: TOKEN, name: 'Ada', role: 'admin', payloads: 'full' } as const] };
    const admin = createConsole({ store, projections: [bySpell], isReadOnly: false, access });
    const client = createClient(admin, TOKEN);
    for (const key of KEYS) {
      const path = `/api/dead-letters/spells/1/${toSegment(key)}`;
      expect((await client.get(path)).body.key, path).toMatchObject({ key, events: 1 });
      const { body } = await client.post(`${path}/discard`, { confirm: 1, reason: 'a test' });
      expect(body, path).toMatchObject({ discarded: 1 });
    }
    expect((await client.get('/api/dead-letters')).body.keys).toEqual([]);
    await admin.close();
    await store.close();
  });
});
