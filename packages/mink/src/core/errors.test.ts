import { describe, expect, test } from 'vitest';
import * as backupErrors from './backup-errors.ts';
import * as commandErrors from './command-errors.ts';
import * as otherErrors from './errors.ts';
import { MinkError } from './errors.ts';
import * as projectionErrors from './projection-errors.ts';
import * as versionErrors from './projection-version-errors.ts';

const errors = { ...backupErrors, ...otherErrors, ...commandErrors, ...projectionErrors, ...versionErrors };

const cause = new Error('socket hang up');
const stored = { globalPosition: 9, streamName: 'Order-1', streamVersion: 3 };

/** One of each, with the code that must never change and what its message must say. */
const all: readonly (readonly [MinkError, string, readonly string[]])[] = [
  [
    new errors.BackupBrokenError(7, 'it ends too early'),
    'BACKUP_BROKEN',
    ['broken at line 7', 'it ends too early', 'Take another one'],
  ],
  [
    new errors.RestoreRefusedError(7, 'it is of another store'),
    'RESTORE_REFUSED',
    ['ends at position 7', 'it is of another store'],
  ],
  [new errors.ProjectionRetiredError('sum', 1), 'PROJECTION_RETIRED', ['"sum" version 1 is retired', 'live version']],
  [
    new errors.LiveVersionError('sum', 2, ', and not 1.'),
    'LIVE_VERSION',
    ['Version 2 of projection "sum" is live, and not 1.', 'mink projections list'],
  ],
  [
    new errors.ProjectionVersionUnknownError('sum', 2),
    'PROJECTION_VERSION_UNKNOWN',
    ['Version 2 of projection "sum" was never built', 'Build it first'],
  ],
  [
    new errors.ProjectionVersionBehindError('sum', { version: 2, position: 7, wanted: 9, events: 1 }),
    'PROJECTION_VERSION_BEHIND',
    ['version 2 of projection "sum"', '1 event behind', 'at position 7 of 9', 'Build it'],
  ],
  [
    new errors.ProjectionParkedError('sum', -1, { keys: 3, error: 'no x' }),
    'PROJECTION_PARKED',
    ['3 keys of the shadow of projection "sum"', 'no x', 'Retry or discard'],
  ],
  [
    new errors.ProjectionBuildError('sum', { version: 2, position: 7, reason: 'it is paused. Resume it.' }),
    'PROJECTION_BUILD',
    ['version 2 of projection "sum"', 'position 7', 'Resume it'],
  ],
  [
    new errors.ProjectionInUseError('sum', 1, 'host/1/a'),
    'PROJECTION_IN_USE',
    ['Version 1 of projection "sum"', 'host/1/a', 'force it'],
  ],
  [
    new errors.CompareTimeoutError('sum', 300, { cause }),
    'COMPARE_TIMEOUT',
    ['"sum"', '300 ms', 'Build the new version first'],
  ],
  [
    new errors.InvalidArgumentError('pageSize', '0 is not a whole number from 1'),
    'INVALID_ARGUMENT',
    ['pageSize', '0'],
  ],
  [
    new errors.InvalidStreamNameError('Order', 'it has no "-"'),
    'INVALID_STREAM_NAME',
    ['"Order"', 'no "-"', 'Use "Category-id"'],
  ],
  [new errors.NoEventsError('Order-1'), 'NO_EVENTS', ['Order-1', 'Give at least one']],
  [
    new errors.UnknownEventTypeError('Order', 'Gone', { known: ['Placed', 'Paid'], stored }),
    'UNKNOWN_EVENT_TYPE',
    [
      '"Gone"',
      'at position 9, version 3 of stream "Order-1"',
      '"Order"',
      'Placed, Paid',
      'defineEvents',
      "unknownEvents: 'skip'",
    ],
  ],
  [
    new errors.InvalidEventDataError('Placed', [
      { path: 'items[2].price', reason: 'is a bigint' },
      { path: '', reason: 'is odd' },
    ]),
    'INVALID_EVENT_DATA',
    ['"Placed"', 'items[2].price: is a bigint; is odd'],
  ],
  [
    new errors.UpcastFailedError('Placed', 2, { place: stored, cause: new Error('no field "total"') }),
    'UPCAST_FAILED',
    [
      '"Placed"',
      'from version 2',
      'at version 3 of stream "Order-1" (position 9)',
      'no field "total"',
      'has to take every',
    ],
  ],
  [new errors.PayloadTooLargeError('Placed', 11, 10), 'PAYLOAD_TOO_LARGE', ['"Placed"', '11', '10', 'maxPayloadBytes']],
  [
    new errors.ConcurrencyConflictError('Cart-42', 5, 7),
    'CONCURRENCY_CONFLICT',
    ['Stream "Cart-42" is at version 7, expected version 5. Reload it and decide again.'],
  ],
  [
    new errors.IdempotencyMismatchError('Cart-42', ['id-1', 'id-2']),
    'IDEMPOTENCY_MISMATCH',
    ['Cart-42', 'id-1, id-2', 'Use new ids for new events'],
  ],
  [new errors.TransactionOpenError(['Cart-42']), 'TRANSACTION_OPEN', ['Cart-42', 'withTransaction', 'Pass { tx }']],
  [new errors.StreamNotFoundError('Cart-42'), 'STREAM_NOT_FOUND', ['"Cart-42" does not exist', 'Check']],
  [new errors.StreamClosedError('Cart-42', 'archived'), 'STREAM_CLOSED', ['"Cart-42" is archived', 'Use a new stream']],
  [
    new errors.EvolveFailedError('Cart', 'Opened', new TypeError('read only')),
    'EVOLVE_FAILED',
    ['"Cart"', '"Opened"', 'read only', 'return a new one'],
  ],
  [
    new errors.ProjectionFailedError('carts', { ...stored, type: 'Opened' }, cause),
    'PROJECTION_FAILED',
    ['"carts"', '"Opened"', 'version 3 of stream "Order-1" (position 9)', 'socket hang up'],
  ],
  [
    new errors.ProjectionBehindError('carts', { position: 3, wanted: 9, lagEvents: 4, state: 'stopped' }),
    'PROJECTION_BEHIND',
    ['"carts"', 'at position 3', 'at 9', '4 events behind', 'Nobody works on it', 'catchUp'],
  ],
  [new errors.InvalidTokenError('it is not one'), 'INVALID_TOKEN', ['it is not one', 'as it was, or none']],
  [
    new errors.KeyParkedError({ name: 'carts', version: 1 }, { key: 'Cart-1', position: 9 }),
    'KEY_PARKED',
    ['"carts"', 'position 9', '"Cart-1" is parked', 'mink deadletters show carts Cart-1'],
  ],
  [new errors.ReadModelFullError('carts', 10), 'READ_MODEL_FULL', ['"carts"', '10 keys', 'maxKeys']],
  [
    new errors.ReadModelsOfAnotherLogError({ follows: 'a', log: 'b' }),
    'READ_MODELS_OF_ANOTHER_LOG',
    ['of store a', 'not of b', 'Give them the store'],
  ],
  [
    new errors.ReadModelChangedError('carts', 2),
    'READ_MODEL_CHANGED',
    ['"carts" version 2', 'other columns', 'Raise its version'],
  ],
  [
    new errors.InlineProjectionError('carts', { eventType: 'Opened', streamName: 'Cart-1', key: 'a"b' }, cause),
    'INLINE_PROJECTION',
    ['"carts"', String.raw`key "a\"b"`, '"Opened" of stream "Cart-1"', 'not appended: socket hang up'],
  ],
  [
    new errors.InlineSetChangedError({ missing: ['"carts" version 2'], inactive: [] }, { cause }),
    'INLINE_SET_CHANGED',
    ['every append applies "carts" version 2', 'Then try again'],
  ],
  [
    new errors.HandlerEndedTransactionError('carts'),
    'HANDLER_ENDED_TRANSACTION',
    ['"carts"', 'Leave commit and rollback'],
  ],
  [new errors.HandlerTimeoutError('carts', 50), 'HANDLER_TIMEOUT', ['"carts"', '50 ms', 'handlerTimeout']],
  [new errors.DeliveryTimeoutError('mails', 50), 'DELIVERY_TIMEOUT', ['"mails"', '50 ms', 'signal', '"timeout"']],
  [
    new errors.ProjectionNameTakenError('a-b', 'projection "a_b" has the same name in SQL'),
    'PROJECTION_NAME_TAKEN',
    ['"a-b" is taken', '"a_b"', 'another name'],
  ],
  [
    new errors.KeyBeingRetriedError('mails', 'Cart-1'),
    'KEY_BEING_RETRIED',
    ['"Cart-1"', '"mails"', 'Wait until that is over'],
  ],
  [new errors.LogRewoundError(9, 3), 'LOG_REWOUND', ['after position 9', 'ends at 3', 'rebuild this consumer']],
  [
    new errors.SequenceBehindError('mink', { lastDrawn: 3, highest: 9 }, { cause }),
    'SEQUENCE_BEHIND',
    ['up to position 9', 'stands at 3', 'mink migrate'],
  ],
  [
    new errors.AppendOutcomeUnknownError(['Cart-1', 'Cart-2'], ['id-1'], cause),
    'APPEND_OUTCOME_UNKNOWN',
    ['Cart-1, Cart-2', 'may or may not', 'same ids'],
  ],
  [new errors.DatabaseUnavailableError('no route', { cause }), 'DATABASE_UNAVAILABLE', ['no route']],
  [new errors.DatabaseError('denied', '42501', cause), 'DATABASE_ERROR', ['denied']],
  [
    new errors.SchemaVersionError('run mink migrate', { schema: 'mink', databaseVersion: 3 }),
    'SCHEMA_VERSION',
    ['run mink migrate'],
  ],
  [
    new errors.ConflictNotResolvedError(
      'Cart-42',
      { tries: 3, reason: 'tries' },
      new errors.ConcurrencyConflictError('Cart-42', 5, 7),
    ),
    'CONFLICT_NOT_RESOLVED',
    ['"Cart-42"', '3 times', 'Nothing was written', 'Allow more tries'],
  ],
  [
    new errors.IdempotencyKeyReusedError('k-1', 'AddItem', 'CreateCart'),
    'IDEMPOTENCY_KEY_REUSED',
    ['"k-1"', '"AddItem"', 'for "CreateCart"', 'an id of its own'],
  ],
  [
    new errors.CommandWithinItselfError('k-1', 'AddItem'),
    'COMMAND_WITHIN_ITSELF',
    ['"AddItem"', '"k-1"', 'by its own handler', 'an id of its own'],
  ],
  [
    new errors.UniqueValueTakenError('User-2', { set: 'email', value: 'a@b', heldBy: 'User-1' }),
    'UNIQUE_VALUE_TAKEN',
    ['"User-2"', '"a@b"', '"email"', 'stream "User-1" has it', 'Choose another'],
  ],
  [
    new errors.InvalidMessageError('AddItem', [
      { path: 'sku', reason: 'is missing' },
      { path: '', reason: 'is odd' },
    ]),
    'INVALID_MESSAGE',
    ['"AddItem"', 'sku: is missing; is odd'],
  ],
  [
    new errors.UnhandledMessageError('AddItem', ['CreateCart']),
    'UNHANDLED_MESSAGE',
    ['"AddItem"', 'only for CreateCart', 'Register one'],
  ],
  [
    new errors.MessageTimeoutError('AddItem', 50),
    'MESSAGE_TIMEOUT',
    ['"AddItem"', 'within 50 ms', 'again with the same id'],
  ],
  [
    new errors.NotAuthorizedError('AddItem', 'ann', 'the role is missing'),
    'NOT_AUTHORIZED',
    ['User "ann"', '"AddItem"', ': the role is missing.'],
  ],
  [
    new errors.HandlerFailedError('AddItem', 'oh no'),
    'HANDLER_FAILED',
    ['"AddItem"', 'threw "oh no"', 'Throw an Error'],
  ],
  [new errors.OverloadedError(10), 'OVERLOADED', ['10 appends are waiting', 'raise maxQueuedAppends']],
  [new errors.StoreClosedError(), 'STORE_CLOSED', ['closed', 'Create a new one']],
];

