import { deepStrictEqual, match, ok, strictEqual } from 'node:assert';
import { readFileSync } from 'node:fs';
import type { Meter } from '@opentelemetry/api';
import { Registry } from 'prom-client';
import { describe, expect, test } from 'vitest';
import {
  BusinessRuleViolationError,
  commandHandlers,
  createCommandBus,
  createMetrics,
  createProjectionEngine,
  deciderHandlers,
  defineCommands,
  defineDecider,
  defineEvents,
  defineProjection,
  documents,
  logObserver,
  METRICS,
  observers,
  payload,
  recommendedPipeline,
  type Observer,
} from '../src/index.ts';
import { typed } from '../src/core/index.ts';
import { createMemoryStore } from '../src/memory/index.ts';
import { meterMetrics } from '../src/otel/index.ts';
import { openMetricsText, prometheusText, registerWith } from '../src/prometheus/index.ts';

const cartEvents = defineEvents({ ItemAdded: payload<{ sku: string }>() });
const commands = defineCommands({ Add: payload<{ id: string; sku: string }>() });
const cart = defineDecider({
  category: 'Cart',
  events: cartEvents,
  initialState: () => ({ skus: 0 }),
  evolve: (state) => ({ skus: state.skus + 1 }),
  decide: (command: { type: 'Add'; data: { id: string; sku: string } }) => {
    if (command.data.sku === '') throw new BusinessRuleViolationError('NO_SKU', 'There is no sku.');
    return cartEvents.ItemAdded({ sku: command.data.sku });
  },
});
const skus = defineProjection({
  name: 'skus',
  events: { Cart: cartEvents },
  readModel: documents<{ skus: number }>(),
}).on({
  ItemAdded: (row, { data }) => {
    if (data.sku === 'bad') throw new Error('bad sku');
    return { skus: (row?.skus ?? 0) + 1 };
  },
});

/** A store with everything around it, in which something has happened. */
async function lived(observer: Observer, message = createMetrics().message) {
  const store = createMemoryStore({ categories: { Cart: cartEvents }, observer });
  const engine = createProjectionEngine(store, [skus], { tries: 2, backoff: 0 });
  const handlers = [deciderHandlers(commands, cart, { id: ({ data }) => data.id })];
  const bus = createCommandBus(store, { handlers, middleware: recommendedPipeline({ metrics: message }) });
  await engine.start();
  await bus.dispatch(commands.Add({ id: '1', sku: 'a' }));
  await bus.dispatch(commands.Add({ id: '1', sku: 'bad' }));
  await bus.dispatch(commands.Add({ id: '1', sku: '' })).catch(() => undefined);
  const both = [cartEvents.ItemAdded({ sku: 'b' }), cartEvents.ItemAdded({ sku: 'c' })];
  await store.append('Cart-2', both, { expectedVersion: 'no_stream' });
  await store.append('Cart-2', both, { expectedVersion: 'no_stream' }).catch(() => undefined);
  await engine.waitFor(4);
  return { store, engine };
}

