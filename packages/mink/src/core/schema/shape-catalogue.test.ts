import { describe, expect, test } from 'vitest';
import { createMemoryStorage } from '../../memory/index.ts';
import { storageWith } from '../../../test/support/storage-with.ts';
import type { EventStorage } from '../storage/event-storage.ts';
import { createEventStore } from '../store/event-store.ts';
import { REST_HASH } from './recorded-shape.ts';
import { shapeText } from './shape-text.ts';

const added = (data: unknown): { readonly type: string; readonly data: unknown } => ({ type: 'Added', data });

async function textsOf(storage: EventStorage): Promise<readonly string[]> {
  const shapes = await storage.listShapes({ type: 'Added', limit: 1_000 });
  return shapes.map(({ shape }) => shapeText(shape)).toSorted();
}

describe('before an append, the shape of its payloads', () => {
  test('is recorded; what covers it needs no other, and a shape that is known costs nothing', async () => {
    const inner = createMemoryStorage();
    const calls: string[] = [];
    const storage = storageWith(inner, {
      append: async (command, options) => {
        calls.push(`append after ${(await textsOf(inner)).join(', ')}`);
        return inner.append(command, options);
      },
      listShapes: (query) => {
        calls.push('list');
        return inner.listShapes(query);
      },
    });
    const store = createEventStore(storage);
    await store.append('Cart-1', [added({ sku: 'a' })]);
    await store.append('Cart-1', [added({ sku: 'b' }), added({ sku: 'c' })]);
    await store.append('Cart-1', [added({ sku: '12' })]);
    await store.append('Cart-1', [added({ sku: null })]);
    expect(calls).toEqual([
      'list',
      'list',
      'append after { sku: string }',
      'append after { sku: string }',
      'append after { sku: string }',
      'list',
      'append after { sku: null }, { sku: string }',
    ]);
  });

  test('is recorded by one append, and waited for by the others in their order', async () => {
    const inner = createMemoryStorage();
    let records = 0;
    const waiting: (() => void)[] = [];
    const storage = storageWith(inner, {
      recordShape: async (shape) => {
        records += 1;
        await new Promise<void>((resolve) => waiting.push(resolve));
        return inner.recordShape(shape);
      },
    });
    const store = createEventStore(storage);
    const known = store.append('Cart-1', [{ type: 'Known', data: null }]);
    await expect.poll(() => waiting.length).toBe(1);
    waiting.pop()?.();
    await known;
    const aborting = new AbortController();
    const first = store.append('Cart-1', [added({ n: 1 })]);
    const aborted = store.append('Cart-1', [added({ n: 2 })], { signal: aborting.signal });
    const behind = store.append('Cart-1', [{ type: 'Known', data: null }]);
    const beside = store.append('Cart-2', [added({ n: 3 })]);
    await expect.poll(() => waiting.length).toBe(1);
    aborting.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    waiting.pop()?.();
    await Promise.all([first, behind, beside]);
    const events = await store.readStream('Cart-1').toArray();
    expect(events.map(({ type }) => type)).toEqual(['Known', 'Added', 'Known']);
    expect(records).toBe(2);
  });

  test('that cannot be recorded keeps the event out of the log, and no other append', async () => {
    const inner = createMemoryStorage();
    let isBroken = true;
    const storage = storageWith(inner, {
      recordShape: (shape) => (isBroken ? Promise.reject(new Error('disk full')) : inner.recordShape(shape)),
    });
    const store = createEventStore(storage);
    const refused = store.append('Cart-1', [added(1)]);
    const other = store.append('Cart-1', [added(2)]);
    await expect(refused).rejects.toThrow('disk full');
    await expect(other).rejects.toThrow('disk full');
    expect(await store.readAll().toArray()).toEqual([]);
    isBroken = false;
    await store.append('Cart-1', [added(1)]);
    expect(await textsOf(inner)).toEqual(['integer']);
  });

  test('is one of the rest where there are 256: objects with keys of their own become maps', async () => {
    const storage = createMemoryStorage();
    const store = createEventStore(storage);
    for (let n = 0; n < 400; n += 1) {
      await store.append('Cart-1', [added({ id: 'x', items: { [`sku${n}s`]: { quantity: n } } })]);
    }
    const shapes = await storage.listShapes({ type: 'Added', limit: 1_000 });
    expect(shapes.length).toBe(257);
    const rest = shapes.find(({ hash }) => hash === REST_HASH);
    if (rest === undefined) throw new Error('no rest');
    expect(shapeText(rest.shape)).toBe('{ id: string; items: { [key]: { quantity: integer } } }');
    await store.append('Cart-1', [added({ id: 1, items: { another: { quantity: 1.5 } } })]);
    const later = await storage.listShapes({ type: 'Added', limit: 1_000 });
    const widened = later.find(({ hash }) => hash === REST_HASH);
    if (widened === undefined) throw new Error('no rest');
    expect(shapeText(widened.shape)).toBe('{ id: integer | string; items: { [key]: { quantity: number } } }');
  });

  test('is not looked at where the store is told not to', async () => {
    const storage = createMemoryStorage();
    await createEventStore(storage, { recordShapes: false }).append('Cart-1', [added(1)]);
    expect(await textsOf(storage)).toEqual([]);
  });
});
