import { AssertionError } from 'node:assert';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { Aggregate, defineDecider, defineEvents, EvolveFailedError, MinkError, payload } from '../core/index.ts';
import { given } from './given.ts';

const orderEvents = defineEvents({
  Created: z.object({ customerId: z.string() }),
  ItemAdded: payload<{ sku: string; quantity?: number | undefined }>(),
  Confirmed: payload<null>(),
});
const { Created, ItemAdded, Confirmed } = orderEvents;

interface OrderState {
  readonly status: 'new' | 'open' | 'confirmed';
  readonly items: readonly string[];
}

class OrderEmptyError extends Error {}
class NotOpenError extends MinkError {
  readonly code = 'NOT_OPEN';
}

const fold = {
  category: 'Order',
  events: orderEvents,
  initialState: (): OrderState => ({ status: 'new', items: [] }),
} as const;

const order = defineDecider({
  ...fold,
  evolve: (state, event) => {
    switch (event.type) {
      case 'Created':
        return { ...state, status: 'open' };
      case 'ItemAdded':
        return { ...state, items: [...state.items, event.data.sku] };
      case 'Confirmed':
        return { ...state, status: 'confirmed' };
    }
  },
  decide: (
    command: { readonly type: 'add'; readonly skus: readonly string[] } | { readonly type: 'confirm' },
    state,
  ) => {
    if (state.status !== 'open') throw new NotOpenError('Only an open order can be changed.');
    if (command.type === 'add') return command.skus.map((sku) => ItemAdded({ sku }));
    if (state.items.length === 0) throw new OrderEmptyError('An empty order cannot be confirmed.');
    return Confirmed(null);
  },
});

class Order extends Aggregate({ ...fold, evolve: (state, event) => order.evolve(state, event) }) {
  add(...skus: readonly string[]) {
    if (this.state.status !== 'open') throw new NotOpenError('Only an open order can be changed.');
    for (const sku of skus) this.apply(ItemAdded({ sku }));
  }

  confirm() {
    if (this.state.items.length === 0) throw new OrderEmptyError('An empty order cannot be confirmed.');
    this.apply(Confirmed(null));
  }

  async addLater(sku: string) {
    await nextTurn();
    this.add(sku);
  }
}

const created = Created({ customerId: 'c-1' });
const added = ItemAdded({ sku: 'a' });
const open = given(order, [created]);
const openOrder = given(Order, [created]);

