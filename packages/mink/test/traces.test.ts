import * as api from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  AlwaysOffSampler,
  BasicTracerProvider,
  InMemorySpanExporter,
  ParentBasedSampler,
  SimpleSpanProcessor,
  type ReadableSpan,
  type Sampler,
} from '@opentelemetry/sdk-trace-base';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import {
  causedBy,
  createCommandBus,
  createProjectionEngine,
  deciderHandlers,
  defineCommands,
  defineDecider,
  defineEvents,
  defineProjection,
  defineSubscription,
  documents,
  payload,
  recommendedPipeline,
  withMetadata,
  type StoreTracer,
} from '../src/index.ts';
import { createMemoryStore } from '../src/memory/index.ts';
import { traceWith } from '../src/otel/index.ts';
import { createPostgresStore } from '../src/postgres/index.ts';
import { describePostgres, lastServer } from './support/databases.ts';

const cartEvents = defineEvents({ ItemAdded: payload<{ sku: string }>() });
const mailEvents = defineEvents({ MailSent: payload<{ to: string }>() });
const commands = defineCommands({ Add: payload<{ id: string; sku: string }>() });
const cart = defineDecider({
  category: 'Cart',
  events: cartEvents,
  initialState: () => ({ skus: 0 }),
  evolve: (state) => ({ skus: state.skus + 1 }),
  decide: (command: { type: 'Add'; data: { id: string; sku: string } }) =>
    cartEvents.ItemAdded({ sku: command.data.sku }),
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

beforeAll(() => {
  api.context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
});
afterAll(() => api.context.disable());

/** A real tracer, and what it has exported. */
function recording(sampler?: Sampler) {
  const exporter = new InMemorySpanExporter();
  const spanProcessors = [new SimpleSpanProcessor(exporter)];
  const otel = new BasicTracerProvider({ spanProcessors, ...(sampler === undefined ? {} : { sampler }) }).getTracer(
    'orders',
  );
  const named = (name: string): readonly ReadableSpan[] =>
    exporter.getFinishedSpans().filter((span) => span.name === name);
  const only = (name: string): ReadableSpan => {
    const [first, ...more] = named(name);
    if (first === undefined || more.length > 0) throw new Error(`there are ${named(name).length} spans "${name}"`);
    return first;
  };
  return { otel, tracer: traceWith({ tracer: otel, api }), exporter, named, only };
}

function traceparentOf(span: ReadableSpan): string {
  const { traceId, spanId } = span.spanContext();
  return `00-${traceId}-${spanId}-01`;
}

function parentOf(span: ReadableSpan): string | undefined {
  return span.parentSpanContext?.spanId;
}

function linksOf(span: ReadableSpan): readonly string[] {
  return span.links.map(({ context: { traceId, spanId } }) => `00-${traceId}-${spanId}-01`);
}

const categories = { Cart: cartEvents, Mail: mailEvents };
const inMemory = (tracer: StoreTracer | undefined) => createMemoryStore({ categories, tracer });

/** The same on every storage. */
function define(open: (tracer: StoreTracer | undefined) => Promise<ReturnType<typeof inMemory>>): void {
  async function shop(tracer: StoreTracer | undefined) {
    const store = await open(tracer);
    onTestFinished(() => store.close());
    const handlers = [deciderHandlers(commands, cart, { id: ({ data }) => data.id })];
    const bus = createCommandBus(store, { handlers, middleware: recommendedPipeline({ tracer }) });
    return { store, bus };
  }

  test('go from the command to its append, and are linked from the batch of the projection', async () => {
    const { tracer, only, named } = recording();
    const { store, bus } = await shop(tracer);
    await bus.dispatch(commands.Add({ id: '1', sku: 'a' }));
    await bus.dispatch(commands.Add({ id: '2', sku: 'b' }));
    const [first, second] = named('append');
    const [command] = named('command Add');
    if (first === undefined || second === undefined || command === undefined) throw new Error('spans are missing');
    expect(parentOf(first)).toBe(command.spanContext().spanId);
    expect(first.spanContext().traceId).toBe(command.spanContext().traceId);
    expect(first.attributes).toEqual({
      'mink.stream.name': 'Cart-1',
      'mink.append.streams': 1,
      'mink.append.events': 1,
      'mink.append.expected_version': '0',
      'mink.append.status': 'stored',
      'mink.global_position': 1,
      'mink.stream.version': 1,
    });
    const events = await store.readAll().toArray();
    expect(events.map(({ metadata }) => metadata.traceparent)).toEqual([first, second].map(traceparentOf));

    const engine = createProjectionEngine(store, [skus]);
    // Whoever starts an engine in a span does not have all batches in it.
    await tracer.startActiveSpan('start', { attributes: {} }, () => engine.start());
    await engine.waitFor(2);
    await engine.close();
    const batch = only('project skus');
    expect(batch.parentSpanContext).toBeUndefined();
    expect(linksOf(batch)).toEqual([first, second].map(traceparentOf));
    expect(batch.attributes).toMatchObject({
      'mink.projection.name': 'skus',
      'mink.projection.events': 2,
      'mink.projection.from': 0,
      'mink.projection.to': 2,
      'mink.projection.outcome': 'stored',
    });
  });

  test('link a batch to 32 spans at most, each once', async () => {
    const { tracer, only, named } = recording();
    const { store } = await shop(tracer);
    const two = [cartEvents.ItemAdded({ sku: 'a' }), cartEvents.ItemAdded({ sku: 'b' })];
    for (let n = 1; n <= 40; n += 1) await store.append(`Cart-${n}`, two);
    const engine = createProjectionEngine(store, [skus]);
    await engine.start();
    await engine.waitFor(80);
    await engine.close();
    expect(linksOf(only('project skus'))).toEqual(named('append').slice(0, 32).map(traceparentOf));
  });

  test('go on from an event to the command that a subscription sends', async () => {
    const { tracer, only } = recording();
    const { store, bus } = await shop(tracer);
    await store.append('Mail-1', [mailEvents.MailSent({ to: 'ann' })]);
    const cause = only('append');
    const reaction = defineSubscription({
      name: 'reaction',
      events: { Mail: mailEvents },
      from: 'start',
      handle: async (event) => {
        await withMetadata(causedBy(event), () => bus.dispatch(commands.Add({ id: '1', sku: 'a' })));
      },
    });
    const engine = createProjectionEngine(store, [reaction]);
    await engine.start();
    await engine.waitFor(1);
    await engine.close();
    const delivery = only('deliver reaction');
    const command = only('command Add');
    expect(parentOf(delivery)).toBe(cause.spanContext().spanId);
    expect(parentOf(command)).toBe(delivery.spanContext().spanId);
    expect(command.spanContext().traceId).toBe(cause.spanContext().traceId);
    const [event] = await store.readStream('Cart-1').toArray();
    expect(event?.metadata.traceparent).toContain(cause.spanContext().traceId);
    expect(event?.metadata.traceparent).not.toContain(cause.spanContext().spanId);
  });

  test('go on from the ambient traceparent where no span is active', async () => {
    const { tracer, only } = recording();
    const { bus } = await shop(tracer);
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    await withMetadata({ traceparent }, () => bus.dispatch(commands.Add({ id: '1', sku: 'a' })));
    expect(parentOf(only('command Add'))).toBe('b7ad6b7169203331');
  });

  test('begin anew after a traceparent that is none', async () => {
    const { tracer, only } = recording();
    const { bus } = await shop(tracer);
    await withMetadata({ traceparent: 'nonsense' }, () => bus.dispatch(commands.Add({ id: '1', sku: 'a' })));
    expect(only('command Add').parentSpanContext).toBeUndefined();
  });

  test('keep a traceparent that was given with the append', async () => {
    const { tracer } = recording();
    const { store } = await shop(tracer);
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const { events } = await store.append('Cart-1', [cartEvents.ItemAdded({ sku: 'a' })], {
      metadata: { traceparent },
    });
    expect(events[0]?.metadata.traceparent).toBe(traceparent);
  });

  test('record what went wrong; what was refused is no error', async () => {
    const { tracer, named } = recording();
    const { store } = await shop(tracer);
    await store.append('Cart-1', [cartEvents.ItemAdded({ sku: 'bad' })]);
    const again = store.append('Cart-1', [cartEvents.ItemAdded({ sku: 'b' })], { expectedVersion: 'no_stream' });
    await expect(again).rejects.toThrow('Cart-1');
    const refused = named('append')[1];
    expect(refused?.attributes).toMatchObject({
      'mink.append.status': 'refused',
      'mink.append.expected_version': 'no_stream',
      'error.type': 'CONCURRENCY_CONFLICT',
    });
    expect(refused?.status.code).toBe(api.SpanStatusCode.UNSET);
    expect(refused?.events.map(({ name }) => name)).toEqual(['exception']);

    const engine = createProjectionEngine(store, [skus], { tries: 1 });
    await engine.start();
    await engine.waitFor(1).catch(() => undefined);
    await engine.close();
    const failed = named('project skus').find(({ status }) => status.code === api.SpanStatusCode.ERROR);
    expect(failed?.status.message).toContain('bad sku');
  });

  test('make nothing and store nothing where nothing is sampled', async () => {
    const { tracer, exporter } = recording(new ParentBasedSampler({ root: new AlwaysOffSampler() }));
    const { store, bus } = await shop(tracer);
    await bus.dispatch(commands.Add({ id: '1', sku: 'a' }));
    await store.append('Cart-2', [cartEvents.ItemAdded({ sku: 'b' })]);
    const engine = createProjectionEngine(store, [skus]);
    await engine.start();
    await engine.waitFor(2);
    await engine.close();
    expect(exporter.getFinishedSpans()).toEqual([]);
    const events = await store.readAll().toArray();
    expect(events.map(({ metadata }) => metadata.traceparent)).toEqual([undefined, undefined]);
  });

  test('store nothing without a tracer, in whatever span', async () => {
    const { otel } = recording();
    const { store } = await shop(undefined);
    await otel.startActiveSpan('request', () => store.append('Cart-1', [cartEvents.ItemAdded({ sku: 'a' })]));
    const [event] = await store.readAll().toArray();
    expect(event?.metadata).toEqual({});
  });

  test('of commands that are appended together, each event names its own; the append is linked to all', async () => {
    const { tracer, only, named, otel } = recording();
    const { store } = await shop(tracer);
    await Promise.all(
      ['a', 'b'].map((sku) =>
        otel.startActiveSpan(`request ${sku}`, async (span) => {
          const add = { type: 'Add', data: { id: '1', sku } } as const;
          await store.executeWithRetry(cart, '1', add, { exclusive: true });
          span.end();
        }),
      ),
    );
    const requests = [only('request a'), only('request b')].map(traceparentOf);
    const events = await store.readAll().toArray();
    expect(events.map(({ metadata }) => metadata.traceparent)).toEqual(requests);
    expect(named('append').flatMap(linksOf)).toEqual(requests);
  });

  test('fail nothing when the tracer does, and do nothing twice', async () => {
    const broken: StoreTracer = {
      isLeftOut: () => {
        throw new Error('nobody knows');
      },
      traceparent: () => {
        throw new Error('no traceparent');
      },
      startActiveSpan: (_, __, work) => {
        const fail = (): never => {
          throw new Error('broken span');
        };
        work({ setAttribute: fail, recordException: fail, setStatus: fail, end: fail });
        throw new Error('broken tracer');
      },
    };
    const { store, bus } = await shop(broken);
    await bus.dispatch(commands.Add({ id: '1', sku: 'a' }));
    await expect(
      store.append('Cart-1', [cartEvents.ItemAdded({ sku: 'b' })], { expectedVersion: 'no_stream' }),
    ).rejects.toMatchObject({ code: 'CONCURRENCY_CONFLICT' });
    expect(await store.readAll().toArray()).toHaveLength(1);
  });

  test('do nothing twice where a tracer begins twice, or too late', async () => {
    const late: (() => void)[] = [];
    const span = { setAttribute: () => undefined, recordException: () => undefined, setStatus: () => undefined };
    const odd: StoreTracer = {
      isLeftOut: () => false,
      traceparent: () => undefined,
      startActiveSpan: (_, { attributes }, work) => {
        const begin = () => work({ ...span, end: () => undefined });
        late.push(begin);
        if (attributes['mink.stream.name'] === 'Cart-late') throw new Error('not yet');
        begin();
        return begin();
      },
    };
    const { store } = await shop(odd);
    await store.append('Cart-twice', [cartEvents.ItemAdded({ sku: 'a' })]);
    await store.append('Cart-late', [cartEvents.ItemAdded({ sku: 'a' })]);
    for (const begin of late) begin();
    await store.append('Cart-last', [cartEvents.ItemAdded({ sku: 'a' })]);
    expect(await store.readAll().toArray()).toHaveLength(3);
  });

  test('of commands at once keep apart', async () => {
    const { tracer, otel, named } = recording();
    const { store, bus } = await shop(tracer);
    const ids = Array.from({ length: 50 }, (_, n) => String(n));
    await Promise.all(
      ids.map((id) =>
        otel.startActiveSpan(`request ${id}`, async (span) => {
          await bus.dispatch(commands.Add({ id, sku: 'a' }));
          span.end();
        }),
      ),
    );
    for (const id of ids) {
      const [request] = named(`request ${id}`);
      const append = named('append').find(({ attributes }) => attributes['mink.stream.name'] === `Cart-${id}`);
      if (request === undefined || append === undefined) throw new Error(`a span of ${id} is missing`);
      expect(append.spanContext().traceId).toBe(request.spanContext().traceId);
      const [event] = await store.readStream(`Cart-${id}`).toArray();
      expect(event?.metadata.traceparent).toBe(traceparentOf(append));
    }
  });
}

describe('traces', () => define(async (tracer) => inMemory(tracer)));
describePostgres(
  'traces',
  (databases) => define(async (tracer) => createPostgresStore({ url: await databases.create(), categories, tracer })),
  lastServer(),
);
