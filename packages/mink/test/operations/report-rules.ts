import { expect, test } from 'vitest';
import {
  createCommandBus,
  createEventStore,
  createHealth,
  createMetrics,
  createProcessReport,
  createProjectionEngine,
  deciderHandlers,
  defineCommands,
  defineDecider,
  defineEvents,
  defineProjection,
  documents,
  logObserver,
  observers,
  payload,
  recommendedPipeline,
  type EventStorage,
  type Observer,
  type ProcessReport,
} from '../../src/index.ts';

const cartEvents = defineEvents({ ItemAdded: payload<{ sku: string }>() });
const commands = defineCommands({ Add: payload<{ id: string; sku: string }>() });
const cart = defineDecider({
  category: 'Cart',
  events: cartEvents,
  initialState: () => ({ skus: 0 }),
  evolve: (state) => ({ skus: state.skus + 1 }),
  decide: ({ data }: { type: 'Add'; data: { id: string; sku: string } }) => {
    if (data.sku === 'bad') throw new Error('bad sku');
    return cartEvents.ItemAdded({ sku: data.sku });
  },
  snapshots: { schemaVersion: 3 },
});
const skus = defineProjection({
  name: 'skus',
  events: { Cart: cartEvents },
  readModel: documents<{ skus: number }>(),
}).on({ ItemAdded: (row) => ({ skus: (row?.skus ?? 0) + 1 }) });

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** A process with all its parts. */
async function openProcess(storage: EventStorage) {
  const metrics = createMetrics({ gaugeInterval: 1_000 });
  const observer = observers(metrics.observer, logObserver(silent));
  const store = createEventStore(storage, { categories: { Cart: cartEvents }, observer, pageSize: 500 });
  const engine = createProjectionEngine(store, [skus], { batchSize: 77 });
  const health = createHealth({ store, engine });
  const bus = createCommandBus(store, {
    handlers: [deciderHandlers(commands, cart, { id: ({ data }) => data.id })],
    middleware: recommendedPipeline({
      logger: silent,
      metrics: metrics.message,
      audit: { write: store.operations.audit.write, onLost: () => undefined },
    }),
  });
  return { store, engine, metrics, health, bus };
}

function settingOf({ configuration }: ProcessReport, name: string): unknown {
  const { value, source } = configuration.find((it) => it.name === name) ?? {};
  return [value, source];
}