describe.each([
  [
    'a decider',
    {
      add: (...skus: readonly string[]) => open.when({ type: 'add', skus }),
      confirm: (...skus: readonly string[]) =>
        given(order, [created, ...skus.map((sku) => ItemAdded({ sku }))]).when({ type: 'confirm' }),
      addToNew: () => given(order, []).when({ type: 'add', skus: ['a'] }),
    },
  ],
  [
    'an aggregate',
    {
      add: (...skus: readonly string[]) => openOrder.when((it) => it.add(...skus)),
      confirm: (...skus: readonly string[]) =>
        given(Order, [created, ...skus.map((sku) => ItemAdded({ sku }))]).when((it) => it.confirm()),
      addToNew: () => given(Order, []).when((it) => it.add('a')),
    },
  ],
])('given events, when %s gets a command', (_kind, when) => {
  test('then exactly these events passes for exactly these events', () => {
    when.add('a', 'b').then([ItemAdded({ sku: 'a' }), ItemAdded({ sku: 'b' })]);
    when.confirm('a').then([Confirmed(null)]);
  });

  test.each([
    ['another payload', [ItemAdded({ sku: 'b' })]],
    ['another type', [Confirmed(null)]],
    ['one more', [added, added]],
    ['none', []],
  ])('then fails for %s, with what was decided and what was expected', (_what, expected) => {
    const error = errorOf(() => when.add('a').then(expected));
    expect(error).toBeInstanceOf(AssertionError);
    expect(error).toMatchObject({ actual: [added], expected });
  });

  test('then compares payloads as they are stored: undefined is left out', () => {
    when.add('a').then([ItemAdded({ sku: 'a', quantity: undefined })]);
  });

  test('then refuses an expectation that could never be decided', () => {
    // @ts-expect-error not what the schema says
    expect(errorOf(() => when.add('a').then([Created({ customerId: 5 })]))).toMatchObject({
      code: 'INVALID_EVENT_DATA',
    });
    // @ts-expect-error no such type
    expect(errorOf(() => when.add('a').then([{ type: 'Gone', data: 1 }]))).toMatchObject({
      code: 'UNKNOWN_EVENT_TYPE',
    });
  });

  test('thenNothing passes when nothing was decided, and fails otherwise', () => {
    when.add().thenNothing();
    when.add().then([]);
    expect(errorOf(() => when.add('a').thenNothing())).toBeInstanceOf(AssertionError);
  });

  test('thenThrows takes a class, a code or a check', () => {
    when.confirm().thenThrows(OrderEmptyError);
    when.confirm().thenThrows(Error);
    when.addToNew().thenThrows('NOT_OPEN');
    when.addToNew().thenThrows(MinkError);
    let seen: unknown;
    when.confirm().thenThrows((error) => (seen = error));
    expect(seen).toBeInstanceOf(OrderEmptyError);
  });

  test('thenThrows fails for another error, and says which it was', () => {
    const wrongClass = errorOf(() => when.confirm().thenThrows(NotOpenError));
    expect(wrongClass).toBeInstanceOf(AssertionError);
    expect(wrongClass).toMatchObject({
      message: 'Expected NotOpenError, got OrderEmptyError: An empty order cannot be confirmed.',
      actual: expect.any(OrderEmptyError),
    });
    expect(errorOf(() => when.addToNew().thenThrows('OTHER'))).toMatchObject({
      message: 'Expected the code OTHER, got NotOpenError: Only an open order can be changed.',
    });
    expect(errorOf(() => when.confirm().thenThrows('OTHER'))).toBeInstanceOf(AssertionError);
    const mine = new Error('mine');
    const check = (): never => {
      throw mine;
    };
    expect(errorOf(() => when.confirm().thenThrows(check))).toBe(mine);
  });

  test('thenThrows fails when nothing was thrown, and says what was decided instead', () => {
    expect(errorOf(() => when.add('a', 'b').thenThrows(Error))).toMatchObject({
      message: 'Expected an error, but the decision was: ItemAdded, ItemAdded',
    });
    expect(errorOf(() => when.add().thenThrows('NOT_OPEN'))).toMatchObject({
      message: 'Expected an error, but the decision was: nothing',
    });
  });

  test('thenState takes the state or a check of it', () => {
    when.add('a').thenState({ status: 'open', items: ['a'] });
    when.confirm('a').thenState((state) => expect(state.status).toBe('confirmed'));
    when.add().thenState({ status: 'open', items: [] });
  });

  test('thenState fails for another state, and gives the check a frozen one', () => {
    expect(errorOf(() => when.add('a').thenState({ status: 'open', items: [] }))).toBeInstanceOf(AssertionError);
    when.add('a').thenState((state) => expect(Object.isFrozen(state.items)).toBe(true));
  });

  test('an unexpected error comes out of then and thenState as it is', () => {
    expect(errorOf(() => when.confirm().then([]))).toBeInstanceOf(OrderEmptyError);
    expect(errorOf(() => when.confirm().thenNothing())).toBeInstanceOf(OrderEmptyError);
    expect(errorOf(() => when.confirm().thenState(() => undefined))).toBeInstanceOf(OrderEmptyError);
  });

  test('awaiting it says what is wrong instead of hanging', async () => {
    const awaited = new Promise<unknown>((resolve) => resolve(when.add('a')));
    await expect(awaited).rejects.toThrow('Do not await given().when(): end it with .then([…])');
  });
});

