import { deepStrictEqual } from 'node:assert';
import { assert as check, property, string } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InvalidStreamNameError } from './errors.ts';
import { parseStreamName, partitionKey, streamName, textProblem } from './stream-name.ts';

function errorOf(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}

describe('stream names', () => {
  test('are the category, a "-" and the id', () => {
    expect(streamName('Order', '42')).toBe('Order-42');
    expect(streamName('Order', 'a-b-c')).toBe('Order-a-b-c');
  });

  test('are parsed at their first "-"', () => {
    expect(parseStreamName('Order-a-b')).toEqual({ category: 'Order', id: 'a-b' });
    expect(parseStreamName('Order--')).toEqual({ category: 'Order', id: '-' });
    expect(parseStreamName('订单-😀')).toEqual({ category: '订单', id: '😀' });
  });

  test('whatever streamName accepts, parseStreamName takes apart again', () => {
    check(
      property(string({ unit: 'binary', minLength: 1 }), string({ unit: 'binary', minLength: 1 }), (category, id) => {
        const valid = !category.includes('-') && textProblem(category) === undefined && textProblem(id) === undefined;
        const parsed = errorOf(() => parseStreamName(streamName(category, id)));
        deepStrictEqual(
          parsed instanceof InvalidStreamNameError ? 'refused' : parsed,
          valid ? { category, id } : 'refused',
        );
      }),
    );
  });

  test.each([
    ['', 'it is empty'],
    ['Order', 'it has no "-"'],
    ['-1', 'its category is empty'],
    ['-', 'its category is empty'],
    ['Order-', 'its id is empty'],
    ['Order-\u0000', 'it contains the control character U+0000'],
    ['Order-a\nb', 'it contains the control character U+000A'],
    ['Order-\u007f', 'it contains the control character U+007F'],
    ['Order-\ud83d', 'it contains half a surrogate pair, U+D83D'],
    ['Order-\ude00x', 'it contains half a surrogate pair, U+DE00'],
    [`Order-${'x'.repeat(507)}`, 'it is longer than 512 characters'],
  ])('%j is refused, and the error says why', (name, reason) => {
    const error = errorOf(() => parseStreamName(name));
    expect(error).toBeInstanceOf(InvalidStreamNameError);
    expect(error).toMatchObject({ code: 'INVALID_STREAM_NAME', streamName: name, reason });
  });

  test('512 characters are accepted', () => {
    expect(parseStreamName(`Order-${'x'.repeat(506)}`).id).toHaveLength(506);
  });

  test('a category with a "-" is refused: it would be parsed as another one', () => {
    expect(errorOf(() => streamName('Order-Line', '1'))).toMatchObject({
      code: 'INVALID_STREAM_NAME',
      reason: 'the category "Order-Line" contains "-"',
    });
  });

  test('an empty category or id is refused', () => {
    expect(errorOf(() => streamName('', '1'))).toMatchObject({ reason: 'its category is empty' });
    expect(errorOf(() => streamName('Order', ''))).toMatchObject({ reason: 'its id is empty' });
  });
});

describe('the partition of a stream', () => {
  // printf '%s' 'Order-42' | sha256sum: the first four digits as a number, modulo 1024.
  test.each([
    ['Order-42', 0x993c, 316],
    ['Order-1', 0x3c35, 53],
    ['Cart-7f3a', 0x6eaa, 682],
    ["Order-it's", 0x238b, 907],
    ['Bestellung-ä', 0x2325, 805],
    ['Bestellung-a\u0308', 0x5a69, 617],
    ['订单-😀', 0xfe92, 658],
    [`Long-${'x'.repeat(507)}`, 0x30f5, 245],
  ])('of %s never changes', (name, firstBytes, partition) => {
    expect(firstBytes % 1024).toBe(partition);
    expect(partitionKey(name)).toBe(partition);
  });

  test('is spread evenly', () => {
    const sizes = new Map<number, number>();
    for (let index = 0; index < 50_000; index += 1) {
      const partition = partitionKey(`Order-${index}`);
      sizes.set(partition, (sizes.get(partition) ?? 0) + 1);
    }
    expect(sizes.size).toBe(1024);
    expect(Math.max(...sizes.keys())).toBe(1023);
    expect(Math.max(...sizes.values())).toBeLessThan(100);
  });
});
