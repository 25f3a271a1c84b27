import {
  causedBy,
  commandHandlers,
  createCommandBus,
  createEventStore,
  createProcessReport,
  createProjectionEngine,
  defineCommands,
  payload,
  recommendedPipeline,
  withMetadata,
  type EventStorage,
} from 'mink';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createConsole, type AccessToken, type Console, type ConsoleOptions } from '../src/index.ts';
import {
  cart,
  CartCount,
  cartEvents,
  curse,
  fillCarts,
  nextSummary,
  openCarts,
  projectCarts,
  SECRET,
  summary,
  type CartStore,
} from './support/carts.ts';
import { createClient } from './support/client.ts';
import { describeStorages } from './support/storages.ts';

const tokens: readonly (AccessToken & { token: string })[] = [
  { token: 'viewer-token-0001', name: 'Vera', role: 'viewer', payloads: 'none' },
  { token: 'operator-token-01', name: 'Otto', role: 'operator' },
  { token: 'admin-token-00001', name: 'Ada', role: 'admin', payloads: 'full' },
];

describeStorages('the console', (open) => {
  let storage: EventStorage;
  let store: CartStore;
  let admin: Console;
  const as = (name: string) => createClient(admin, tokens.find((it) => it.name === name)?.token);
  const start = (options: Partial<ConsoleOptions> = {}): void => {
    admin = createConsole({
      store,
      access: { tokens },
      projections: [summary, nextSummary],
      deciders: [cart],
      aggregates: [CartCount],
      isReadOnly: false,
      lookInterval: 1,
      ...options,
    });
  };

  beforeEach(async () => {
    storage = await open();
    store = openCarts(storage);
    await fillCarts(store);
    await projectCarts(store);
    start();
  });
  afterEach(async () => {
    await admin.close();
    await store.close();
  });

  test('says who one is, and what may not be done', async () => {
    const nobody = await createClient(admin).get('/api/session');
    expect(nobody.body).toMatchObject({ canSignIn: true, folds: [] });
    expect(nobody.body.user).toBeUndefined();
    const { body } = await as('Otto').get('/api/session');
    expect(body).toMatchObject({
      user: { name: 'Otto', role: 'operator', payloads: 'masked' },
      isReadOnly: false,
      refusals: { discard: expect.stringContaining('admin'), reset: expect.any(String), retire: expect.any(String) },
      folds: [
        { category: 'Cart', name: 'Cart' },
        { category: 'Cart', name: 'CartCount' },
      ],
    });
  });

  test('gives an overview', async () => {
    const { status, body } = await as('Vera').get('/api/overview');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      feed: { position: expect.any(Number), heldBy: [] },
      projections: [
        { name: 'cart-summary', version: 1, hasCode: true, parkedKeys: 1, isLive: true },
        { name: 'cart-summary', version: 2, state: 'stopped' },
      ],
      deadLetters: { keys: 1, events: 2 },
      health: { status: 'degraded' },
      jobs: [],
    });
    expect((await as('Vera').get('/api/samples')).body).toMatchObject([{ deadLetters: 2 }]);
    expect((await as('Vera').get('/api/projections/cart-summary/1')).body).toMatchObject({
      slots: [{}],
      versions: [{}, {}],
    });
  });

  test('shows streams, events, states and why', async () => {
    const ada = as('Ada');
    expect((await ada.get('/api/streams?limit=2')).body).toMatchObject({
      streams: [{ streamName: 'Cart-1', version: 4 }, { streamName: 'Cart-2' }],
      next: 'Cart-2',
    });
    expect((await ada.get('/api/streams/Cart-1')).body).toMatchObject({ version: 4, folds: ['Cart', 'CartCount'] });
    const events = await ada.get('/api/streams/Cart-1/events?payloads=full&limit=2');
    expect(events.body).toMatchObject({ events: [{ data: { sku: 'a' } }, {}], next: 3 });
    const states = await ada.get('/api/streams/Cart-1/states?payloads=full&from=2&limit=2');
    expect(states.body).toMatchObject({
      steps: [
        {
          state: { lines: Object.entries({ a: 1, b: 2 }) },
          changes: expect.arrayContaining([{ path: 'lines.b', after: 2 }]),
        },
        { state: { lines: [] } },
      ],
      next: 4,
    });
    const masked = await ada.get('/api/streams/Cart-1/states?from=2&limit=1');
    expect(masked.body.steps, 'keys of maps are values').toMatchObject([
      {
        state: { lines: [['‹string›', '‹number›'], {}] },
        changes: [
          { path: 'lines[1]', after: ['‹string›', '‹number›'] },
          { path: 'touched', before: '‹number›' },
        ],
      },
    ]);
    const log = await ada.get('/api/events?limit=3');
    expect(log.body.events).toMatchObject([{ streamName: 'Cart-3' }, { streamName: 'Cart-2' }, { type: 'Cursed' }]);
    const why = await ada.get(`/api/events/${log.body.events[2].globalPosition}/why`);
    expect(why.body).toMatchObject({
      event: { type: 'Cursed' },
      projections: [{ outcome: 'parked' }, { outcome: 'waiting' }],
    });
    expect(why.text).not.toContain(SECRET);
  });

  test('retries, and discards', async () => {
    const [otto, ada] = [as('Otto'), as('Ada')];
    const page = await otto.get('/api/dead-letters');
    expect(page.body).toMatchObject({
      keys: [{ projection: 'cart-summary', key: 'Cart-2', events: 2, hasCode: true }],
    });
    expect(page.text).not.toContain(SECRET);
    const path = '/api/dead-letters/cart-summary/1/Cart-2';
    expect((await otto.get(path)).body.events).toHaveLength(2);
    expect(await otto.post(`${path}/dry-run`)).toMatchObject({ status: 200, body: { applied: 0, left: 2 } });
    curse.isLifted = true;
    expect(await otto.post(`${path}/dry-run`)).toMatchObject({ status: 200, body: { applied: 2, left: 0 } });
    expect(await otto.post(`${path}/retry`, { confirm: 3 })).toMatchObject({
      status: 409,
      body: { code: 'COUNT_CHANGED', count: 2 },
    });
    expect(await otto.post(`${path}/discard`, { confirm: 2, reason: 'test' })).toMatchObject({ status: 403 });
    expect(await otto.post(`${path}/retry`, { confirm: 2 })).toMatchObject({
      status: 200,
      body: { applied: 2, left: 0 },
    });
    expect(await ada.post(`${path}/discard`, { confirm: 2, reason: 'test' })).toMatchObject({ status: 404 });
    expect((await otto.get('/api/dead-letters')).body).toEqual({ keys: [] });
  });

  test('builds, compares, switches, rolls back and retires a version', async () => {
    const ada = as('Ada');
    const path = '/api/projections/cart-summary';
    expect(await ada.run(`${path}/2/plan`)).toMatchObject({ body: { state: 'done', result: { events: 6 } } });
    expect(await ada.run(`${path}/2/build`)).toMatchObject({ body: { state: 'done', result: { version: 2 } } });
    const compared = await ada.run(`${path}/2/compare`);
    expect(compared.body).toMatchObject({ state: 'done', result: { isSame: false, tables: [{ changed: 2 }] } });
    expect(compared.text).not.toContain(SECRET);
    expect(await ada.post(`${path}/2/switch`, { confirm: 'other' })).toMatchObject({ body: { code: 'NOT_CONFIRMED' } });
    const forced = { confirm: 'cart-summary', isForced: true };
    expect(await ada.run(`${path}/2/switch`, forced)).toMatchObject({
      body: { state: 'done', result: { from: 1, to: 2 } },
    });
    expect((await ada.get(`${path}/2`)).body).toMatchObject({ isLive: true });
    expect(await ada.run(`${path}/2/rollback`, forced)).toMatchObject({ body: { state: 'done' } });
    expect(await ada.run(`${path}/1/verify`)).toMatchObject({ body: { state: 'done', result: { ok: true } } });
    expect(await ada.run(`${path}/2/retire`, forced)).toMatchObject({ body: { state: 'done' } });
    const { entries } = (await ada.get('/api/audit?kinds=action&type=projections.retire')).body;
    expect(entries).toMatchObject([
      { status: 'succeeded', userId: 'Ada', details: { projection: 'cart-summary', version: 2, client: 'console' } },
      { status: 'attempted', messageId: entries[1].messageId },
    ]);
    const page = (await ada.get('/api/audit?limit=3')).body;
    const next = (await ada.get(`/api/audit?limit=3&before=${page.next}`)).body;
    expect(next.entries[0].id).toBeLessThan(page.entries[2].id);
  });

  test('pauses and resumes', async () => {
    const otto = as('Otto');
    const path = '/api/projections/cart-summary/1';
    expect(await otto.post(`${path}/pause`)).toMatchObject({ status: 200, body: { state: 'paused' } });
    expect(await otto.post(`${path}/resume`)).toMatchObject({ status: 200, body: { state: 'stopped' } });
    expect(await otto.post(`${path}/partition`, { partitions: 4 })).toMatchObject({ body: { wantedPartitions: 4 } });
    expect(await otto.post(`${path}/reset`, { confirm: 'cart-summary' })).toMatchObject({ status: 403 });
    const reset = await as('Ada').post(`${path}/reset`, { confirm: 'cart-summary' });
    expect(reset).toMatchObject({ status: 200, body: { parkedKeys: 0, events: 0 } });
    await createProjectionEngine(store, [summary]).catchUp();
  });

  test('cancels a job, one at a time for each projection, and all of them when it closes', async () => {
    const ada = as('Ada');
    const path = '/api/projections/cart-summary';
    const slow = { rate: 1, batchSize: 1 };
    const { body: job } = await ada.post(`${path}/2/build`, slow);
    expect(job).toMatchObject({ action: 'build', subject: 'cart-summary 2', startedBy: 'Ada', state: 'running' });
    expect(await ada.post(`${path}/1/verify`)).toMatchObject({ status: 409, body: { code: 'JOB_RUNNING' } });
    await expect.poll(async () => (await ada.get(`/api/jobs/${job.id}`)).body.progress).toBeGreaterThan(0);
    expect((await ada.get('/api/overview')).body.jobs).toMatchObject([{ id: job.id, state: 'running' }]);
    const cancelled = await ada.post(`/api/jobs/${job.id}/cancel`);
    expect(cancelled.body).toMatchObject({ state: 'cancelled', error: { code: 'CANCELLED' } });
    expect(await ada.post(`${path}/2/build`, slow)).toMatchObject({ status: 202 });
    await admin.close();
    expect((await store.operations.audit.list({ type: 'projections.build', limit: 4 })).map((it) => it.status)).toEqual(
      ['refused', 'attempted', 'refused', 'attempted'],
    );
    const { state = '' } = (await store.projections.list()).find(({ version }) => version === 2) ?? {};
    expect(state).toBe('stopped');
  });

  test('retries all keys, if there are as many as was said', async () => {
    const otto = as('Otto');
    const path = '/api/dead-letters/cart-summary/1/retry-all';
    expect(await otto.post(path, { confirm: 7 })).toMatchObject({
      status: 409,
      body: { code: 'COUNT_CHANGED', count: 1 },
    });
    expect((await otto.run(path, { confirm: 1 })).body).toMatchObject({
      state: 'done',
      result: { applied: 0, left: 2 },
    });
    curse.isLifted = true;
    expect((await otto.run(path, { confirm: 1 })).body).toMatchObject({
      state: 'done',
      result: { keys: 1, applied: 2 },
    });
  });

  test('tries what the code would do, and proves what is there', async () => {
    const ada = as('Ada');
    const path = '/api/projections/cart-summary/1';
    expect((await ada.run(`${path}/what-if`)).body).toMatchObject({ state: 'done', result: { isSame: true } });
    expect((await ada.run(`${path}/verify`, { isDeep: true })).body).toMatchObject({
      state: 'done',
      result: { ok: true },
    });
    expect((await ada.run(`${path}/rebuild`, { confirm: 'cart-summary' })).body).toMatchObject({
      state: 'failed',
      error: { code: 'PROJECTION_PARKED' },
    });
    const forced = { confirm: 'cart-summary', isForced: true };
    expect((await ada.run(`${path}/rebuild`, forced)).body).toMatchObject({ state: 'done', result: { parkedKeys: 1 } });
  });

  test('checks the schema, and shows its types and shapes', async () => {
    const otto = as('Otto');
    expect((await otto.get('/api/schema')).body.types).toMatchObject([
      { type: 'Cursed', currentVersion: 1, shapes: [{ text: '{ spell: string }' }] },
      { type: 'Dated' },
      { type: 'Emptied' },
      { type: 'ItemAdded' },
    ]);
    expect((await otto.run('/api/schema/check')).body).toMatchObject({
      state: 'done',
      result: { shapes: 4, broken: [] },
    });
  });

  test('shows categories, the longest streams and the last ones, snapshots and processes', async () => {
    const vera = as('Vera');
    expect((await vera.get('/api/categories')).body).toMatchObject([{ category: 'Cart', streams: 3, events: 8 }]);
    const names = async (order: string): Promise<string[]> => {
      const { streams } = (await vera.get(`/api/streams?order=${order}&limit=2`)).body;
      return streams.map(({ streamName }: { streamName: string }) => streamName);
    };
    expect(await names('longest')).toEqual(['Cart-1', 'Cart-2']);
    expect(await names('recent')).toEqual(['Cart-3', 'Cart-2']);
    const found = await vera.get('/api/streams?category=Cart&search=2');
    expect(found.body.streams).toMatchObject([{ streamName: 'Cart-2' }]);
    const snapshots = { schemaVersion: 1, encode: () => ({}), decode: () => cart.initialState() };
    await store.snapshots.create({ ...cart, snapshots }, { minEvents: 1 });
    const page = (await vera.get('/api/snapshots?limit=2')).body;
    expect(page.snapshots).toMatchObject([{ streamName: 'Cart-1', streamVersion: 4 }, { streamName: 'Cart-2' }]);
    expect((await vera.get(`/api/snapshots?limit=2&after=${page.next}`)).body.snapshots).toMatchObject([
      { streamName: 'Cart-3' },
    ]);
    expect((await vera.get('/api/streams/Cart-1')).body.snapshots).toHaveLength(1);
    const report = createProcessReport(store, { name: 'carts', release: '7' });
    await report.start();
    expect((await vera.get('/api/processes')).body).toMatchObject([{ name: 'carts', release: '7', isSilent: false }]);
    await report.close();
  });

  test('says why: the command, what it has led to, and what became of it', async () => {
    const ada = as('Ada');
    const command = { id: '01890000-0000-7000-8000-000000000001', at: Date.now() };
    await store.operations.audit.write({
      kind: 'command',
      type: 'Checkout',
      id: command.id,
      at: new Date(command.at),
      userId: 'ada',
      tenantId: undefined,
      correlationId: command.id,
      status: 'succeeded',
      errorCode: undefined,
      streamName: 'Cart-9',
      streamVersion: 2,
    });
    const of = { correlationId: command.id, userId: 'ada' };
    const { ItemAdded, Emptied } = cartEvents;
    const first = await store.append('Cart-9', [ItemAdded({ sku: 'a', quantity: 1 }), Emptied(null)], {
      metadata: { ...of, causationId: command.id },
    });
    const cause = first.events[0]?.id;
    const next = await store.append('Cart-8', [Emptied(null)], { metadata: { ...of, causationId: cause } });
    const { body } = await ada.get(`/api/events/${first.events[0]?.globalPosition}/why`);
    expect(body).toMatchObject({
      command: { id: command.id, type: 'Checkout', userId: 'ada', status: 'succeeded' },
      isComplete: true,
      projections: [
        { name: 'cart-summary', version: 1, outcome: 'waiting', keys: ['Cart-9'] },
        { name: 'cart-summary', version: 2, outcome: 'waiting' },
      ],
    });
    expect(body.nodes).toMatchObject([
      { kind: 'command', id: command.id, label: 'Checkout' },
      { kind: 'event', label: 'ItemAdded', causedBy: command.id },
      { kind: 'event', label: 'Emptied', causedBy: command.id },
      { kind: 'event', id: next.events[0]?.id, causedBy: cause, event: { streamName: 'Cart-8' } },
    ]);
    await createProjectionEngine(store, [summary]).catchUp();
    const later = (await ada.get(`/api/events/${first.events[0]?.globalPosition}/why`)).body.projections;
    expect(later).toMatchObject([{ outcome: 'applied' }, { outcome: 'waiting' }]);
    const path = '/api/dead-letters/cart-summary/1/Cart-2';
    await ada.post(`${path}/discard`, { confirm: 2, reason: 'a curse' });
    const cursed = (await ada.get('/api/events?types=Cursed')).body.events[0].globalPosition;
    expect((await ada.get(`/api/events/${cursed}/why`)).body.projections[0]).toMatchObject({ outcome: 'discarded' });
  });

  test('says which event a command was sent because of', async () => {
    const { ItemAdded, Emptied } = cartEvents;
    const messages = defineCommands({ Add: payload<{ cart: string }>(), Empty: payload<{ cart: string }>() });
    const handlers = commandHandlers(messages, {
      Add: async ({ data }) => void (await store.append(`Cart-${data.cart}`, [ItemAdded({ sku: 'a', quantity: 1 })])),
      Empty: async ({ data }) => void (await store.append(`Cart-${data.cart}`, [Emptied(null)])),
    });
    const audit = { write: store.operations.audit.write, onLost: () => undefined };
    const bus = createCommandBus(store, { handlers: [handlers], middleware: recommendedPipeline({ audit }) });
    await bus.dispatch(messages.Add({ cart: '7' }));
    const first = await store.readStream('Cart-7').first();
    // As a subscription does.
    await withMetadata(causedBy(first ?? { id: '', metadata: {} }), () => bus.dispatch(messages.Empty({ cart: '8' })));
    const { nodes } = (await as('Ada').get(`/api/events/${first?.globalPosition}/why`)).body;
    const of = (label: string) => nodes.find((node: { label: string }) => node.label === label);
    expect(of('Add').causedBy).toBeUndefined();
    expect(of('ItemAdded').causedBy).toBe(of('Add').id);
    expect(of('Empty').causedBy).toBe(first?.id);
    expect(of('Emptied').causedBy).toBe(of('Empty').id);
  });

  test('examines the store, once for all who ask', async () => {
    const { body, text } = await as('Otto').get('/api/doctor');
    expect(body.findings.length).toBeGreaterThan(10);
    const of = (id: string) => body.findings.find((finding: { id: string }) => finding.id === id);
    expect(of('connection')).toMatchObject({ title: expect.any(String), seen: expect.any(String) });
    expect(of('dead-letters')).toMatchObject({ status: 'failed', mend: expect.stringContaining('mink deadletters') });
    expect(text).not.toContain(SECRET);
    expect((await as('Vera').get('/api/doctor')).body.at).toBe(body.at);
  });

  test('shows an error in full to those who ask for it and may, and writes down that they saw it', async () => {
    let error = `cannot bear "${SECRET}" (${SECRET})`;
    storage = withFault(storage, () => error);
    store = openCarts(storage);
    await admin.close();
    start();
    const ada = as('Ada');
    const detail = '/api/projections/cart-summary/1';
    const paths = ['/api/overview', '/api/projections', detail, '/api/health', '/api/doctor', '/api/dead-letters'];
    const views = () => store.operations.audit.list({ kinds: ['view'] });
    for (const path of paths) {
      const { text } = await ada.get(path);
      expect(text, path).not.toContain(SECRET);
      expect(text, path).toMatch(path.endsWith('dead-letters') ? /•••/u : /cannot bear|Faulted/u);
    }
    // The doctor gives what it has found for a while, whatever is wrong by then.
    error = 'something else';
    expect((await ada.get('/api/doctor')).text).not.toContain(SECRET);
    error = `cannot bear "${SECRET}"`;
    expect(await views()).toEqual([]);
    const asked = await ada.get(`${detail}?payloads=full`);
    expect(asked.body).toMatchObject({ error, slots: [{ error }] });
    expect(await views()).toMatchObject([{ userId: 'Ada', details: { projection: 'cart-summary', version: 1 } }]);
    for (const name of ['Vera', 'Otto']) {
      expect((await as(name).get(`${detail}?payloads=full`)).text).not.toContain(SECRET);
    }
  });

  test('shows events that the code of now cannot read', async () => {
    await createEventStore(storage).append('Cart-1', [{ type: 'Unheard', data: { of: 1 } }]);
    await createEventStore(storage).append('Gone-1', [{ type: 'Gone', data: null }]);
    const ada = as('Ada');
    const { events } = (await ada.get('/api/streams/Cart-1/events?direction=backwards&limit=1&payloads=full')).body;
    expect(events).toMatchObject([{ type: 'Unheard', data: { of: 1 } }]);
    expect((await ada.get('/api/events?limit=1')).body.events).toMatchObject([{ type: 'Gone' }]);
    expect((await ada.get('/api/streams/Cart-1/states')).body.steps).toHaveLength(4);
    expect((await ada.get('/api/streams/Gone-1/states')).body.code).toBe('FOLD_NOT_FOUND');
  });
});

/** A storage whose first projection is faulted by an error, as far as it is asked. */
function withFault(storage: EventStorage, error: () => string): EventStorage {
  const { readModels } = storage;
  if (readModels === undefined) throw new Error('This storage keeps no read models.');
  const bound = (target: object, name: string | symbol): unknown => {
    const value: unknown = Reflect.get(target, name, target);
    return typeof value === 'function' ? value.bind(target) : value;
  };
  const fault = () => ({ error: error(), state: 'faulted' as const });
  const faulted = new Proxy(readModels, {
    get: (target, name) =>
      name !== 'listProjections'
        ? bound(target, name)
        : async () =>
            (await target.listProjections()).map((it) => ({
              ...it,
              ...fault(),
              partitions: it.partitions.map((part) => ({ ...part, ...fault() })),
            })),
  });
  return new Proxy(storage, { get: (target, name) => (name === 'readModels' ? faulted : bound(target, name)) });
}
