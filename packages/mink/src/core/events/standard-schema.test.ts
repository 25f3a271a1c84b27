import { describe, expect, test } from 'vitest';
import { formatPath } from './standard-schema.ts';

describe('the path of an issue', () => {
  test.each([
    [undefined, ''],
    [[], ''],
    [['items'], 'items'],
    [['items', 2, 'price'], 'items[2].price'],
    [[0], '[0]'],
    [[0, 'a', 1, 2], '[0].a[1][2]'],
    [[{ key: 'items' }, { key: 2 }, { key: 'price' }], 'items[2].price'],
    [[Symbol('s'), 'a'], 'Symbol(s).a'],
  ])('%o is written %j', (path, text) => {
    expect(formatPath(path)).toBe(text);
  });
});