/** The same, with their class first: for the titles. */
const named = all.map(([error, code, parts]) => [error.constructor.name, error, code, parts] as const);

const facts: readonly (readonly [MinkError, Readonly<Record<string, unknown>>])[] = [
  [new errors.InvalidArgumentError('limit', 'x', { cause }), { argument: 'limit', cause }],
  [new errors.InvalidStreamNameError('x', 'y'), { streamName: 'x', reason: 'y' }],
  [
    new errors.UnknownEventTypeError('Order', 'Gone', { known: [] }),
    { category: 'Order', eventType: 'Gone', globalPosition: undefined },
  ],
  [
    new errors.InvalidEventDataError(
      'Placed',
      [
        { path: 'a', reason: 'b' },
        { path: 'c', reason: 'd' },
      ],
      { cause },
    ),
    {
      eventType: 'Placed',
      path: 'a',
      reason: 'b',
      issues: [
        { path: 'a', reason: 'b' },
        { path: 'c', reason: 'd' },
      ],
      cause,
    },
  ],
  [new errors.UnknownEventTypeError('Order', 'Gone', { known: [], stored }), stored],
  [
    new errors.UnknownEventTypeError('Order', 'Placed', { known: ['Placed'], stored, schemaVersion: 4 }),
    { ...stored, schemaVersion: 4, message: expect.stringContaining('Deploy the code that writes it, or read') },
  ],
  [
    new errors.UpcastFailedError('Placed', 2, { place: undefined, cause: 'nonsense' }),
    { eventType: 'Placed', fromVersion: 2, globalPosition: undefined, message: expect.stringContaining('nonsense') },
  ],
  [new errors.PayloadTooLargeError('Placed', 11, 10), { eventType: 'Placed', bytes: 11, maxPayloadBytes: 10 }],
  [
    new errors.ConcurrencyConflictError('A-1', 'any', 2),
    { streamName: 'A-1', expectedVersion: 'any', actualVersion: 2 },
  ],
  [new errors.IdempotencyMismatchError('A-1', ['x']), { streamName: 'A-1', eventIds: ['x'] }],
  [
    new errors.ConflictNotResolvedError(
      'A-1',
      { tries: 1, reason: 'budget' },
      new errors.ConcurrencyConflictError('A-1', 5, 7),
    ),
    { streamName: 'A-1', tries: 1, reason: 'budget' },
  ],
  [
    new errors.IdempotencyKeyReusedError('k', 'A', 'A'),
    { key: 'k', messageType: 'A', firstMessageType: 'A', message: expect.stringContaining('other data') },
  ],
  [new errors.CommandWithinItselfError('k', 'A'), { key: 'k', messageType: 'A' }],
  [
    new errors.UniqueValueTakenError('A-1', { set: 's', value: 'v', heldBy: 'A-2' }),
    { streamName: 'A-1', set: 's', value: 'v', heldBy: 'A-2' },
  ],
  [
    new errors.InvalidMessageError('A', [{ path: 'a', reason: 'b' }]),
    { messageType: 'A', issues: [{ path: 'a', reason: 'b' }] },
  ],
  [new errors.MessageTimeoutError('A', 5), { messageType: 'A', milliseconds: 5 }],
  [new errors.NotAuthorizedError('A', 'u'), { messageType: 'A', userId: 'u' }],
  [new errors.HandlerFailedError('A', 5), { messageType: 'A', cause: 5 }],
  [new errors.HandlerFailedError('A', 'x'.repeat(200)), { message: expect.stringContaining(`"${'x'.repeat(100)}…"`) }],
  [new errors.StreamClosedError('A-1', 'tombstoned'), { streamName: 'A-1', state: 'tombstoned' }],
  [new errors.EvolveFailedError('A', 'B', cause), { category: 'A', eventType: 'B', cause }],
  [
    new errors.ProjectionFailedError('carts', { ...stored, type: 'Opened' }, cause),
    { projection: 'carts', eventType: 'Opened', ...stored, cause },
  ],
  [new errors.ReadModelChangedError('carts', 2), { projection: 'carts', version: 2 }],
  [new errors.ReadModelsOfAnotherLogError({ follows: 'a', log: 'b' }), { follows: 'a', log: 'b' }],
  [
    new errors.InlineProjectionError('carts', { eventType: 'Opened', streamName: 'Cart-1', key: 'a' }, cause),
    { projection: 'carts', eventType: 'Opened', streamName: 'Cart-1', key: 'a', cause },
  ],
  [
    new errors.InlineSetChangedError({ missing: ['a'], inactive: ['b'] }, { cause }),
    { missing: ['a'], inactive: ['b'], cause },
  ],
  [new errors.HandlerEndedTransactionError('carts', { cause }), { projection: 'carts', cause }],
  [new errors.HandlerTimeoutError('carts', 50), { projection: 'carts', timeout: 50 }],
  [
    new errors.ProjectionBehindError('carts', { position: 3, wanted: 9, lagEvents: 1, state: 'running', heldBy: 17 }),
    {
      projection: 'carts',
      position: 3,
      wanted: 9,
      lagEvents: 1,
      state: 'running',
      error: undefined,
      heldBy: 17,
      message: expect.stringContaining('Process 17 of the database has an open transaction'),
    },
  ],
  [
    new errors.ProjectionBehindError('carts', {
      position: 3,
      wanted: 9,
      lagEvents: 1,
      state: 'faulted',
      error: 'no x',
    }),
    { error: 'no x', message: expect.stringContaining('It is faulted: no x') },
  ],
  [new errors.InvalidTokenError('no'), { reason: 'no' }],
  [
    new errors.KeyParkedError({ name: 'carts', version: 2 }, { key: 'k', position: 9 }),
    { projection: 'carts', version: 2, key: 'k', position: 9 },
  ],
  [new errors.ReadModelFullError('carts', 10), { projection: 'carts', maxKeys: 10 }],
  [new errors.LogRewoundError(3, 9), { message: expect.stringContaining('is not, or another one is') }],
  [new errors.LogRewoundError(9, 3), { after: 9, head: 3 }],
  [new errors.SequenceBehindError('mink', { lastDrawn: 3, highest: 9 }), { schema: 'mink', lastDrawn: 3, highest: 9 }],
  [new errors.AppendOutcomeUnknownError(['A-1'], ['x'], cause), { streamNames: ['A-1'], eventIds: ['x'], cause }],
  [new errors.DatabaseError('m', '42501', cause), { sqlState: '42501', cause }],
  [new errors.SchemaVersionError('m', { schema: 's', databaseVersion: 3 }), { schema: 's', databaseVersion: 3 }],
];