function errorOf(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

describe('the given events', () => {
  test('may be used for more than one command: each starts from them', () => {
    open.when({ type: 'add', skus: ['a'] }).thenState((state) => expect(state.items).toEqual(['a']));
    open.when({ type: 'add', skus: ['b'] }).thenState((state) => expect(state.items).toEqual(['b']));
    openOrder.when((it) => it.add('a')).then([added]);
    openOrder.when((it) => it.add('a')).then([added]);
  });

  test('go through their schemas, as in a store', () => {
    const bad = [{ type: 'Created' as const, data: { customerId: 'c', extra: 1 } }];
    given(order, bad)
      .when({ type: 'add', skus: ['a'] })
      .then([added]);
    // @ts-expect-error not what the schema says
    expect(() => given(order, [{ type: 'Created', data: {} }]).when({ type: 'confirm' })).toThrow('customerId');
    // @ts-expect-error no such type
    expect(() => given(Order, [{ type: 'Gone', data: 1 }]).when(() => undefined)).toThrow('"Gone" is not defined');
  });

  test('give the aggregate its version and an id', () => {
    openOrder.when((it) => expect([it.version, it.id]).toEqual([1, 'test'])).thenNothing();
    given(Order, [], { id: '42' })
      .when((it) => expect([it.version, it.id]).toEqual([0, '42']))
      .thenNothing();
  });
});

describe('asynchronous work', () => {
  test('makes every end a promise to wait for', async () => {
    const when = () => openOrder.when((it) => it.addLater('a'));
    await when().then([added]);
    await when().thenState({ status: 'open', items: ['a'] });
    await expect(when().thenNothing()).rejects.toBeInstanceOf(AssertionError);
    await expect(when().thenThrows(Error)).rejects.toThrow('the decision was: ItemAdded');
  });

  test('that fails can be expected to', async () => {
    const failing = () => given(Order, []).when((it) => it.addLater('a'));
    await failing().thenThrows('NOT_OPEN');
    await failing().thenThrows(NotOpenError);
    await expect(failing().then([])).rejects.toBeInstanceOf(NotOpenError);
  });
});

describe('what a store would refuse', () => {
  test('a state that is changed in place fails, whichever event does it', () => {
    const mutating = defineDecider({
      category: 'Order',
      events: orderEvents,
      initialState: () => ({ items: [] as string[] }),
      evolve: (state, event) => {
        if (event.type === 'Created') return { items: ['fresh'] };
        state.items.push('x');
        return state;
      },
      decide: (events: readonly (typeof created | typeof added)[]) => events,
    });
    given(mutating, []).when([added]).thenThrows(EvolveFailedError);
    given(mutating, []).when([created, added]).thenThrows(EvolveFailedError);
    given(mutating, [created]).when([added]).thenThrows('EVOLVE_FAILED');
    expect(() => given(mutating, [created, added]).when([])).toThrow(EvolveFailedError);
  });

  test('a decision that is no list of events, or a promise of one, fails', () => {
    // @ts-expect-error no event
    given(defineDecider({ ...order, decide: () => 'added' }), [])
      .when(undefined)
      .thenThrows('INVALID_ARGUMENT');
    // @ts-expect-error a promise
    const later = defineDecider({ ...order, decide: async () => Promise.reject(new Error('late')) });
    given(later, [])
      .when(undefined)
      .thenThrows((error) => expect(String(error)).toContain('decide must not be asynchronous'));
  });

  test('a payload that does not fit its schema fails', () => {
    // @ts-expect-error not what the schema says
    const careless = defineDecider({ ...order, decide: () => [{ type: 'Created', data: { customerId: 5 } }] });
    given(careless, []).when(undefined).thenThrows('INVALID_EVENT_DATA');
  });

  test('a command where the work with an aggregate is asked for fails', () => {
    // @ts-expect-error not a function
    expect(() => openOrder.when({ type: 'confirm' })).toThrow('when: is not a function of the aggregate');
  });
});

describe('errors that are no errors', () => {
  test('are told apart by their code, or shown as text', () => {
    const throwing = (thrown: unknown) =>
      given(
        defineDecider({
          ...order,
          decide: (): never => {
            throw thrown;
          },
        }),
        [],
      ).when(undefined);
    throwing({ code: 'ECONNRESET' }).thenThrows('ECONNRESET');
    expect(errorOf(() => throwing('text').thenThrows(Error))).toMatchObject({ message: 'Expected Error, got text' });
    expect(errorOf(() => throwing(null).thenThrows('X'))).toMatchObject({ message: 'Expected the code X, got null' });
  });
});
