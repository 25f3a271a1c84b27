import { describe, expect, test } from 'vitest';
import { describeFailure } from '../src/failure.ts';
import { jsonText } from '../src/json-text.ts';
import { lagText } from '../src/lag-text.ts';
import { maskPasswords } from '../src/mask-passwords.ts';
import { Table } from '../src/table.ts';
import { cutToWidth, escapeControls, widthOf } from '../src/terminal-text.ts';
import { lineOf } from '../src/top/cells.ts';

describe('escapeControls', () => {
  test.each([
    ['an escape sequence', '\u001B[2J', '\\u001b[2J'],
    ['the one-character form of it', '\u009B2J', '\\u009b2J'],
    ['line ends', 'a\r\nb\u2028c\u2029', 'a\\u000d\\u000ab\\u2028c\\u2029'],
    ['delete', '\u007F', '\\u007f'],
    ['a reversal of the direction', 'Order\u202E42', 'Order\\u202e42'],
    ['a format character beyond 16 bits', '\u{E0041}', '\\udb40\\udc41'],
    ['half a surrogate pair', '\uD800', '\\ud800'],
  ])('spells out %s', (_what, text, escaped) => {
    expect(escapeControls(text)).toBe(escaped);
  });

  test('leaves other text as it is', () => {
    expect(escapeControls('Größe 🦦 日本 "x" \\')).toBe('Größe 🦦 日本 "x" \\');
  });
});

describe('what is wider than its characters', () => {
  const names = ['Order-1', '注文-42', '🦦', '👩‍👩‍👧', 'é', 'zürich'];

  test('is cut to the columns of a terminal, never in the middle of a character', () => {
    for (const name of names) {
      for (let width = 1; width <= 9; width += 1) {
        const text = cutToWidth(name, width);
        expect(widthOf(text), `${name} in ${width}`).toBeLessThanOrEqual(width);
        expect(text === name || name.startsWith(text.slice(0, -1))).toBe(true);
      }
    }
    expect(cutToWidth('注文-42', 6)).toBe('注文-…');
    expect(cutToWidth('👩‍👩‍👧👩‍👩‍👧', 3)).toBe('👩‍👩‍👧…');
  });

  test('moves no column beside it', () => {
    const table = new Table([{ title: 'STREAM' }, { title: 'EVENTS' }]);
    const lines = table
      .page(names.map((name) => [name, '1']))
      .trimEnd()
      .split('\n');
    expect(new Set(lines.slice(1).map(widthOf)).size).toBe(1);
    const columns = [
      { width: 8, align: 'left' },
      { width: 3, align: 'right' },
    ] as const;
    expect(new Set(names.map((name) => widthOf(lineOf([name, '1'], columns))))).toEqual(new Set([13]));
  });
});

describe('lagText', () => {
  test('says that a lag was not counted to its end', () => {
    expect([0, 9_999, 10_000].map((events) => lagText(events))).toEqual(['0', '9999', '≥10000']);
  });
});

describe('jsonText', () => {
  test('loses nothing of a payload, whatever is in it', () => {
    const value = {
      'k\u009B': ['\u0000\u001B\u007F\u0085\u202E\u2028\u{E0041}', -0, 1e21, null, true],
      __proto__x: {},
    };
    const text = jsonText(value);
    expect(text).toMatch(/^[\x20-\x7E]*$/u);
    expect(JSON.parse(text)).toEqual(value);
    expect(Object.is(JSON.parse(text)['k\u009B'][1], -0)).toBe(true);
  });

  test('keeps a member named "__proto__"', () => {
    expect(jsonText(JSON.parse('{"__proto__":{"a":1}}'))).toBe('{"__proto__":{"a":1}}');
  });

  test('shows what codecs make of payloads', () => {
    const at = new Date('2026-01-31T10:00:00Z');
    const value = { at, big: 12n, map: new Map([['a', 1n]]), set: new Set([1]), nothing: undefined, not: NaN, f: test };
    expect(jsonText(value)).toBe(
      '{"at":"2026-01-31T10:00:00.000Z","big":"12","map":[["a","1"]],"set":[1],"not":"NaN"}',
    );
  });
});

test('maskPasswords hides every password in a URL', () => {
  expect(maskPasswords('to postgres://app:s3cret@db:5432/x, postgres://me@db/x')).toBe(
    'to postgres://app:***@db:5432/x, postgres://me@db/x',
  );
  expect(maskPasswords('postgres://app:s3/cr@et@db/x')).toBe('postgres://app:***@db/x');
  expect(maskPasswords('postgres://db/x?user=a&password=s3cret&sslmode=require')).toBe(
    'postgres://db/x?user=a&password=***&sslmode=require',
  );
});

test('Table aligns its columns as they are seen, and writes its titles once', () => {
  const table = new Table([{ title: 'NAME' }, { title: 'N', align: 'right' }, { title: 'REST' }]);
  expect(
    table.page([
      ['🦦', '1', 'x'],
      ['Order-1', '10', '\u001B'],
    ]),
  ).toBe('NAME      N  REST\n🦦        1  x\nOrder-1  10  \\u001b\n');
  expect(table.page([['a', '2', '']])).toBe('a         2\n');
});

describe('an unexpected error', () => {
  const bug = new TypeError('x is not a function', { cause: new Error('inner \u001B[31m') });

  test('has its message and a hint, and no stack', () => {
    expect(describeFailure(bug, { json: false, debug: false })).toEqual({
      text: 'error: Unexpected: x is not a function\nThis should not happen. Set MINK_DEBUG=1 for the stack trace.\n',
      exitCode: 1,
    });
  });

  test('has the stacks of its causes for MINK_DEBUG=1, and cannot steer the terminal', () => {
    const { text } = describeFailure(bug, { json: false, debug: true });
    expect(text).toContain('caused by Error: inner \\u001b[31m');
  });

  test('has the code UNEXPECTED in JSON', () => {
    const { text } = describeFailure('thrown text', { json: true, debug: false });
    expect(JSON.parse(text).error).toMatchObject({ code: 'UNEXPECTED', message: 'Unexpected: thrown text' });
  });
});
