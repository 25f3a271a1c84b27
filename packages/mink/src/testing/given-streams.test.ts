import { AssertionError } from 'node:assert';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  BusinessRuleViolationError,
  commandHandlers,
  correlation,
  deciderHandlers,
  defineCommands,
  defineDecider,
  defineEvents,
  payload,
  streamName,
  type EventStore,
} from '../core/index.ts';
import { givenStreams } from './given-streams.ts';

const events = defineEvents({
  Deposited: z.object({ amount: z.number(), by: z.string().default('nobody') }),
  Withdrawn: payload<{ amount: number }>(),
});
const { Deposited, Withdrawn } = events;
const categories = { Account: events };
const account = defineDecider({
  category: 'Account',
  events,
  initialState: () => 0,
  evolve: (balance, { type, data }) => (type === 'Deposited' ? balance + data.amount : balance - data.amount),
  decide: ({ data }: { readonly data: { readonly amount: number } }) =>
    data.amount === 0 ? [] : Deposited({ amount: data.amount, by: 'ann' }),
});
const commands = defineCommands({ Transfer: payload<{ from: string; to: string; amount: number }>() });
const deposits = defineCommands({ Deposit: payload<{ id: string; amount: number }>() });

class NotEnoughError extends BusinessRuleViolationError {
  constructor() {
    super('NOT_ENOUGH', 'There is not enough money.');
  }
}

const bank = {
  categories,
  handlers: (store: EventStore<typeof categories>) =>
    [
      commandHandlers(commands, {
        Transfer: async ({ data: { from, to, amount } }) => {
          const source = await store.load(account, from);
          if (source.state < amount) throw new NotEnoughError();
          return {
            append: [
              { streamName: source.streamName, expectedVersion: source.streamVersion, events: [Withdrawn({ amount })] },
              { streamName: streamName('Account', to), events: [Deposited({ amount, by: 'transfer' })] },
            ],
            value: { left: source.state - amount },
          };
        },
      }),
      deciderHandlers(deposits, account, { id: ({ data }) => data.id }),
    ] as const,
  middleware: [correlation()],
};

const given = givenStreams(bank, {
  'Account-a': [Deposited({ amount: 10, by: 'ann' })],
  'Account-b': [Deposited({ amount: 1, by: 'bob' })],
});

describe('given streams, when a command comes', () => {
  test('then these events are appended, to these streams', async () => {
    await given.when(commands.Transfer({ from: 'a', to: 'b', amount: 4 })).then({
      'Account-a': [Withdrawn({ amount: 4 })],
      'Account-b': [Deposited({ amount: 4, by: 'transfer' })],
    });
    await given
      .when(deposits.Deposit({ id: 'c', amount: 2 }))
      .then({ 'Account-c': [Deposited({ amount: 2, by: 'ann' })] });
  });

  test('then this comes back', async () => {
    await given.when(commands.Transfer({ from: 'a', to: 'b', amount: 4 })).thenResult(({ value, streams }) => {
      expect([value.left, streams.length]).toEqual([6, 2]);
    });
    await given.when(deposits.Deposit({ id: 'a', amount: 2 })).thenResult(({ state }) => expect(state).toBe(12));
  });

  test('then nothing, or an error', async () => {
    await given.when(deposits.Deposit({ id: 'a', amount: 0 })).thenNothing();
    const refused = given.when(commands.Transfer({ from: 'b', to: 'a', amount: 4 }));
    await refused.thenThrows(NotEnoughError);
    await refused.thenThrows('NOT_ENOUGH');
    await refused.thenThrows((error) => expect(String(error)).toContain('not enough'));
  });

  test('then anything else fails the test', async () => {
    const transfer = given.when(commands.Transfer({ from: 'a', to: 'b', amount: 4 }));
    const refused = given.when(commands.Transfer({ from: 'b', to: 'a', amount: 4 }));
    for (const wrong of [
      transfer.then({ 'Account-a': [Withdrawn({ amount: 4 })] }),
      transfer.then({
        'Account-a': [Withdrawn({ amount: 5 })],
        'Account-b': [Deposited({ amount: 4, by: 'transfer' })],
      }),
      transfer.thenNothing(),
      transfer.thenThrows(NotEnoughError),
      refused.thenThrows('OTHER'),
      refused.thenThrows(TypeError),
    ]) {
      await expect(wrong).rejects.toBeInstanceOf(AssertionError);
    }
    await expect(refused.thenNothing()).rejects.toBeInstanceOf(NotEnoughError);
    await expect(refused.thenResult(() => undefined)).rejects.toBeInstanceOf(NotEnoughError);
  });

  test('a chain without an end says so', async () => {
    const chain: object = given.when(deposits.Deposit({ id: 'a', amount: 1 }));
    await expect(Promise.resolve(chain)).rejects.toThrow('Do not await givenStreams().when()');
  });

  test('a command that nobody handles, and events of another category, do not compile', () => {
    // @ts-expect-error no such command
    const when = () => given.when({ type: 'Close', data: {} });
    // @ts-expect-error no such event
    const wrong = () => givenStreams(bank, { 'Account-a': [{ type: 'Closed', data: {} }] });
    expect([when, wrong]).toHaveLength(2);
  });
});
