import { describe, expect, test } from 'vitest';
import { columnValue } from './columns.ts';

describe('a column of text', () => {
  const title = { name: 'title', type: 'text', isNullable: false } as const;

  test('refuses what would be stored as something else', () => {
    expect(columnValue(title, 'a😀')).toBe('a😀');
    expect(() => columnValue(title, 'a😀'.slice(0, 2))).toThrow('column "title"');
    expect(() => columnValue(title, 'a\0')).toThrow('column "title"');
  });
});

describe('a column of times', () => {
  const at = { name: 'at', type: 'timestamp', isNullable: false } as const;

  test.each([
    ['2026-03-01T10:00:00.000Z', '2026-03-01T10:00:00.000Z'],
    ['2026-03-01T10:00:00.123456Z', '2026-03-01T10:00:00.123Z'],
    ['2026-03-01T10:00:00+02:00', '2026-03-01T08:00:00.000Z'],
    ['2026-03-01T10:00Z', '2026-03-01T10:00:00.000Z'],
    ['2028-02-29', '2028-02-29T00:00:00.000Z'],
    ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
    ['9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z'],
  ])('takes %s', (given, kept) => {
    expect(columnValue(at, given)).toBe(kept);
  });

  test.each([
    // Another time in every process whose time zone is another one.
    '2026-03-01T10:00:00',
    '2026-03-01 10:00',
    'March 7, 2026',
    '1',
    // The 2nd of March, to JavaScript.
    '2026-02-30',
    '2026-02-29T10:00:00Z',
    '2026-04-31T10:00:00+02:00',
    '2026-13-01',
    '10000-01-01T00:00:00Z',
    '0000-12-31T00:00:00Z',
    '',
    1_772_359_200_000,
  ])('refuses %j', (given) => {
    expect(() => columnValue(at, given)).toThrow('column "at"');
  });
});
