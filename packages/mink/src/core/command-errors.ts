import { MinkError, type Issue, type MinkErrorOptions } from './errors.ts';

/** A command or query that its schema refuses. Nothing was done. */
export class InvalidMessageError extends MinkError {
  readonly code = 'INVALID_MESSAGE';
  readonly messageType: string;
  readonly issues: readonly Issue[];

  constructor(messageType: string, issues: readonly Issue[], options?: MinkErrorOptions) {
    const list = issues.map(({ path, reason }) => (path === '' ? reason : `${path}: ${reason}`));
    super(`"${messageType}" has invalid data. ${list.join('; ')}`, options);
    this.messageType = messageType;
    this.issues = issues;
  }
}

/** A command or query that the bus has no handler for. */
export class UnhandledMessageError extends MinkError {
  readonly code = 'UNHANDLED_MESSAGE';
  readonly messageType: string;

  constructor(messageType: string, known: readonly string[]) {
    const list = known.length === 0 ? 'none at all' : known.join(', ');
    super(`No handler is registered for "${messageType}", only for ${list}. Register one, or check the name.`);
    this.messageType = messageType;
  }
}

/** A handler did not come to its end in time. Whether it still will is unknown. */
export class MessageTimeoutError extends MinkError {
  readonly code = 'MESSAGE_TIMEOUT';
  readonly messageType: string;
  readonly milliseconds: number;

  constructor(messageType: string, milliseconds: number) {
    super(
      `"${messageType}" was not handled within ${milliseconds} ms. It may still come to its end: send it again with the same id, behind idempotency().`,
    );
    this.messageType = messageType;
    this.milliseconds = milliseconds;
  }
}

/** A policy refused a command or query. Nothing was done. */
export class NotAuthorizedError extends MinkError {
  readonly code = 'NOT_AUTHORIZED';
  readonly messageType: string;
  readonly userId: string | undefined;

  constructor(messageType: string, userId: string | undefined, reason?: string) {
    const who = userId === undefined ? 'A sender without a userId' : `User "${userId}"`;
    super(`${who} may not send "${messageType}"${reason === undefined ? '' : `: ${reason}`}.`);
    this.messageType = messageType;
    this.userId = userId;
  }
}

/** A handler threw something that is not an error; it is the `cause`. */
export class HandlerFailedError extends MinkError {
  readonly code = 'HANDLER_FAILED';
  readonly messageType: string;

  constructor(messageType: string, cause: unknown) {
    super(`The handler of "${messageType}" threw ${describeThrown(cause)}. Throw an Error, which has a stack.`, {
      cause,
    });
    this.messageType = messageType;
  }
}

/** A key that was used before, for another command. Nothing was done. */
export class IdempotencyKeyReusedError extends MinkError {
  readonly code = 'IDEMPOTENCY_KEY_REUSED';
  readonly key: string;
  readonly messageType: string;
  /** What the key was first used for. */
  readonly firstMessageType: string;

  constructor(key: string, messageType: string, firstMessageType: string) {
    const first = firstMessageType === messageType ? 'one with other data' : `"${firstMessageType}"`;
    super(
      `The id "${key}" of command "${messageType}" was used before, for ${first}. Give every command an id of its own.`,
    );
    this.key = key;
    this.messageType = messageType;
    this.firstMessageType = firstMessageType;
  }
}

/** A command that was sent again by its own handler, which would wait for itself. Nothing of the second one was done. */
export class CommandWithinItselfError extends MinkError {
  readonly code = 'COMMAND_WITHIN_ITSELF';
  readonly key: string;
  readonly messageType: string;

  constructor(key: string, messageType: string) {
    super(
      `Command "${messageType}" with the id "${key}" was sent by its own handler, which would wait for itself for ever. Give what a handler sends an id of its own.`,
    );
    this.key = key;
    this.messageType = messageType;
  }
}

function describeThrown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 100 ? `${value.slice(0, 100)}…` : value);
  return value === null ? 'null' : `a value of type ${typeof value}`;
}
