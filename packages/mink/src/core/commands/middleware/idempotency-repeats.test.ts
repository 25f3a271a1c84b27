import { beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createMemoryStore } from '../../../memory/index.ts';
import { defineDecider } from '../../deciders/decider.ts';
import { defineEvents } from '../../events/define-events.ts';
import { payload } from '../../events/event-schema.ts';
import type { EventStore } from '../../store/event-store.ts';
import { createCommandBus } from '../bus.ts';
import { defineCommands, type CommandOf } from '../define-messages.ts';
import { commandHandlers, deciderHandlers } from '../handlers.ts';
import type { Middleware } from '../message-context.ts';
import { recommendedPipeline } from '../recommended-pipeline.ts';
import { idempotency } from './idempotency.ts';

const events = defineEvents({ Paid: payload<{ amount: number }>() });
const categories = { Invoice: events };
let clock = 0;
const commands = defineCommands({
  Pay: z.object({
    invoice: z.string().toLowerCase(),
    amount: z.number(),
    at: z.number().default(() => (clock += 1)),
  }),
  PayAt: payload<{ invoice: string; at?: unknown }>(),
});
type PayCommand = CommandOf<typeof commands>;

const invoice = defineDecider({
  category: 'Invoice',
  events,
  initialState: () => 0,
  evolve: (paid, { data }) => paid + data.amount,
  decide: ({ type, data }: PayCommand) => events.Paid({ amount: type === 'Pay' ? data.amount : 1 }),
});

let store: EventStore<typeof categories>;
let others: EventStore<typeof categories>;

beforeEach(() => {
  store = createMemoryStore({ categories });
  others = createMemoryStore({ categories });
});

const handlers = [deciderHandlers(commands, invoice, { id: ({ data }) => data.invoice })];

function busOf(middleware: readonly Middleware[], target = store) {
  return createCommandBus(target, { handlers, middleware });
}

describe('a repeat', () => {
  test.each([
    ['after the check of the data', () => recommendedPipeline()],
    ['before the check of the data', () => [idempotency()]],
  ])('%s finds the entity that the checked data named, and needs no default twice', async (_, middleware) => {
    const pay = commands.Pay({ invoice: 'A', amount: 5 }, { id: 'k' });
    const first = await busOf(middleware()).dispatch(pay);
    expect(first).toMatchObject({ streamName: 'Invoice-a', state: 5 });
    expect(await busOf(middleware()).dispatch(pay)).toEqual(first);
    expect(await store.readAll().toArray()).toHaveLength(1);
  });

  test.each([
    ['URLs', new URL('https://a.example'), new URL('https://b.example')],
    ['buffers', new Uint8Array([1]).buffer, new Uint8Array([2]).buffer],
    ['numbers that JSON does not hold', Number.NaN, null],
  ])('with other data is refused, of %s, too', async (_, one, another) => {
    await busOf([idempotency()]).dispatch(commands.PayAt({ invoice: '1', at: one }, { id: 'k' }));
    const changed = busOf([idempotency()]).dispatch(commands.PayAt({ invoice: '1', at: another }, { id: 'k' }));
    await expect(changed).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
  });

  test('is not one in another store that has the same layers', async () => {
    const middleware = [idempotency()];
    const pay = commands.PayAt({ invoice: '1' }, { id: 'k' });
    await Promise.all([busOf(middleware).dispatch(pay), busOf(middleware, others).dispatch(pay)]);
    expect(await others.readAll().toArray()).toHaveLength(1);
  });

  test('does not wait for a call that never ends, once its sender has gone', async () => {
    let calls = 0;
    const stuck: Middleware = (context, next) => ((calls += 1) === 1 ? new Promise(() => undefined) : next(context));
    const bus = busOf([idempotency(), stuck]);
    const gone = new AbortController();
    const pay = commands.PayAt({ invoice: '1' }, { id: 'k' });
    void bus.dispatch(pay, { signal: gone.signal });
    const waiting = bus.dispatch(pay);
    await expect.poll(() => calls).toBe(1);
    gone.abort();
    expect((await waiting).streamVersion).toBe(1);
    expect((await bus.dispatch(pay)).streamVersion).toBe(1);
    expect(await store.readAll().toArray()).toHaveLength(1);
  });
});

describe('a command within itself', () => {
  const nested = defineCommands({ Outer: payload<null>(), Inner: payload<null>() });

  /** A bus whose Outer sends something. */
  function sending(work: (dispatch: (id: string, type?: 'Outer' | 'Inner') => Promise<unknown>) => unknown) {
    const dispatch = (id: string, type: 'Outer' | 'Inner' = 'Outer'): Promise<unknown> =>
      bus.dispatch({ ...nested[type](null), id });
    const bus = createCommandBus(store, {
      handlers: [
        commandHandlers(nested, {
          Outer: async () => ({ value: await work(dispatch) }),
          Inner: async () => {
            await dispatch('a');
          },
        }),
      ],
      middleware: [idempotency()],
    });
    return dispatch;
  }

  test('is an error, by whatever way it comes back, and the command may be sent again', async () => {
    const error = { code: 'COMMAND_WITHIN_ITSELF', key: 'a', messageType: 'Outer' };
    await expect(sending((dispatch) => dispatch('a'))('a')).rejects.toMatchObject(error);
    await expect(sending((dispatch) => dispatch('b', 'Inner'))('a')).rejects.toMatchObject(error);
    expect(await sending(() => 'done')('a')).toMatchObject({ value: 'done' });
  });

  test('is none with another id, nor as a repeat beside it', async () => {
    let left = 2;
    const dispatch = sending((again) => ((left -= 1) > 0 ? again('b') : 'done'));
    const [first, repeat] = await Promise.all([dispatch('a'), dispatch('a')]);
    expect(first).toMatchObject({ value: { value: 'done' } });
    expect(repeat).toMatchObject({ value: { value: 'done' } });
  });
});

test('an error that is a result keeps its code, text or number', async () => {
  const error = Object.assign(new Error('gone'), { code: 410 });
  const dispatch = (): Promise<unknown> => {
    const refuse = (): never => {
      throw error;
    };
    const bus = createCommandBus(store, {
      handlers: [commandHandlers(commands, { Pay: refuse, PayAt: refuse })],
      middleware: [idempotency({ isResult: () => true })],
    });
    return bus.dispatch(commands.PayAt({ invoice: '1' }, { id: 'k' }));
  };
  await expect(dispatch()).rejects.toBe(error);
  await expect(dispatch()).rejects.toMatchObject({ code: 410, message: 'gone' });
});
