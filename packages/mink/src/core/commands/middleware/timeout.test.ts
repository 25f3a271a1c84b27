import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { createMemoryStore } from '../../../memory/index.ts';
import { LazySignal } from '../../store/lazy-signal.ts';
import { BusinessRuleViolationError } from '../business-rule-violation.ts';
import { createCommandBus } from '../bus.ts';
import { defineCommands } from '../define-messages.ts';
import { commandHandlers } from '../handlers.ts';
import { signalOf } from '../lazy-context.ts';
import type { MessageContext, Middleware } from '../message-context.ts';
import { timeout } from './timeout.ts';
import { validation } from './validation.ts';

const commands = defineCommands({ Do: z.object({ n: z.coerce.number() }) });
const never = (): Promise<never> => new Promise(() => undefined);

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

/** A bus whose only command does this. */
function busDoing(work: (context: MessageContext) => unknown, ...middleware: readonly Middleware[]) {
  const handlers = [commandHandlers(commands, { Do: async (_command, context) => ({ value: await work(context) }) })];
  const bus = createCommandBus(createMemoryStore(), { handlers, middleware });
  return (signal?: AbortSignal) => bus.dispatch(commands.Do({ n: 1 }), { signal });
}

/** What a message comes to that has begun when the time is up. */
async function late(dispatching: Promise<unknown>, begun: () => boolean): Promise<unknown> {
  const outcome = dispatching.catch((error: unknown) => error);
  while (!begun()) await new Promise(setImmediate);
  vi.advanceTimersByTime(50);
  return outcome;
}

describe('timeout', () => {
  test.each([
    ['as it is', []],
    ['checked', [validation()]],
    ['spread by a layer', [(context, next) => next({ ...context })]],
    ['changed by a layer that has looked at it', [(context, next) => next({ ...context, signal: context.signal })]],
    ['within a longer one', [timeout(1_000)]],
  ] satisfies readonly (readonly [string, readonly Middleware[]])[])(
    'stops waiting for a handler that never returns, and aborts its signal: %s',
    async (_, layers) => {
      let signal: AbortSignal | undefined;
      const dispatch = busDoing(
        (context) => {
          ({ signal } = context);
          return never();
        },
        timeout(50),
        ...layers,
      );
      const error = await late(dispatch(), () => signal !== undefined);
      expect(error).toMatchObject({ code: 'MESSAGE_TIMEOUT', messageType: 'Do', milliseconds: 50 });
      expect(signal).toBeInstanceOf(AbortSignal);
      expect(signal?.reason).toBe(error);
    },
  );

  test('gives one signal to everybody who asks, aborted already where that comes later', async () => {
    let kept: MessageContext | undefined;
    const dispatch = busDoing((context) => {
      kept = context;
      return never();
    }, timeout(50));
    const error = await late(dispatch(), () => kept !== undefined);
    expect(kept?.signal?.reason).toBe(error);
    expect(kept?.signal).toBe(kept?.signal);
  });

  test('makes no signal for a handler that does not ask', async () => {
    const made = vi.spyOn(LazySignal.prototype, 'signal', 'get');
    await busDoing(() => 'done', timeout(50), validation())();
    expect(made).not.toHaveBeenCalled();
    made.mockRestore();
  });

  test('a layer that gives a signal of its own has it obeyed', async () => {
    const own = new AbortController();
    let found: unknown;
    const dispatch = busDoing(
      (context) => (found = signalOf(context)),
      timeout(50),
      (context, next) => next({ ...context, signal: own.signal }),
    );
    await dispatch();
    expect(found).toBe(own.signal);
  });

  test('is nothing to a handler that is in time, whether it succeeds or fails, and leaves no timer', async () => {
    class Refused extends BusinessRuleViolationError {}
    const refused = new Refused('NOT_TODAY', 'Not today.');
    expect((await busDoing(() => 'done', timeout(50))()).value).toBe('done');
    await expect(busDoing(() => Promise.reject(refused), timeout(50))()).rejects.toBe(refused);
    const throwing: Middleware = () => {
      throw refused;
    };
    await expect(busDoing(() => 'done', timeout(50), throwing)()).rejects.toBe(refused);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('hands on the signal of the sender', async () => {
    const controller = new AbortController();
    const reason = new Error('gone');
    const dispatch = busDoing(({ signal }) => {
      controller.abort(reason);
      signal?.throwIfAborted();
    }, timeout(50));
    await expect(dispatch(controller.signal)).rejects.toBe(reason);
    await expect(dispatch(controller.signal)).rejects.toBe(reason);
  });

  test('does not end the process when the handler fails later', async () => {
    let fail: ((error: Error) => void) | undefined;
    const dispatch = busDoing(() => new Promise((_, reject) => (fail = reject)), timeout(50));
    expect(await late(dispatch(), () => fail !== undefined)).toMatchObject({ code: 'MESSAGE_TIMEOUT' });
    fail?.(new Error('too late'));
    await new Promise(setImmediate);
  });

  test.each([0, -1, 1.5, Number.NaN, 2 ** 31])('refuses %d', (milliseconds) => {
    expect(() => timeout(milliseconds)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });
});
