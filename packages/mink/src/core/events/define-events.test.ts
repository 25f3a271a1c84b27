import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { codecFor, codecsOf, defineEvents } from './define-events.ts';
import { payload } from './event-schema.ts';

describe('defineEvents', () => {
  const events = defineEvents({ Placed: z.object({ total: z.number() }), 'order.paid/v1': payload<{ by: string }>() });

  test('makes a creator for each type, which does no more than put type and payload together', () => {
    const data = { total: 1 };
    expect(events.Placed(data)).toEqual({ type: 'Placed', data: { total: 1 } });
    expect(events.Placed(data).data).toBe(data);
    expect(events['order.paid/v1']({ by: 'me' })).toEqual({ type: 'order.paid/v1', data: { by: 'me' } });
  });

  test('lists its types and nothing else', () => {
    expect(Object.keys(events)).toEqual(['Placed', 'order.paid/v1']);
    expect([...codecsOf(events).keys()]).toEqual(['Placed', 'order.paid/v1']);
  });

  test('cannot be changed afterwards', () => {
    expect(() => Object.assign(events, { Paid: 1 })).toThrow(TypeError);
  });

  test('may be empty', () => {
    expect(Object.keys(defineEvents({}))).toEqual([]);
  });

  test('takes types that are named like members of every object', () => {
    const odd = defineEvents({ constructor: payload<number>(), toString: payload<number>() });
    expect(odd.constructor(1)).toEqual({ type: 'constructor', data: 1 });
    expect(codecFor('Odd', odd, 'toString').encode(1).data).toBe(1);
    expect(() => codecFor('Odd', events, 'hasOwnProperty')).toThrow('Event type "hasOwnProperty" is not defined');
  });

  test.each([
    ['', 'event type: is empty'],
    ['a\u0000', 'event type: "a\\u0000": it contains the control character U+0000'],
    ['\ud800', 'it contains half a surrogate pair, U+D800'],
    ['x'.repeat(257), 'is longer than 256 characters'],
  ])('refuses the type %j', (name, message) => {
    expect(() => defineEvents({ [name]: payload() })).toThrow(message);
  });

  test('takes a type of 256 characters', () => {
    expect(Object.keys(defineEvents({ ['x'.repeat(256)]: payload() }))).toHaveLength(1);
  });

  test('runs one-way schemas on reading only when it is told to', () => {
    const schema = {
      '~standard': { version: 1, vendor: 'test', validate: (value: unknown) => ({ value: `${String(value)}!` }) },
    } as const;
    expect(codecFor('A', defineEvents({ A: schema }), 'A').decode('x', undefined)).toBe('x');
    expect(codecFor('A', defineEvents({ A: schema }, { validateOnRead: true }), 'A').decode('x', undefined)).toBe('x!');
  });

  test('an unknown type is an error that lists the known ones', () => {
    expect(() => codecFor('Order', events, 'Gone')).toThrow(
      'Event type "Gone" is not defined for category "Order", which has Placed, order.paid/v1.',
    );
  });
});
