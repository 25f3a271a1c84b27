import { beforeEach, describe, expect, test } from 'vitest';
import { createMemoryStorage } from '../../memory/index.ts';
import { defineDecider } from '../deciders/decider.ts';
import { defineEvents } from '../events/define-events.ts';
import { payload } from '../events/event-schema.ts';
import { dropped, renamedTo, upcastFrom } from '../events/upcasting.ts';
import type { EventStorage } from '../storage/event-storage.ts';
import { createEventStore } from '../store/event-store.ts';
import type { RecordedShape } from './recorded-shape.ts';
import { samplesOf } from './sample-values.ts';
import { shapeText } from './shape-text.ts';
import { join, shapeOf } from './shape.ts';

interface Opened {
  readonly customer: { readonly name: string };
}

const events = defineEvents(
  {
    Opened: upcastFrom(payload<{ customer: string }>())
      .to(2, ({ customer }) => ({ customer: { name: customer } }))
      .now(payload<Opened>()),
    ItemAdded: payload<{ sku: string; note?: string }>(),
  },
  { past: { ItemPut: renamedTo('ItemAdded'), Viewed: dropped('nobody needs it') } },
);

interface Cart {
  readonly name: string;
  readonly skus: readonly string[] | undefined;
}

const cart = defineDecider({
  category: 'Cart',
  events,
  initialState: (): Cart => ({ name: '', skus: undefined }),
  evolve: (state, event) => {
    if (event.type === 'Opened') return { name: event.data.customer.name.trim(), skus: [] };
    // Not total: nothing can be added to a cart that was not opened.
    if (state.skus === undefined) throw new Error('not open');
    return { ...state, skus: [...state.skus, event.data.sku.trim()] };
  },
  decide: () => [],
});