describe('every error', () => {
  test('of the module is in this list', () => {
    const classes = Object.values(errors).filter((value) => value !== MinkError);
    expect(all.map(([error]) => error.constructor.name).toSorted()).toEqual(classes.map(({ name }) => name).toSorted());
  });

  test('has a code of its own', () => {
    expect(new Set(all.map(([, code]) => code)).size).toBe(all.length);
  });

  test.each(named)('%s keeps its code', (_name, error, code) => {
    expect(error.code).toBe(code);
    expect(code).toMatch(/^[A-Z]+(?:_[A-Z]+)*$/u);
  });

  test.each(named)('%s is a MinkError that carries the name of its class', (_name, error) => {
    expect(error).toBeInstanceOf(MinkError);
    expect(error).toBeInstanceOf(Error);
    expect(error.name).toBe(error.constructor.name);
    expect(String(error)).toBe(`${error.name}: ${error.message}`);
  });

  test.each(named)('%s links to its section of the docs', (_name, error, code) => {
    expect(error.docs).toBe(`docs/errors.md#${code.toLowerCase()}`);
  });

  test.each(named)('%s says what happened, to which thing, and what to do', (_name, error, _code, parts) => {
    for (const part of parts) expect(error.message).toContain(part);
  });

  test.each(facts.map(([error, fields]) => [error.constructor.name, error, fields] as const))(
    '%s carries its facts as fields',
    (_name, error, fields) => {
      expect(error).toMatchObject(fields);
    },
  );
});

