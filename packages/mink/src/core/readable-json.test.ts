import { expect, test } from 'vitest';
import { readableJson } from './readable-json.ts';

test('cuts off what lies in itself, and shows what only comes twice', () => {
  const circle: { name: string; self?: unknown } = { name: 'a' };
  circle.self = [circle];
  expect(readableJson(circle)).toEqual({ name: 'a', self: ['…'] });
  const shared = { sku: 'b' };
  expect(readableJson([shared, shared])).toEqual([{ sku: 'b' }, { sku: 'b' }]);
  const map = new Map<string, unknown>();
  map.set('itself', map);
  expect(readableJson(map)).toEqual([['itself', '…']]);
});