describe('the schema of a store', () => {
  let storage: EventStorage;

  beforeEach(() => {
    storage = createMemoryStorage();
  });

  const open = () => createEventStore(storage, { categories: { Cart: events } });
  /** As older code, or code without types, wrote it. */
  const write = async (type: string, data: unknown, { recordShapes = true, streamName = 'Cart-1' } = {}) => {
    await createEventStore(storage, { recordShapes }).append(streamName, [{ type, data }]);
  };
  const check = () => open().schema.check([cart]);

  test('finds nothing wrong with what the code can read, in the states that the log has', async () => {
    await write('Opened', { customer: 'Ada' });
    await write('ItemPut', { sku: 'a' });
    await write('ItemAdded', { sku: 'b', note: 'n' });
    await write('Viewed', { by: 'x' });
    expect(await check()).toEqual({ shapes: 4, generated: 0, elsewhere: 0, streams: 1, broken: [], suspected: [] });
    await open().schema.scan();
    expect(await check()).toEqual({ shapes: 4, generated: 0, elsewhere: 0, streams: 1, broken: [], suspected: [] });
  });

  test('tells which events break, and where', async () => {
    await write('Opened', { customer: 'Ada' });
    await write('ItemAdded', { sku: 12 });
    await write('Opened', { customer: 'Bob' }, { streamName: 'Cart-2' });
    await write('Opened', { name: 'Bob' }, { streamName: 'Cart-3' });
    await write('Closed', {}, { streamName: 'Cart-4' });
    const { broken } = await check();
    const told = broken.map(({ type, shape, step, event }) => `${type} ${shape} ${step} ${event?.streamName}`);
    expect(told.toSorted()).toEqual([
      'Closed {} decode Cart-4',
      'ItemAdded { sku: integer } evolve Cart-1',
      'Opened { name: string } evolve Cart-3',
    ]);
    expect(broken.every(({ sample }) => sample === undefined)).toBe(true);
    expect(String(broken.find(({ type }) => type === 'Closed')?.error)).toContain('Closed');
  });

  test('tries made-up values where the log has no event of a shape', async () => {
    await write('Opened', { customer: 'Ada' });
    const store = createEventStore(storage);
    const lost = { expectedVersion: 99 };
    await store.append('Cart-1', [{ type: 'ItemAdded', data: { sku: 'a' } }], lost).catch(() => undefined);
    expect(await check()).toEqual({ shapes: 2, generated: 1, elsewhere: 0, streams: 1, broken: [], suspected: [] });
    await store.append('Cart-1', [{ type: 'ItemAdded', data: { sku: null } }], lost).catch(() => undefined);
    const { generated, broken, suspected } = await check();
    expect([generated, broken]).toEqual([2, []]);
    expect(suspected).toMatchObject([
      { type: 'ItemAdded', shape: '{ sku: null }', step: 'evolve', sample: { sku: null }, event: undefined },
    ]);
  });

  test('needs the types of the store', async () => {
    const untyped = createEventStore(storage);
    await expect(untyped.schema.check([])).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', argument: 'categories' });
  });

  test('scan finds what was written without it, counts, and goes on where it ended', async () => {
    const old = { recordShapes: false };
    for (let n = 0; n < 3; n += 1) await write('ItemAdded', { sku: 'a' }, old);
    await write('ItemAdded', { sku: 'b', note: 'n' }, old);
    const { schema } = open();
    const list = async () => {
      const shapes = await schema.shapes().toArray();
      const byText = (left: RecordedShape, right: RecordedShape) =>
        shapeText(left.shape).localeCompare(shapeText(right.shape));
      return shapes
        .toSorted(byText)
        .map((it) => [shapeText(it.shape), it.eventCount, it.firstPosition, it.lastPosition]);
    };
    expect(await schema.scan()).toEqual({ events: 4, found: 2, position: 4, end: 4 });
    await write('ItemAdded', { sku: 'c' });
    expect(await schema.scan()).toEqual({ events: 1, found: 0, position: 5, end: 5 });
    const counted = [
      ['{ note: string; sku: string }', 1, 4, 4],
      ['{ sku: string }', 4, 1, 5],
    ];
    expect(await list()).toEqual(counted);
    expect(await schema.scan()).toEqual({ events: 0, found: 0, position: 5, end: 5 });
    expect(await schema.scan({ rebuild: true })).toEqual({ events: 5, found: 0, position: 5, end: 5 });
    expect(await list()).toEqual(counted);
  });

  test('scan counts anew where the log was restored to an earlier state', async () => {
    await write('ItemAdded', { sku: 'a' });
    const [shape] = await storage.listShapes({ limit: 1 });
    if (shape === undefined) throw new Error('no shape');
    await storage.saveShapeCounts([{ ...shape, eventCount: 9, firstPosition: 1, lastPosition: 9 }]);
    await open().schema.scan();
    expect(await storage.listShapes({ limit: 1 })).toMatchObject([{ eventCount: 1, lastPosition: 1 }]);
  });

  test('scan can be stopped', async () => {
    await write('ItemAdded', { sku: 'a' });
    await expect(open().schema.scan({ signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
  });

  test('changelog tells how payloads have changed', async () => {
    await write('Opened', { customer: 'Ada' });
    await open().append('Cart-1', [events.Opened({ customer: { name: 'Ada' } })]);
    await write('ItemPut', { sku: 'a' });
    await write('Closed', null);
    await open().schema.scan();
    const history = await open().schema.changelog();
    expect(history.map(({ type, today }) => [type, today])).toEqual([
      ['Closed', { kind: 'unknown' }],
      ['ItemAdded', { kind: 'written', schemaVersion: 1 }],
      ['ItemPut', { kind: 'renamed', to: 'ItemAdded' }],
      ['Opened', { kind: 'written', schemaVersion: 2 }],
      ['Viewed', { kind: 'dropped', reason: 'nobody needs it' }],
    ]);
    expect(history[3]?.versions).toMatchObject([
      { schemaVersion: 1, shape: '{ customer: string }', eventCount: 1, firstPosition: 1, changes: [] },
      {
        schemaVersion: 2,
        shape: '{ customer: { name: string } }',
        changes: [{ path: 'customer', change: 'changed', before: 'string', after: '{ name: string }' }],
      },
    ]);
  });
});

describe('samples of a shape', () => {
  test('have everything first, and then one thing less, or of another kind', () => {
    const shape = [{ sku: 'a', note: 'n' }, { sku: null }].map((value) => shapeOf(value)).reduce(join);
    expect(samplesOf(shape)).toEqual([{ note: 'text', sku: 'text' }, { sku: 'text' }, { note: 'text', sku: null }]);
    expect(samplesOf(shapeOf([{ at: '2026-01-31' }, []]))).toEqual([[[]], [{ at: '2026-01-31' }]]);
    expect(samplesOf(shapeOf({ '12': 1.5 }))).toEqual([{ key: 1.5 }]);
    expect(samplesOf({})).toEqual([null]);
  });
});
