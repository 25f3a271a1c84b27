import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { createMemoryStore } from '../memory/index.ts';
import { causedBy, currentMetadata, withMetadata } from './metadata.ts';

const event = { id: '00000000-0000-7000-8000-000000000001', metadata: {} };

describe('ambient metadata', () => {
  test('is empty where nobody has set any', () => {
    expect(currentMetadata()).toEqual({});
  });

  test('is there inside withMetadata, and gone afterwards', () => {
    const inside = withMetadata({ correlationId: 'c-1', shop: { id: 7 } }, () => currentMetadata());
    expect(inside).toEqual({ correlationId: 'c-1', shop: { id: 7 } });
    expect(currentMetadata()).toEqual({});
  });

  test('nests: the inner values win, the others show through, and the outer come back', () => {
    withMetadata({ correlationId: 'outer', userId: 'u-1' }, () => {
      withMetadata({ correlationId: 'inner', tenantId: 't-1' }, () => {
        expect(currentMetadata()).toEqual({ correlationId: 'inner', userId: 'u-1', tenantId: 't-1' });
      });
      expect(currentMetadata()).toEqual({ correlationId: 'outer', userId: 'u-1' });
    });
  });

  test('gives back what the work gives, and passes on what it throws', async () => {
    expect(withMetadata({}, () => 7)).toBe(7);
    await expect(withMetadata({}, async () => 'later')).resolves.toBe('later');
    expect(() =>
      withMetadata({}, () => {
        throw new Error('no');
      }),
    ).toThrow('no');
    expect(currentMetadata()).toEqual({});
  });

  test('follows asynchronous work, and concurrent work does not see each other', async () => {
    const seen = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        withMetadata({ correlationId: `c-${index}` }, async () => {
          await nextTurn();
          const inner = await withMetadata({ userId: `u-${index}` }, async () => {
            await nextTurn();
            return currentMetadata();
          });
          await nextTurn();
          return [inner, currentMetadata()];
        }),
      ),
    );
    for (const [index, pair] of seen.entries()) {
      expect(pair).toEqual([{ correlationId: `c-${index}`, userId: `u-${index}` }, { correlationId: `c-${index}` }]);
    }
  });

  test('is recorded by every append inside, also several calls deep', async () => {
    await using store = createMemoryStore();
    const deep = async (): Promise<void> => {
      await nextTurn();
      await store.append('Order-1', [{ type: 'Placed', data: {} }]);
    };
    await Promise.all([
      withMetadata({ correlationId: 'a' }, deep),
      withMetadata({ correlationId: 'b' }, () => withMetadata({ userId: 'u' }, deep)),
      deep(),
    ]);
    const recorded = (await store.readAll().toArray()).map(({ metadata }) => JSON.stringify(metadata));
    expect(recorded.toSorted()).toEqual(['{"correlationId":"a"}', '{"correlationId":"b","userId":"u"}', '{}']);
  });
});

describe('what an event causes', () => {
  test('has the same correlation, and the event as its cause', () => {
    expect(causedBy({ ...event, metadata: { correlationId: 'c-1', causationId: 'before' } })).toMatchObject({
      correlationId: 'c-1',
      causationId: event.id,
    });
  });

  test('is correlated by the event itself where it had no correlation', () => {
    expect(causedBy(event)).toMatchObject({ correlationId: event.id, causationId: event.id });
  });

  test('keeps user, tenant and trace, and nothing else', () => {
    const metadata = { userId: 'u', tenantId: 't', traceparent: '00-a-b-01', ip: '::1' };
    expect(causedBy({ ...event, metadata })).toEqual({
      correlationId: event.id,
      causationId: event.id,
      userId: 'u',
      tenantId: 't',
      traceparent: '00-a-b-01',
    });
  });

  test('a chain of causes keeps one correlation, and each names the one before', async () => {
    await using store = createMemoryStore();
    const append = async (name: string) =>
      (await store.append(name, [{ type: 'Happened', data: {} }])).events[0] ?? event;
    const first = await append('Order-1');
    const second = await withMetadata(causedBy(first), () => append('Invoice-1'));
    const third = await withMetadata(causedBy(second), () => append('Mail-1'));
    expect(second.metadata).toEqual({ correlationId: first.id, causationId: first.id });
    expect(third.metadata).toEqual({ correlationId: first.id, causationId: second.id });
  });
});
