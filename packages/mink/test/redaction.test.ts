import * as fc from 'fast-check';
import pino from 'pino';
import { describe, expect, test } from 'vitest';
import {
  commandHandlers,
  createCommandBus,
  createProjectionEngine,
  DatabaseError,
  DatabaseUnavailableError,
  defineCommands,
  defineEvents,
  defineProjection,
  documents,
  logObserver,
  payload,
  recommendedPipeline,
  redactSecrets,
  UniqueValueTakenError,
  withMetadata,
  type Redact,
  type StandardSchema,
} from '../src/index.ts';
import { typed } from '../src/core/index.ts';
import { createMemoryStore } from '../src/memory/index.ts';

/** A validator that says what it was given, as many do. */
const talkative: StandardSchema<unknown, { readonly secret: string; readonly isValid: boolean }> = {
  '~standard': {
    version: 1,
    vendor: 'talkative',
    validate: (value) => {
      const { secret, isValid } = typed<{ readonly secret: string; readonly isValid: boolean }>(value);
      return isValid
        ? { value: { secret, isValid } }
        : { issues: [{ message: `received ${secret}`, path: ['secret'] }] };
    },
  },
};

/** What is thrown around a secret, by databases, drivers and mink itself. */
const ERRORS: Readonly<Record<string, (secret: string) => Error>> = {
  'a refused value': (secret) => serverError(`invalid input syntax for type integer: "${secret}"`),
  'a value out of range': (secret) => serverError(`value "${secret}" is out of range for type integer`),
  'a syntax error': (secret) => serverError(`syntax error at or near "${secret}"`),
  'a value that looks like a frame': (secret) =>
    serverError(`invalid input syntax for type json: "x\n    at ${secret}"`),
  'a key': (secret) => new Error(`duplicate key. Key (lower(email))=(${secret}) already exists.`),
  'a row': (secret) => new Error(`violates check "c". Failing row contains (7, ${secret}, null).`),
  'no error at all': (secret) => typed<Error>({ secret }),
  'fields beside the message': (secret) =>
    Object.assign(new Error('duplicate key value'), { detail: `Key (email)=(${secret})`, row: { secret } }),
  'a connection URL': (secret) =>
    new DatabaseUnavailableError(`cannot reach postgres://app:${encodeURIComponent(secret)}@db:5432/orders`),
  'a connection string': (secret) =>
    new Error(`cannot reach host=db password='${secret.replaceAll(/['\\]/gu, '')}' user=app`),
  'a unique value': (secret) => new UniqueValueTakenError('User-1', { set: 'email', value: secret, heldBy: 'User-2' }),
};

function serverError(message: string): Error {
  const cause = Object.assign(new Error(message), { detail: `Key (email)=(x)`, where: message });
  return new DatabaseError(`PostgreSQL: ${message}.`, '22P02', cause);
}

/** Every text in the lines of a real logger. */
function textsOf(lines: readonly string[]): readonly string[] {
  const texts: string[] = [];
  for (const line of lines) {
    JSON.parse(line, (key, value: unknown) => {
      texts.push(key);
      if (typeof value === 'string') texts.push(value);
      return value;
    });
  }
  return texts;
}

function logged() {
  const lines: string[] = [];
  return { lines, logger: pino({ base: null }, { write: (line: string) => void lines.push(line) }) };
}

const secrets = fc
  .oneof(fc.string({ unit: 'grapheme', minLength: 1 }), fc.string({ unit: 'binary', minLength: 1 }), fc.emailAddress())
  .map((text) => `s3cret-${text}-s3cret`);

