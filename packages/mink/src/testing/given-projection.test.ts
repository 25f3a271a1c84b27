import { describe, expect, test } from 'vitest';
import { defineEvents, defineProjection, documents, payload, upcastFrom } from '../core/index.ts';
import { givenProjection } from './index.ts';

const cartEvents = defineEvents({
  ItemAdded: upcastFrom(payload<{ item: string }>())
    .to(2, ({ item }) => ({ sku: item }))
    .now(payload<{ sku: string }>()),
  Cleared: payload<null>(),
});
class NoSuchItem extends Error {}
const cartSummary = defineProjection({
  name: 'cart-summary',
  events: { Cart: cartEvents },
  readModel: documents<{ skus: string; since?: string }>(),
}).on({
  ItemAdded: (cart, { data, recordedAt }) => {
    if (data.sku === 'x') throw new NoSuchItem('no x');
    return { skus: (cart?.skus ?? '') + data.sku, since: cart?.since ?? recordedAt.toISOString().slice(0, 10) };
  },
  Cleared: () => null,
});
const add = (sku: string) => cartEvents.ItemAdded({ sku });
const cart = (skus: string, since = '2026-01-01') => ({ skus, since });

describe('given events, then a read model', () => {
  test('is compared as a whole, or under one key', async () => {
    const given = givenProjection(cartSummary)
      .events({ 'Cart-1': [add('a'), add('b')], 'Cart-2': [add('c')] })
      .events({ 'Cart-1': [add('d')], 'Cart-2': [cartEvents.Cleared(null)] });
    await given.then({ 'Cart-1': cart('abd') });
    await given.thenUnder('Cart-1', cart('abd'));
    await given.thenUnder('Cart-2', null);
    await given.thenUnder('Cart-1', (cart) => expect(cart?.skus).toHaveLength(3));
    await givenProjection(cartSummary).thenNothing();
    await givenProjection(cartSummary).events({}).thenNothing();
  });

  test('is made of events as they were stored once', async () => {
    await givenProjection(cartSummary)
      .stored([
        { streamName: 'Cart-1', type: 'ItemAdded', data: { item: 'a' }, recordedAt: new Date('2020-02-02') },
        { streamName: 'Cart-1', type: 'ItemAdded', schemaVersion: 2, data: { sku: 'b' } },
      ])
      .events({ 'Cart-1': [add('c')] })
      .then({ 'Cart-1': cart('abc', '2020-02-02') });
  });

  test('fails with the difference', async () => {
    const given = givenProjection(cartSummary).events({ 'Cart-1': [add('a')] });
    await expect(given.then({ 'Cart-1': cart('b') })).rejects.toMatchObject({ code: 'ERR_ASSERTION' });
    await expect(given.then({ 'Cart-1': cart('a'), 'Cart-2': cart('a') })).rejects.toThrow('Cart-2');
    await expect(given.thenNothing()).rejects.toMatchObject({ code: 'ERR_ASSERTION' });
    await expect(given.thenUnder('Cart-2', cart('a'))).rejects.toMatchObject({ code: 'ERR_ASSERTION' });
  });

  test('says what a handler threw, where none was expected to, and is content where one was', async () => {
    const given = givenProjection(cartSummary).events({ 'Cart-1': [add('a'), add('x')], 'Cart-2': [add('b')] });
    await expect(given.then({ 'Cart-1': cart('a') })).rejects.toThrow(NoSuchItem);
    await given.thenThrows(NoSuchItem);
    await given.thenThrows(NoSuchItem, { key: 'Cart-1' });
    await expect(given.thenThrows(NoSuchItem, { key: 'Cart-2' })).rejects.toThrow('no handler failed there');
    await expect(given.thenThrows(TypeError)).rejects.toThrow('Expected TypeError');
  });

  test('that cannot be read is an error', async () => {
    const given = givenProjection(cartSummary).stored([
      { streamName: 'Cart-1', type: 'ItemAdded', schemaVersion: 9, data: null },
    ]);
    await given.thenThrows('UNKNOWN_EVENT_TYPE');
  });

  test('wants an end', async () => {
    const chain: unknown = givenProjection(cartSummary).events({});
    await expect(Promise.resolve(chain)).rejects.toThrow('Do not await');
  });
});