/** What a process says of itself, over any storage. */
export function reportRules(open: () => Promise<EventStorage>): void {
  test('says what is in effect in its parts, and who has said so', async () => {
    const { store, engine, metrics, health, bus } = await openProcess(await open());
    await bus.dispatch(commands.Add({ id: '1', sku: 'a' }));
    const parts = { engine, metrics, health, buses: [bus] };
    const report = createProcessReport(store, { name: 'carts', release: '1.4.0', ...parts });
    await report.start();
    const [found, ...others] = await store.operations.processes();
    expect(others).toEqual([]);
    if (found === undefined) throw new Error('no report');
    expect(found).toMatchObject({
      id: report.id,
      name: 'carts',
      release: '1.4.0',
      pid: process.pid,
      nodeVersion: process.version,
      isSilent: false,
      categories: ['Cart'],
      projections: [{ name: 'skus', version: 1 }],
      asked: {},
    });
    expect(settingOf(found, 'engine.batchSize')).toEqual([77, 'option']);
    expect(settingOf(found, 'engine.leaseDuration')).toEqual([15_000, 'default']);
    expect(settingOf(found, 'engine.classify')).toEqual(['built-in', 'default']);
    expect(settingOf(found, 'store.pageSize')).toEqual([500, 'option']);
    expect(settingOf(found, 'store.observer')).toEqual([['metrics', 'log'], 'option']);
    expect(settingOf(found, 'snapshots.Cart')).toEqual([{ schemaVersion: 3, keep: 2 }, 'option']);
    expect(settingOf(found, 'metrics.gaugeInterval')).toEqual([1_000, 'option']);
    expect(settingOf(found, 'health.degradedAboveLag')).toEqual([10_000, 'default']);
    expect(settingOf(found, 'bus.layers')).toEqual([
      ['recovery', 'correlation', 'logging', 'metrics', 'timeout', 'validation', 'audit', 'retry', 'idempotency'],
      'option',
    ]);
    await report.close();
    expect(await store.operations.processes()).toEqual([]);
    await store.close();
  });

  test('says how the process did in the last interval, and when somebody has asked it', async () => {
    const { store, metrics, health, bus } = await openProcess(await open());
    const report = createProcessReport(store, { name: 'carts', metrics, health, interval: 100 });
    await report.start();
    const last = async (): Promise<ProcessReport | undefined> => (await store.operations.processes())[0];
    expect(await last()).toMatchObject({ vitals: { appendsPerSecond: 0, commands: [] } });
    health.live();
    await health.details();
    await metrics.collect();
    let found: ProcessReport | undefined;
    await expect
      .poll(async () => {
        await bus.dispatch(commands.Add({ id: '1', sku: 'a' }));
        await bus.dispatch(commands.Add({ id: '1', sku: 'bad' })).catch(() => undefined);
        // A report may end in the middle of a command: the one that is looked at has all of it.
        found = await last();
        const [add] = found?.vitals?.commands ?? [];
        const { perSecond = 0, errorsPerSecond = 0 } = add ?? {};
        return found?.vitals?.appendP50 !== undefined && errorsPerSecond > 0 && perSecond > errorsPerSecond;
      })
      .toBe(true);
    expect(found?.asked).toMatchObject({ live: expect.any(Number), details: expect.any(Number) });
    expect(found?.asked).toHaveProperty('metrics');
    expect(found?.asked).not.toHaveProperty('ready');
    const { vitals } = found ?? {};
    expect(vitals).toMatchObject({ appendP50: expect.any(Number), commandP99: expect.any(Number) });
    expect(vitals?.appendP50).toBeLessThanOrEqual(vitals?.appendP99 ?? 0);
    const [add] = vitals?.commands ?? [];
    expect(add?.type).toBe('Add');
    expect(add?.perSecond).toBeGreaterThan(add?.errorsPerSecond ?? 0);
    expect(add?.errorsPerSecond).toBeGreaterThan(0);
    await report.close();
    await store.close();
  });

  test('says nothing of appends where the store tells them somebody else', async () => {
    const metrics = createMetrics();
    const { observer } = createMetrics();
    const own: Observer = { appended: (it) => metrics.observer.appended?.(it) };
    const storage = await open();
    const reportOf = async (of: Observer): Promise<ProcessReport | undefined> => {
      const store = createEventStore(storage, { categories: { Cart: cartEvents }, observer: of });
      await store.append('Cart-1', [cartEvents.ItemAdded({ sku: 'a' })]);
      await using report = createProcessReport(store, { name: 'carts', metrics });
      await report.start();
      return (await store.operations.processes())[0];
    };
    const other = await reportOf(observers(observer, logObserver(silent)));
    expect(other?.vitals).toMatchObject({ commandsPerSecond: 0 });
    expect(other?.vitals).not.toHaveProperty('appendsPerSecond');
    expect(other?.vitals).not.toHaveProperty('eventsPerSecond');
    // One that hands on what it hears is seen by what it does.
    expect((await reportOf(own))?.vitals).toMatchObject({ appendsPerSecond: 0, eventsPerSecond: 0 });
  });

  test('a report that cannot be written changes nothing; the next one is', async () => {
    const storage = await open();
    const { store } = await openProcess(storage);
    const { operations } = storage;
    if (operations === undefined) throw new Error('a storage without operations');
    const save = operations.saveProcessReport.bind(operations);
    let isAway = true;
    operations.saveProcessReport = async (report) => {
      if (isAway) throw new Error('away');
      await save(report);
    };
    const errors: unknown[] = [];
    const onError = (error: unknown): void => void errors.push(error);
    const report = createProcessReport(store, { name: 'carts', interval: 100, onError });
    await report.start();
    expect(errors).toHaveLength(1);
    expect(await store.operations.processes()).toEqual([]);
    isAway = false;
    await expect.poll(async () => (await store.operations.processes()).length).toBe(1);
    await report.close();
    await store.close();
  });

  test('a projection that moves leaves a sample a minute, and one that stands still none', async () => {
    const { store, engine, bus } = await openProcess(await open());
    await bus.dispatch(commands.Add({ id: '1', sku: 'a' }));
    await engine.start();
    await engine.waitFor((await store.readBound()).position);
    // A look of the engine takes it.
    await expect
      .poll(async () => {
        await engine.resume(skus);
        return store.projections.checkpointHistory(skus);
      })
      .toEqual([{ at: expect.any(Number), position: 1, events: 1 }]);
    for (let n = 0; n < 5; n += 1) await engine.resume(skus);
    const [sample, ...others] = await store.projections.checkpointHistory(skus);
    expect(others).toEqual([]);
    expect((sample?.at ?? 0) % 60_000).toBe(0);
    expect(await store.projections.checkpointHistory(skus, { since: new Date(Date.now() + 60_000) })).toEqual([]);
    expect(await store.projections.checkpointHistory({ name: 'skus', version: 2 })).toEqual([]);
    const isVerified = async () => (await store.projections.list()).map((it) => it.isVerified);
    expect(await isVerified()).toEqual([undefined]);
    await store.projections.verify(skus);
    expect(await isVerified()).toEqual([true]);
    await engine.close();
    await store.close();
  });
}
