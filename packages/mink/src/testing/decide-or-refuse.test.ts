import { AssertionError } from 'node:assert';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  BusinessRuleViolationError,
  defineDecider,
  defineEvents,
  EvolveFailedError,
  MinkError,
} from '../core/index.ts';
import { decideOrRefuse } from './decide-or-refuse.ts';
import { given } from './given.ts';

const accountEvents = defineEvents({
  Deposited: z.object({ amount: z.int().positive() }),
  Withdrawn: z.object({ amount: z.int().positive() }),
});
const { Deposited, Withdrawn } = accountEvents;

interface Account {
  balance: number;
}
interface Command {
  readonly type: 'withdraw' | 'deposit';
  readonly amount: number;
}
type Decide = (command: Command, state: Account) => ReturnType<typeof Deposited | typeof Withdrawn>;

class TooMuchError extends Error {}

const accountOf = (decide: Decide) =>
  defineDecider({
    category: 'Account',
    events: accountEvents,
    initialState: (): Account => ({ balance: 0 }),
    evolve: ({ balance }, { type, data: { amount } }) => {
      if (amount === 13) throw new Error('unlucky');
      return { balance: type === 'Deposited' ? balance + amount : balance - amount };
    },
    decide,
  });

const careful = accountOf(({ type, amount }, { balance }) => {
  if (type === 'deposit') return Deposited({ amount });
  if (amount > balance) throw new TooMuchError('There is not enough.');
  return Withdrawn({ amount });
});

describe('decideOrRefuse', () => {
  test('returns the events and the state after them', () => {
    expect(decideOrRefuse(careful, [Deposited({ amount: 5 })], { type: 'withdraw', amount: 3 })).toEqual({
      events: [Withdrawn({ amount: 3 })],
      state: { balance: 2 },
      refusal: undefined,
    });
  });

  test('returns a refusal with the state it was refused in', () => {
    const { events, state, refusal } = decideOrRefuse(careful, [Deposited({ amount: 5 })], {
      type: 'withdraw',
      amount: 6,
    });
    expect([events, state]).toEqual([[], { balance: 5 }]);
    expect(refusal).toBeInstanceOf(TooMuchError);
  });

  test.each<[string, unknown]>([
    ['a class of its own', new TooMuchError('no')],
    ['a rule', new BusinessRuleViolationError('TOO_MUCH', 'no')],
    ['a code', Object.assign(new Error('no'), { code: 'TOO_MUCH' })],
    [
      'an error of mink',
      new (class extends MinkError {
        readonly code = 'TOO_MUCH';
      })('no'),
    ],
  ])('takes %s for a refusal', (_name, error) => {
    const refusing = accountOf(() => {
      throw error;
    });
    expect(decideOrRefuse(refusing, [], { type: 'deposit', amount: 1 }).refusal).toBe(error);
  });

  test.each<[string, unknown, string]>([
    ['a plain error', new Error('no'), 'threw Error: no'],
    ['a range error', new RangeError('no'), 'threw RangeError: no'],
    ['a numeric code', Object.assign(new Error('no'), { code: 5 }), 'threw Error: no'],
    [
      'an error of Node',
      Object.assign(new (class extends TypeError {})('no'), { code: 'ERR_INVALID_ARG_TYPE' }),
      ': no',
    ],
    ['a failed assertion', new AssertionError({ message: 'no' }), 'threw AssertionError: no'],
    ['a string', 'no', "threw 'no', no error"],
    ['nothing', undefined, 'threw undefined, no error'],
  ])('takes %s for a defect', (_name, error, message) => {
    const defective = accountOf(() => {
      throw error;
    });
    const attempt = () => decideOrRefuse(defective, [], { type: 'deposit', amount: 1 });
    expect(attempt).toThrow(message);
    expect(attempt).toThrow("Deciding on { type: 'deposit', amount: 1 } for Account");
  });

  test.each([
    ['the first state', []],
    ['a later state', [Deposited({ amount: 1 })]],
  ])('finds a decision that changes %s in place', (_name, events) => {
    const changing = accountOf(({ amount }, state) => {
      state.balance += amount;
      return Deposited({ amount });
    });
    expect(() => decideOrRefuse(changing, events, { type: 'deposit', amount: 1 })).toThrow('threw TypeError');
    expect(() => {
      given(changing, events)
        .when({ type: 'deposit', amount: 1 })
        .then([Deposited({ amount: 1 })]);
    }).toThrow(TypeError);
  });

  test('fails for a decided event that does not fit its schema', () => {
    const attempt = () => decideOrRefuse(careful, [], { type: 'deposit', amount: -1 });
    expect(attempt).toThrow(expect.objectContaining({ code: 'INVALID_EVENT_DATA' }));
  });

  test('fails where evolve throws, in the past and in what was decided', () => {
    expect(() => decideOrRefuse(careful, [Deposited({ amount: 13 })], { type: 'deposit', amount: 1 })).toThrow(
      EvolveFailedError,
    );
    expect(() => decideOrRefuse(careful, [], { type: 'deposit', amount: 13 })).toThrow(EvolveFailedError);
  });

  test('holds up a property, and finds where it breaks', () => {
    const command = fc.record({
      type: fc.constantFrom('withdraw' as const, 'deposit' as const),
      amount: fc.integer({ min: 14, max: 100 }),
    });
    const never = (decider: typeof careful) =>
      fc.property(fc.array(command), (commands) => {
        let events: readonly (ReturnType<typeof Deposited> | ReturnType<typeof Withdrawn>)[] = [];
        for (const next of commands) {
          const decision = decideOrRefuse(decider, events, next);
          events = [...events, ...decision.events];
          expect(decision.state.balance).toBeGreaterThanOrEqual(0);
        }
      });
    fc.assert(never(careful));
    const careless = accountOf(({ type, amount }) => (type === 'deposit' ? Deposited : Withdrawn)({ amount }));
    expect(fc.check(never(careless)).counterexample).toEqual([[{ type: 'withdraw', amount: 14 }]]);
  });
});