describe('log lines', () => {
  test('hold nothing of payloads, metadata, connection strings and what databases say of values', async () => {
    const commands = defineCommands({ Fail: payload<{ secret: string; of: string }>(), Check: talkative });
    const events = defineEvents({ Noted: payload<{ secret: string; of: string }>() });
    const failing = (of: string, secret: string): Error | undefined => ERRORS[of]?.(secret);
    const notes = defineProjection({
      name: 'notes',
      events: { Note: events },
      readModel: documents<{ count: number }>(),
    }).on({
      Noted: (_, { data }) => {
        throw failing(data.of, data.secret) ?? new Error('none');
      },
    });
    const property = fc.asyncProperty(secrets, fc.constantFrom(...Object.keys(ERRORS)), async (secret, of) => {
      const { lines, logger } = logged();
      const store = createMemoryStore({ categories: { Note: events }, observer: logObserver(logger) });
      const handlers = commandHandlers(commands, {
        Fail: async ({ data }) => {
          await store.append('Note-1', [events.Noted(data)]);
          throw failing(data.of, data.secret) ?? new Error('none');
        },
        Check: () => undefined,
      });
      const bus = createCommandBus(store, { handlers: [handlers], middleware: recommendedPipeline({ logger }) });
      await withMetadata({ note: secret, userId: secret }, async () => {
        await bus.dispatch(commands.Fail({ secret, of })).catch(() => undefined);
        await bus.dispatch({ type: 'Check', data: { secret, isValid: false } }).catch(() => undefined);
      });
      const engine = createProjectionEngine(store, [notes], { tries: 1, classify: () => 'permanent' });
      await engine.start();
      await engine.waitFor(1).catch(() => undefined);
      await engine.close();
      expect(lines.length).toBeGreaterThanOrEqual(4);
      const all = textsOf(lines);
      for (const told of [secret, encodeURIComponent(secret), secret.replaceAll(/['\\]/gu, '')]) {
        expect(all.filter((text) => text.includes(told))).toEqual([]);
      }
      // What is wrong is still told.
      expect(lines.join('\n')).toContain('"error_code"');
    });
    const seed = Date.now() % 2 ** 31;
    console.log(`redaction: SEED=${seed}`);
    await fc.assert(property, { seed, numRuns: 100 });
  });

  test('keep what helps: names, codes, frames, constraints and paths', async () => {
    const { lines, logger } = logged();
    const commands = defineCommands({ Fail: payload<null>(), Check: talkative });
    const error = new DatabaseError('PostgreSQL: relation "mink.events" does not exist.', '42P01', new Error('cause'));
    const handlers = commandHandlers(commands, {
      Fail: () => {
        throw error;
      },
      Check: () => undefined,
    });
    const store = createMemoryStore();
    const bus = createCommandBus(store, { handlers: [handlers], middleware: recommendedPipeline({ logger }) });
    await bus.dispatch(commands.Fail(null)).catch(() => undefined);
    await bus.dispatch({ type: 'Check', data: { secret: 'x', isValid: false } }).catch(() => undefined);
    const [failed, refused] = lines.map((line): Record<string, Record<string, string>> => JSON.parse(line));
    expect(failed?.['err']).toMatchObject({ name: 'DatabaseError', code: 'DATABASE_ERROR' });
    expect(failed?.['err']?.['message']).toContain('relation "mink.events" does not exist.');
    expect(failed?.['err']?.['stack']).toContain('redaction.test.ts');
    expect(refused?.['err']?.['message']).toBe('"Check" has invalid data: secret');
  });

  test.each([
    ["The database's clock isn't right, and it's late.", "The database's clock isn't right, and it's late."],
    ["invalid value for parameter: 'a b'", "invalid value for parameter: '***'"],
    [
      'cannot reach postgres://ann:pa%40ss@db/x?sslpassword=yy&a=1',
      'cannot reach postgres://***@db/x?sslpassword=***&a=1',
    ],
    ['at http://proxy/postgres://ann:p@ss@db/x?to=a@b', 'at http://proxy/postgres://***@b'],
    ['Key (a)=((b)=(c)) exists. Key (d)=(e)', 'Key (a)=(***)'],
    ['Stream "Cart-1" is at version 2, expected 1.', 'Stream "Cart-1" is at version 2, expected 1.'],
  ])('redactSecrets(%j)', (text, expected) => {
    expect(redactSecrets(text)).toBe(expected);
  });

  // What users send comes back in errors: a megabyte of it must not hold the process.
  test.each(['://:', '://a:b@', 'Key (', 'Key (a)=(', " 'a", ': "a', "password='\\a", 'password ', 'value "', ' '])(
    'take as long as their text is, of %j again and again',
    (part) => {
      const timeOf = (length: number): number => {
        const text = part.repeat(length / part.length);
        const begun = performance.now();
        redactSecrets(text);
        return performance.now() - begun;
      };
      timeOf(10_000);
      expect(timeOf(1_000_000)).toBeLessThan(1_000);
    },
  );

  test('hide names of streams and messages as you say, and everything where your rule fails', async () => {
    const { lines, logger } = logged();
    const redact: Redact = (text, field) => {
      if (field === 'error') throw new Error('no rule');
      return text.replaceAll(/\d/gu, '#');
    };
    const commands = defineCommands({ Fail: payload<null>() });
    const store = createMemoryStore({ observer: logObserver(logger, { redact }) });
    const handlers = commandHandlers(commands, {
      Fail: async () => {
        await store.append('User-42', [{ type: 'Noted', data: null }]);
        throw new Error('ann@example.com');
      },
    });
    const bus = createCommandBus(store, { handlers: [handlers], middleware: recommendedPipeline({ logger, redact }) });
    await bus.dispatch(commands.Fail(null)).catch(() => undefined);
    expect(lines[0]).toContain('"stream_id":"User-##"');
    expect(lines[1]).toContain('"message":"***"');
    expect(lines.join('')).not.toContain('ann@');
  });
});