describe('messages', () => {
  test.each([
    ['any', 1, 'is at version 1, expected any version'],
    ['no_stream', 1, 'is at version 1, expected no stream of that name'],
    [0, 1, 'is at version 1, expected no stream of that name'],
    ['stream_exists', 0, 'does not exist, expected an existing stream'],
    [3, 0, 'does not exist, expected version 3'],
  ] as const)('a conflict over %s at version %d reads "%s"', (expected, actual, text) => {
    expect(new errors.ConcurrencyConflictError('A-1', expected, actual).message).toBe(
      `Stream "A-1" ${text}. Reload it and decide again.`,
    );
  });

  test('a message that nobody handles, and a sender that nobody knows, read well', () => {
    expect(new errors.UnhandledMessageError('AddItem', []).message).toContain('only for none at all');
    expect(new errors.NotAuthorizedError('AddItem', undefined).message).toBe(
      'A sender without a userId may not send "AddItem".',
    );
  });

  test('an unknown type in a category without types says so', () => {
    expect(new errors.UnknownEventTypeError('Order', 'Gone', { known: [] }).message).toContain(
      'which has no event types',
    );
  });

  test('an inline projection says what it lacks', () => {
    const facts = { eventType: 'Opened', streamName: 'Cart-1', key: undefined };
    expect(new errors.InlineProjectionError('carts', facts, 'no').message).toContain(
      'could not tell the key of event "Opened" of stream "Cart-1", so it was not appended: no',
    );
    const inactive = new errors.InlineSetChangedError({ missing: [], inactive: ['"carts" version 2'] });
    expect(inactive.message).toContain('"carts" version 2 is not active');
    expect(inactive.message).toContain('activateInline()');
    const other = new errors.InlineSetChangedError({ missing: [], inactive: [] });
    expect(other.message).toContain('other inline projections are active');
  });

  test('invalid data without an issue has an empty path and reason', () => {
    expect(new errors.InvalidEventDataError('Placed', [])).toMatchObject({ path: '', reason: '' });
  });

  test('the hint at frozen state comes with a TypeError only, and anything thrown has a reason', () => {
    expect(new errors.EvolveFailedError('A', 'B', new Error('no rate')).message).toBe(
      'evolve of "A" failed on event "B": no rate.',
    );
    expect(new errors.EvolveFailedError('A', 'B', 'text').message).toContain('failed on event "B": text');
  });

  test('an error class of your own has its own name and docs', () => {
    class OrderClosedError extends MinkError {
      readonly code = 'ORDER_CLOSED';
    }
    const error = new OrderClosedError('closed', { cause });
    expect([error.name, error.docs, error.cause]).toEqual(['OrderClosedError', 'docs/errors.md#order_closed', cause]);
  });
});