describe('metrics', () => {
  test('count what has happened, in the text of Prometheus', async () => {
    const metrics = createMetrics({ gaugeInterval: 0 });
    const { store, engine } = await lived(metrics.observer, metrics.message);
    metrics.watch({ store, engine });
    const text = await prometheusText(metrics);
    for (const line of [
      'mink_events_appended_total 4',
      'mink_appends_total{status="stored"} 3',
      'mink_appends_total{status="refused"} 1',
      'mink_append_duration_seconds_count 4',
      'mink_commands_total{type="Add",status="succeeded"} 2',
      'mink_commands_total{type="Add",status="refused"} 1',
      'mink_command_duration_seconds_bucket{type="Add",le="+Inf"} 3',
      'mink_command_handler_duration_seconds_count{type="Add"} 3',
      'mink_stream_version_bucket{le="1"} 1',
      'mink_stream_version_sum 5',
      'mink_commands_in_flight 0',
      'mink_kept_results 0',
      'mink_recorded_ahead_seconds 0',
      'mink_load_duration_seconds_count{from="events"} 3',
      'mink_projection_errors_total{projection="skus",version="1",next="retry"} 1',
      'mink_projection_errors_total{projection="skus",version="1",next="park"} 1',
      'mink_projection_lag_events{projection="skus",version="1"} 0',
      'mink_projection_parked_keys{projection="skus",version="1"} 1',
      'mink_projection_state{projection="skus",version="1",state="live"} 1',
      'mink_projection_checkpoint_position{projection="skus",version="1"} 4',
      'mink_projection_events_total{projection="skus",version="1"} 4',
      'mink_feed_position 4',
      'mink_feed_holders 0',
    ]) {
      expect(text.split('\n')).toContain(line);
    }
    match(text, /^# HELP mink_events_appended_total Events stored\.\n# TYPE mink_events_appended_total counter$/mu);
    await engine.close();
  });

  test('have a 0 before the first time of what must not happen, or nobody would see it increase', async () => {
    const lines = (await prometheusText(createMetrics())).split('\n');
    expect(lines).toEqual(
      expect.arrayContaining(['mink_events_appended_total 0', 'mink_snapshots_total{status="corrupt"} 0']),
    );
  });

  test('are the same series in the text of OpenMetrics, with units and an end', async () => {
    const metrics = createMetrics();
    const { store, engine } = await lived(metrics.observer, metrics.message);
    metrics.watch({ store, engine });
    const lines = (await openMetricsText(metrics)).split('\n');
    const seriesOf = (all: readonly string[]) => all.filter((line) => line !== '' && !line.startsWith('#'));
    expect(seriesOf(lines)).toEqual(seriesOf((await prometheusText(metrics)).split('\n')));
    expect(lines.slice(0, 4)).toEqual([
      '# TYPE mink_events_appended counter',
      '# HELP mink_events_appended Events stored.',
      'mink_events_appended_total 4',
      '# TYPE mink_appends counter',
    ]);
    expect(lines).toContain('# UNIT mink_append_duration_seconds seconds');
    expect(lines.slice(-2)).toEqual(['# EOF', '']);
    await engine.close();
  });

  test('are the same through a registry of prom-client', async () => {
    const metrics = createMetrics({ gaugeInterval: 60_000 });
    const { store, engine } = await lived(metrics.observer, metrics.message);
    metrics.watch({ store, engine });
    const registry = new Registry();
    registerWith(registry, metrics);
    const sorted = (text: string) =>
      text
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('#'))
        .toSorted();
    deepStrictEqual(sorted(await registry.metrics()), sorted(await prometheusText(metrics)));
    ok(sorted(await registry.metrics()).length > 50);
    await engine.close();
  });

  test('are measured into a meter of OpenTelemetry, gauges too', async () => {
    const measured: string[] = [];
    const callbacks: ((result: { observe(value: number, attributes: object): void }) => Promise<void>)[] = [];
    const tell = (name: string) => (value: number, attributes: object) => {
      if (!name.endsWith('_seconds')) measured.push(`${name} ${JSON.stringify(attributes)} ${value}`);
    };
    const meter = {
      createCounter: (name: string) => ({ add: tell(name) }),
      createUpDownCounter: (name: string) => ({ add: tell(name) }),
      createHistogram: (name: string) => ({ record: tell(name) }),
      createObservableGauge: (name: string) => ({
        addCallback: (callback: (typeof callbacks)[number]) => {
          callbacks.push((result) =>
            callback({ observe: (value, attributes) => result.observe(value, { name, ...attributes }) }),
          );
        },
      }),
    };
    const metrics = createMetrics();
    // The real one fits.
    const real: Parameters<typeof meterMetrics>[0] | undefined = undefined as Meter | undefined;
    strictEqual(real, undefined);
    const { observer, message } = meterMetrics(meter, metrics);
    const { store, engine } = await lived(observer, message);
    metrics.watch({ store, engine });
    for (const line of [
      'mink_events_appended_total {} 2',
      'mink_appends_total {"status":"refused"} 1',
      'mink_commands_total {"type":"Add","status":"refused"} 1',
    ]) {
      expect(measured).toContain(line);
    }
    const gauges: object[] = [];
    for (const callback of callbacks) await callback({ observe: (value, of) => gauges.push({ ...of, value }) });
    expect(gauges).toContainEqual({ name: 'mink_projection_lag_events', projection: 'skus', version: '1', value: 0 });
    await engine.close();
  });

  test('tell first, repeated and refused ids of commands apart, and what is under way', async () => {
    const metrics = createMetrics();
    const store = createMemoryStore({ categories: { Cart: cartEvents }, observer: metrics.observer });
    metrics.watch({ store });
    const inFlight: string[] = [];
    const text = async () => (await prometheusText(metrics)).split('\n');
    const handlers = [
      deciderHandlers(commands, cart, { id: ({ data }) => data.id }),
      commandHandlers(defineCommands({ Look: payload<null>() }), {
        Look: async () => {
          inFlight.push(...(await text()).filter((line) => line.startsWith('mink_commands_in_flight')));
        },
      }),
    ];
    const bus = createCommandBus(store, { handlers, middleware: recommendedPipeline({ metrics: metrics.message }) });
    const add = { ...commands.Add({ id: '1', sku: 'a' }), id: 'key-1' };
    await bus.dispatch(add);
    await bus.dispatch(add);
    await Promise.all([bus.dispatch(add), bus.dispatch(add)]);
    const other = { ...commands.Add({ id: '2', sku: 'b' }), id: 'key-1' };
    await expect(bus.dispatch(other)).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
    await bus.dispatch(commands.Add({ id: '3', sku: 'c' }));
    await bus.dispatch({ type: 'Look', data: null });
    deepStrictEqual(inFlight, ['mink_commands_in_flight 1']);
    const lines = await text();
    for (const line of [
      'mink_keyed_commands_total{use="first"} 1',
      'mink_keyed_commands_total{use="repeated"} 3',
      'mink_keyed_commands_total{use="reused"} 1',
      'mink_commands_in_flight 0',
      'mink_kept_results 1',
    ]) {
      expect(lines).toContain(line);
    }
  });

  test('go below nothing where only ends are told', async () => {
    const metrics = createMetrics();
    const ended = { kind: 'command', type: 'Add', status: 'succeeded', errorCode: undefined, seconds: 1 } as const;
    metrics.message({ ...ended, handlerSeconds: undefined, keyUse: undefined });
    ok(!(await prometheusText(metrics)).includes('mink_commands_in_flight -'));
  });

  test('tell of snapshots that are saved, used and refused', async () => {
    const metrics = createMetrics();
    const store = createMemoryStore({ categories: { Cart: cartEvents }, observer: metrics.observer });
    const kept = { ...cart, snapshots: { schemaVersion: 1 } };
    const item = cartEvents.ItemAdded({ sku: 'a' });
    await store.append('Cart-1', [item, item, item]);
    await store.snapshots.create(kept, { minEvents: 1 });
    await store.append('Cart-1', [item, item]);
    await store.load(kept, '1');
    await store.load({ ...kept, snapshots: { schemaVersion: 2 } }, '1');
    const lines = (await prometheusText(metrics)).split('\n');
    for (const line of [
      'mink_snapshots_total{status="saved"} 1',
      'mink_snapshots_total{status="used"} 1',
      'mink_snapshots_total{status="other-version"} 1',
      'mink_snapshot_behind_events_sum 2',
      'mink_snapshot_age_seconds_bucket{le="60"} 1',
    ]) {
      expect(lines).toContain(line);
    }
  });

  test('tell how long keys have been parked, and which inline projections are known here alone', async () => {
    const metrics = createMetrics({ gaugeInterval: 0 });
    let time = Date.now();
    const store = createMemoryStore({ categories: { Cart: cartEvents }, now: () => time });
    const engine = createProjectionEngine(store, [skus], { tries: 1 });
    metrics.watch({ store, engine });
    time -= 3_600_000;
    await store.append('Cart-1', [cartEvents.ItemAdded({ sku: 'bad' })]);
    await engine.start();
    await expect.poll(async () => (await engine.status())[0]?.parkedKeys).toBe(1);
    await engine.close();
    const { samples = [] } =
      (await metrics.collect()).find(({ definition }) => definition === METRICS.projectionOldestParked) ?? {};
    deepStrictEqual(samples[0]?.labels, ['skus', '1']);
    ok(samples[0].value >= 3_600 && samples[0].value < 3_700);
  });

  test.each([
    ['skip', 'skipped'],
    ['refuse', 'inactive'],
  ] as const)('tell which inline projections are active; to %s those that are not is to be %s', async (how, state) => {
    const metrics = createMetrics({ gaugeInterval: 0 });
    const other = defineProjection({
      name: 'other',
      events: { Cart: cartEvents },
      readModel: documents<{ skus: number }>(),
    }).on({ ItemAdded: (row) => row });
    const inline = [skus, other];
    const store = createMemoryStore({ categories: { Cart: cartEvents }, inline, whenInlineInactive: how });
    metrics.watch({ store });
    await store.projections.activateInline([skus]);
    expect((await prometheusText(metrics)).split('\n')).toEqual(
      expect.arrayContaining([
        'mink_inline_projections{projection="skus",version="1",state="active"} 1',
        `mink_inline_projections{projection="other",version="1",state="${state}"} 1`,
      ]),
    );
  });

  test('tell how late the event loop was, from the second look on', async () => {
    const metrics = createMetrics({ gaugeInterval: 0 });
    await metrics.collect();
    const late = async () => {
      for (const end = performance.now() + 100; performance.now() < end;);
      // Timers have their turn, that of the measuring before this one.
      await new Promise((resolve) => setTimeout(resolve, 1));
      const families = await metrics.collect();
      const { samples = [] } = families.find(({ definition }) => definition === METRICS.eventLoopDelay) ?? {};
      return samples.find(({ labels }) => labels[0] === '1')?.value ?? 0;
    };
    await expect.poll(late, { timeout: 10_000 }).toBeGreaterThan(0.05);
  });

  test('are all in the table of the guide, as they are defined', () => {
    const guide = readFileSync(new URL('../../../docs/monitoring.md', import.meta.url), 'utf8');
    const rows = [...guide.matchAll(/^\| `(?<name>mink_\w+)`(?<rest>.*)\|$/gmu)].map(({ groups }) => {
      const [, kind = '', labels = '', help = ''] = (groups?.['rest'] ?? '').split('|').map((cell) => cell.trim());
      return { name: groups?.['name'], kind, labels: labels.replaceAll(/[`\s]/gu, ''), help };
    });
    const defined = Object.values(METRICS).map(({ name, kind, labels, help }) => {
      return { name, kind, labels: labels.join(','), help };
    });
    deepStrictEqual(rows, defined);
  });

  test('of names from outside stay bounded', async () => {
    const metrics = createMetrics();
    const measured = {
      kind: 'command',
      status: 'refused',
      errorCode: 'X',
      seconds: 1,
      handlerSeconds: undefined,
      keyUse: undefined,
    } as const;
    for (let n = 0; n < 2_000; n += 1) metrics.message({ ...measured, type: `made-up-${n}` });
    const families = await metrics.collect();
    const family = families.find(({ definition }) => definition === METRICS.commands);
    strictEqual(family?.samples.length, 501);
    strictEqual(family.samples.find(({ labels }) => labels[0] === 'other')?.value, 1_500);
  });

  test('tell how what is beyond ended, and count types that nobody handles as one', async () => {
    const metrics = createMetrics();
    const store = createMemoryStore({ categories: { Cart: cartEvents } });
    const bus = createCommandBus(store, {
      handlers: [deciderHandlers(commands, cart, { id: ({ data }) => data.id })],
      middleware: recommendedPipeline({ metrics: metrics.message }),
    });
    for (let n = 0; n < 600; n += 1)
      await bus
        .dispatch(typed<ReturnType<typeof commands.Add>>({ type: `made-up-${n}`, data: null }))
        .catch(() => undefined);
    await bus.dispatch(commands.Add({ id: '1', sku: 'a' }));
    const text = await prometheusText(metrics);
    match(text, /^mink_commands_total\{type="other",status="failed"\} 600$/mu);
    match(text, /^mink_commands_total\{type="Add",status="succeeded"\} 1$/mu);
    const measured = {
      kind: 'command',
      errorCode: 'X',
      seconds: 1,
      handlerSeconds: undefined,
      keyUse: undefined,
    } as const;
    for (let n = 0; n < 600; n += 1) metrics.message({ ...measured, type: `many-${n}`, status: 'refused' });
    metrics.message({ ...measured, type: 'one-too-many', status: 'failed' });
    match(await prometheusText(metrics), /^mink_commands_total\{type="other",status="failed"\} 601$/mu);
  });

  test('escape what labels hold', async () => {
    const metrics = createMetrics();
    const measured = {
      kind: 'query',
      status: 'failed',
      errorCode: 'X',
      seconds: 0,
      handlerSeconds: undefined,
      keyUse: undefined,
    } as const;
    metrics.message({ ...measured, type: 'a"b\\c\nd' });
    expect(await prometheusText(metrics)).toContain(String.raw`{type="a\"b\\c\nd",status="failed"} 1`);
  });

  test('are given without gauges that cannot be read', async () => {
    const problems: unknown[] = [];
    const metrics = createMetrics({ onError: (error) => problems.push(error) });
    const { store, engine } = await lived(metrics.observer);
    metrics.watch({ store });
    await engine.close();
    await store.close();
    const text = await prometheusText(metrics);
    match(text, /mink_events_appended_total 4/u);
    ok(!text.includes('mink_feed_position'));
    expect(problems).toMatchObject([{ code: 'STORE_CLOSED' }]);
  });

  test('have names, labels and help as Prometheus wants them, each once', () => {
    const names = Object.values(METRICS).map(({ name }) => name);
    strictEqual(new Set(names).size, names.length);
    for (const { name, kind, help, labels } of Object.values(METRICS)) {
      match(name, /^mink_[a-z_]+$/u);
      strictEqual(name.endsWith('_total'), kind === 'counter');
      ok(help.endsWith('.'));
      for (const label of labels) match(label, /^[a-z]+$/u);
    }
  });
});

describe('an observer', () => {
  test('that throws changes nothing, and keeps nothing from the others', async () => {
    const heard: string[] = [];
    const broken: Observer = {
      appended: () => {
        throw new Error('no');
      },
    };
    const { engine } = await lived(observers(broken, { appended: ({ status }) => heard.push(status) }));
    deepStrictEqual(heard, ['stored', 'stored', 'stored', 'refused']);
    await engine.close();
  });

  // Vitest fails a run in which a rejection is handled by nobody, and Node.js ends a process.
  test('that rejects changes nothing either, and neither does a logger or a hook', async () => {
    const heard: string[] = [];
    // An `async` function is a function that gives back nothing, to TypeScript.
    const reject = (what: string) => (): unknown => {
      heard.push(what);
      return Promise.reject(new Error(`${what} is away`));
    };
    const logger = { info: reject('logger'), warn: reject('logger'), error: reject('logger') };
    const observer = observers(logObserver(logger), { appended: reject('observer'), projected: reject('observer') });
    const { engine } = await lived(observer, Object.assign(reject('hook'), { begins: reject('begin') }));
    expect(new Set(heard)).toEqual(new Set(['logger', 'observer', 'hook', 'begin']));
    await engine.close();
  });

  test('that logs says what the series logs, and checkpoints not too often', async () => {
    const lines: object[] = [];
    let time = 0;
    const log = (level: string) => (fields: object, message: string) => void lines.push({ level, message, ...fields });
    const logger = { info: log('info'), warn: log('warn'), error: log('error') };
    const { store, engine } = await lived(logObserver(logger, { now: () => time }));
    expect(lines).toContainEqual({
      level: 'info',
      message: 'events appended',
      stream_id: 'Cart-2',
      event_count: 2,
      new_version: 2,
    });
    expect(lines).toContainEqual({
      level: 'error',
      message: 'projection parked a key',
      projection: 'skus',
      version: 1,
      error_code: 'Error',
      error: 'bad sku',
    });
    const checkpoints = () => lines.filter((line) => 'message' in line && line.message === 'projection checkpoint');
    strictEqual(checkpoints().length, 1);
    expect(checkpoints()[0]).toMatchObject({ level: 'info', projection: 'skus', lag: expect.any(Number) });
    time += 10_000;
    await engine.waitFor(await store.append('Cart-3', [cartEvents.ItemAdded({ sku: 'd' })]));
    strictEqual(checkpoints().length, 2);
    expect(checkpoints()[1]).toMatchObject({ position: 5, lag: 0 });
    await engine.close();
  });
});
