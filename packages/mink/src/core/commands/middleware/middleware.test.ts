import { describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { createMemoryStore } from '../../../memory/index.ts';
import { IdempotencyKeyReusedError } from '../../command-errors.ts';
import {
  ConcurrencyConflictError,
  DatabaseError,
  DatabaseUnavailableError,
  OverloadedError,
  UniqueValueTakenError,
} from '../../errors.ts';
import { defineEvents } from '../../events/define-events.ts';
import { payload } from '../../events/event-schema.ts';
import { currentMetadata, withMetadata } from '../../metadata.ts';
import { BusinessRuleViolationError } from '../business-rule-violation.ts';
import { createCommandBus } from '../bus.ts';
import { defineCommands } from '../define-messages.ts';
import { aggregateHandlers, commandHandlers } from '../handlers.ts';
import type { MessageContext, Middleware } from '../message-context.ts';
import { recommendedPipeline } from '../recommended-pipeline.ts';
import { Aggregate } from '../../deciders/aggregate.ts';
import { audit, type AuditEntry } from './audit.ts';
import { authorize } from './authorization.ts';
import { correlation } from './correlation.ts';
import { logging } from './logging.ts';
import { metrics, type MessageMeasurement } from './metrics.ts';
import { recovery } from './recovery.ts';
import { mayPass, retry } from './retry.ts';
import type { Span, Tracer } from '../../observe/tracer.ts';
import { tracing } from './tracing.ts';
import { validation } from './validation.ts';

const commands = defineCommands({ Do: z.object({ n: z.coerce.number() }) });
const noteEvents = defineEvents({ Noted: payload<{ n: number }>() });
class Note extends Aggregate({
  category: 'Note',
  events: noteEvents,
  initialState: () => 0,
  evolve: (_, event) => event.data.n,
}) {
  note(n: number): void {
    this.apply(noteEvents.Noted({ n }));
  }
}

/** A bus whose only command does this. */
function busDoing(work: (n: number, context: MessageContext) => unknown, ...middleware: readonly Middleware[]) {
  const handlers = [
    commandHandlers(commands, { Do: async ({ data }, context) => ({ value: await work(data.n, context) }) }),
  ];
  const bus = createCommandBus(createMemoryStore(), { handlers, middleware, newId: () => 'new-id' });
  return (n = 1, message = {}, options = {}) => bus.dispatch({ ...commands.Do({ n }), ...message }, options);
}

/** A bus whose only command notes a number in a stream. */
function noting(...middleware: readonly Middleware[]) {
  const store = createMemoryStore({ categories: { Note: noteEvents } });
  const handlers = [
    aggregateHandlers(commands, Note, { id: () => '1', handle: { Do: (note, { data }) => note.note(data.n) } }),
  ];
  return createCommandBus(store, { handlers, middleware, newId: () => 'new-id' });
}

function failing(error: unknown): () => never {
  return () => {
    throw error;
  };
}

class Refused extends BusinessRuleViolationError {
  constructor() {
    super('NOT_TODAY', 'Not today.');
  }
}

/** A clock that moves by 25 ms with every look. */
function clock(): () => number {
  let now = 0;
  return () => (now += 25);
}

describe('recovery', () => {
  test.each([['a string'], [null], [undefined], [5], [{ code: 'X' }]])('makes an error of %j', async (thrown) => {
    const dispatch = busDoing(failing(thrown), recovery());
    await expect(dispatch()).rejects.toMatchObject({ code: 'HANDLER_FAILED', messageType: 'Do', cause: thrown });
  });

  test('lets errors and results through', async () => {
    const error = new Refused();
    await expect(busDoing(failing(error), recovery())()).rejects.toBe(error);
    expect((await busDoing((n) => n, recovery())(3)).value).toBe(3);
  });
});

describe('correlation', () => {
  const seen = (): unknown => currentMetadata();

  test('puts the id of the command on all that it leads to', async () => {
    const { events } = await noting(correlation()).dispatch({ ...commands.Do({ n: 1 }), id: 'c-1' });
    expect(events[0]?.metadata).toEqual({ correlationId: 'c-1', causationId: 'c-1' });
    expect((await busDoing(seen, correlation())()).value).toEqual({ correlationId: 'new-id', causationId: 'new-id' });
  });

  test('goes on with a correlation that is there, in the message or around it', async () => {
    const dispatch = busDoing(seen, correlation());
    const expected = { correlationId: 'r-1', causationId: 'new-id' };
    expect((await dispatch(1, { metadata: { correlationId: 'r-1' } })).value).toEqual(expected);
    expect((await withMetadata({ correlationId: 'r-1' }, () => dispatch())).value).toEqual(expected);
  });
});

describe('validation', () => {
  test('checks before the layers further in, which see what the schema made of the data', async () => {
    const seen: unknown[] = [];
    const look: Middleware = (context, next) => {
      seen.push(context.message.data);
      return next(context);
    };
    const bus = createCommandBus(createMemoryStore(), {
      handlers: [commandHandlers(commands, { Do: ({ data }) => ({ value: data.n }) })],
      middleware: [look, validation(), look],
    });
    expect((await bus.dispatch(commands.Do({ n: '5' }))).value).toBe(5);
    expect(seen).toEqual([{ n: '5' }, { n: 5 }]);
    await expect(bus.dispatch(commands.Do({ n: 'x' }))).rejects.toMatchObject({ code: 'INVALID_MESSAGE' });
    expect(seen).toHaveLength(3);
  });
});

describe('authorize', () => {
  test('lets through what a policy allows', async () => {
    const dispatch = busDoing(
      (n) => n,
      authorize(async ({ message }) => message.type === 'Do'),
    );
    expect((await dispatch(3)).value).toBe(3);
  });

  test.each([
    [false, 'User "ann" may not send "Do".'],
    ['only on Sundays', 'User "ann" may not send "Do": only on Sundays.'],
    ['', 'User "ann" may not send "Do".'],
    [1, 'may not send'],
    [undefined, 'may not send'],
  ])('refuses what it answers with %j', async (answer, message) => {
    const work = vi.fn<() => void>();
    // @ts-expect-error some are no answers
    const policy = authorize(() => answer);
    const dispatch = busDoing(work, policy);
    const refused = withMetadata({ userId: 'ann' }, () => dispatch());
    await expect(refused).rejects.toMatchObject({ code: 'NOT_AUTHORIZED', messageType: 'Do', userId: 'ann' });
    await expect(refused).rejects.toThrow(message);
    expect(work).not.toHaveBeenCalled();
  });

  test('passes on what a policy throws', async () => {
    const error = new Error('no directory');
    await expect(busDoing((n) => n, authorize(failing(error)))()).rejects.toBe(error);
  });
});

describe('retry', () => {
  const conflict = new ConcurrencyConflictError('A-1', 1, 2);

  test.each([
    [new DatabaseUnavailableError('away')],
    [new OverloadedError(5)],
    [new DatabaseError('deadlock', '40P01', undefined)],
    [new DatabaseError('locked', '55P03', undefined)],
    [new DatabaseError('full', '53300', undefined)],
    [conflict],
  ])('tries again after %s', async (error) => {
    let left = 2;
    const dispatch = busDoing(() => (left-- > 0 ? failing(error)() : 'done'), retry({ backoff: 0 }));
    expect((await dispatch()).value).toBe('done');
  });

  test.each([[new Refused()], [new Error('a bug')], [new DatabaseError('denied', '42501', undefined)], ['a string']])(
    'lets %s through at once',
    async (error) => {
      const work = vi.fn<() => never>(failing(error));
      await expect(busDoing(work, retry({ backoff: 0 }))()).rejects.toBe(error);
      expect(work).toHaveBeenCalledTimes(1);
    },
  );

  test('gives up after its tries, with the last error', async () => {
    const errors = [1, 2, 3].map(() => new OverloadedError(5));
    const left = [...errors];
    const dispatch = busDoing(() => failing(left.shift())(), retry({ backoff: 0 }));
    await expect(dispatch()).rejects.toBe(errors[2]);
  });

  test('does not repeat a conflict with a version that the sender has named', async () => {
    const work = vi.fn<() => never>(failing(conflict));
    await expect(busDoing(work, retry({ backoff: 0 }))(1, {}, { expectedVersion: 1 })).rejects.toBe(conflict);
    expect(work).toHaveBeenCalledTimes(1);
  });

  test('may be told what can succeed', async () => {
    let left = 1;
    const canSucceed = (error: unknown): boolean => error instanceof Refused || mayPass(error);
    const dispatch = busDoing(
      () => (left-- > 0 ? failing(new Refused())() : 'done'),
      retry({ backoff: 0, canSucceed }),
    );
    expect((await dispatch()).value).toBe('done');
    expect(() => retry({ tries: 0 })).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });
});

describe('logging', () => {
  function logger() {
    const lines: unknown[] = [];
    const at = (level: string) => (fields: object, message: string) => void lines.push([level, message, fields]);
    return { lines, info: at('info'), warn: at('warn'), error: at('error') };
  }

  test('tells of a command in the words of the series', async () => {
    const log = logger();
    const bus = noting(correlation(), logging(log, { now: clock() }));
    await bus.dispatch(commands.Do({ n: 1 }));
    const fields = { command_type: 'Do', aggregate_id: '1', version: 1, duration_ms: 25, correlation_id: 'new-id' };
    expect(log.lines).toEqual([['info', 'command executed', fields]]);
  });

  test('tells refusals and failures apart, and lets them through', async () => {
    const log = logger();
    const refusal = new Refused();
    const failure = new Error('a bug');
    await expect(busDoing(failing(refusal), logging(log))()).rejects.toBe(refusal);
    await expect(busDoing(failing(failure), logging(log))()).rejects.toBe(failure);
    await expect(busDoing(failing(5), logging(log))()).rejects.toBe(5);
    expect(log.lines).toMatchObject([
      ['warn', 'command refused', { error_code: 'NOT_TODAY', err: refusal }],
      ['error', 'command failed', { error_code: 'Error', err: failure }],
      ['error', 'command failed', { error_code: 'number' }],
    ]);
    await busDoing((n) => n, logging(log))();
    expect(log.lines[3]).toMatchObject(['info', 'command executed', { command_type: 'Do' }]);
  });

  test.each([
    new UniqueValueTakenError('Note-1', { set: 'title', value: 'a', heldBy: 'Note-2' }),
    new IdempotencyKeyReusedError('key', 'Do', 'Undo'),
  ])('$code is a refusal: nobody has to be woken for what a sender has chosen', async (error) => {
    const log = logger();
    await expect(busDoing(failing(error), logging(log))()).rejects.toBe(error);
    expect(log.lines).toMatchObject([['warn', 'command refused', { error_code: error.code }]]);
  });

  test('never logs the data, and fails nothing when the logger does', async () => {
    const log = logger();
    await busDoing((n) => n, logging(log))(424_242);
    expect(JSON.stringify(log.lines)).not.toContain('424242');
    const broken = { info: failing(new Error('disk')), warn: failing(new Error('disk')), error: failing(1) };
    expect((await busDoing((n) => n, logging(broken))(3)).value).toBe(3);
    // A result may look as if it were about a stream, and is not.
    const answer = { streamName: 'no stream', streamVersion: 1 };
    const answering: Middleware = () => Promise.resolve(answer);
    expect(await busDoing((n) => n, logging(log), answering)(3)).toBe(answer);
  });
});

describe('metrics', () => {
  test('tell how each command ended, and how long it took', async () => {
    const measured: MessageMeasurement[] = [];
    const layer = metrics((one) => void measured.push(one), { now: clock() });
    await busDoing((n) => n, layer)();
    await expect(busDoing(failing(new Refused()), layer)()).rejects.toThrow(Error);
    await expect(busDoing(failing(new Error('a bug')), layer)()).rejects.toThrow(Error);
    // Every look at the clock is 25 ms: the layer's own two, and between them the handler's.
    const common = { kind: 'command', type: 'Do', seconds: 0.075, handlerSeconds: 0.025 };
    expect(measured).toEqual([
      { ...common, status: 'succeeded', errorCode: undefined },
      { ...common, status: 'refused', errorCode: 'NOT_TODAY' },
      { ...common, status: 'failed', errorCode: 'Error' },
    ]);
  });

  test('tell how long the handler alone took, with all tries, and of none where it was not asked', async () => {
    const measured: MessageMeasurement[] = [];
    const layer = metrics((one) => void measured.push(one), { now: clock() });
    let tries = 0;
    const work = (): void => {
      if ((tries += 1) === 1) throw new OverloadedError(1);
    };
    await busDoing(work, layer, retry({ backoff: 0 }))();
    await expect(
      busDoing(
        work,
        layer,
        authorize(() => false),
      )(),
    ).rejects.toThrow('may not');
    expect(measured.map(({ handlerSeconds }) => handlerSeconds)).toEqual([0.05, undefined]);
  });

  test('fail nothing when the hook does', async () => {
    expect((await busDoing((n) => n, metrics(failing(new Error('full'))))(3)).value).toBe(3);
  });
});

describe('tracing', () => {
  function tracer() {
    const spans: unknown[] = [];
    const calls: unknown[] = [];
    const span: Span = {
      setAttribute: (name, value) => calls.push([name, value]),
      recordException: (error) => calls.push(error.message),
      setStatus: (status) => calls.push(status),
      end: () => calls.push('end'),
    };
    const it: Tracer = {
      startActiveSpan: (name, options, work) => {
        spans.push([name, options]);
        return work(span);
      },
    };
    return { it, spans, calls };
  }

  test('puts a span around a command, and says what it was about', async () => {
    const { it, spans, calls } = tracer();
    await noting(correlation(), tracing(it)).dispatch(commands.Do({ n: 1 }));
    const attributes = { 'mink.command.type': 'Do', 'mink.command.id': 'new-id', 'mink.correlation_id': 'new-id' };
    expect(spans).toEqual([['command Do', { attributes }]]);
    expect(calls).toEqual([['mink.stream.name', 'Note-1'], ['mink.stream.version', 1], 'end']);
  });

  test('records what went wrong', async () => {
    const { it, calls } = tracer();
    await expect(busDoing(failing(new Error('a bug')), tracing(it))()).rejects.toThrow('a bug');
    await expect(busDoing(failing('x'), tracing(it))()).rejects.toBe('x');
    const bug = [['error.type', 'Error'], 'a bug', { code: 2, message: 'a bug' }, 'end'];
    expect(calls).toEqual([...bug, ['error.type', 'string'], { code: 2, message: 'x' }, 'end']);
  });
});

describe('audit', () => {
  const onLost = vi.fn<() => void>();

  test('writes who wanted what before, and what came of it after', async () => {
    const entries: AuditEntry[] = [];
    const layer = audit((entry) => void entries.push(entry), { onLost, now: () => 1_000 });
    const metadata = { userId: 'ann', tenantId: 't', correlationId: 'r' };
    await noting(layer).dispatch({ ...commands.Do({ n: 1 }), id: 'c-1', metadata });
    const common = { kind: 'command', type: 'Do', id: 'c-1', at: new Date(1_000), ...metadata, errorCode: undefined };
    expect(entries).toEqual([
      { ...common, status: 'attempted', streamName: undefined, streamVersion: undefined },
      { ...common, status: 'succeeded', streamName: 'Note-1', streamVersion: 1 },
    ]);
    await expect(busDoing(failing(new Refused()), layer)()).rejects.toThrow(Error);
    expect(entries[3]).toMatchObject({ status: 'refused', errorCode: 'NOT_TODAY', userId: undefined });
  });

  test('does nothing that could not be written down', async () => {
    const work = vi.fn<() => void>();
    await expect(busDoing(work, audit(failing(new Error('disk')), { onLost }))()).rejects.toThrow('disk');
    expect(work).not.toHaveBeenCalled();
  });

  test('tells of an outcome that it could not write, and gives the result all the same', async () => {
    const lost: unknown[] = [];
    const write = async ({ status }: AuditEntry): Promise<void> => {
      if (status !== 'attempted') throw new Error('disk');
    };
    const layer = audit(write, { onLost: (error, entry) => lost.push([String(error), entry.status]) });
    expect((await busDoing((n) => n, layer)(3)).value).toBe(3);
    expect(lost).toEqual([['Error: disk', 'succeeded']]);
  });
});

describe('the recommended pipeline', () => {
  test('has its layers in the order that works', async () => {
    const order: string[] = [];
    const log = {
      info: () => order.push('logged'),
      warn: (fields: object) => order.push(`logged ${JSON.stringify(fields)}`),
      error: () => order.push('logged an error'),
    };
    const middleware = recommendedPipeline({
      logger: log,
      metrics: ({ status }) => order.push(`measured ${status}`),
      authorize: ({ message }) => {
        order.push(`asked about ${JSON.stringify(message.data)}`);
        return true;
      },
      audit: { write: ({ status, correlationId }) => void order.push(`audit ${status} ${correlationId}`), onLost },
      retry: { backoff: 0 },
    });
    let left = 1;
    const dispatch = busDoing(
      () => (left-- > 0 ? failing(new OverloadedError(1))() : order.push('done')),
      ...middleware,
    );
    await dispatch();
    expect(order).toEqual([
      'asked about {"n":1}',
      'audit attempted new-id',
      'done',
      'audit succeeded new-id',
      'measured succeeded',
      'logged',
    ]);
    await expect(dispatch(Number.NaN)).rejects.toMatchObject({ code: 'INVALID_MESSAGE' });
    expect(order.slice(6)).toEqual(['measured refused', expect.stringContaining('"correlation_id":"new-id"')]);
  });

  test('limits the time to 30 seconds, unless told otherwise', async () => {
    const signalOf = async (options: Parameters<typeof recommendedPipeline>[0]) =>
      (await busDoing((_, { signal }) => signal !== undefined, ...recommendedPipeline(options))()).value;
    expect([await signalOf({}), await signalOf({ timeout: 'none' })]).toEqual([true, false]);
  });

  const onLost = vi.fn<() => void>();
});
