import type { JsonObject } from '../../json.ts';
import { currentMetadata } from '../../metadata.ts';
import { named } from '../layer-names.ts';
import { pipeline, type MessageContext, type Middleware } from '../message-context.ts';
import { errorCodeOf, statusOf, streamOf, type MessageStatus } from './outcome.ts';

/** One line of an audit: who wanted what, and what came of it. */
export interface AuditEntry {
  /** A message of a bus; an `action` of somebody who operates the system; or a `view` of payloads. */
  readonly kind: MessageContext['kind'] | 'action' | 'view';
  readonly type: string;
  /** The message's id: the `causationId` of the events it led to. Of an action, whatever its lines have in common. */
  readonly id: string;
  readonly at: Date;
  readonly userId: string | undefined;
  readonly tenantId: string | undefined;
  readonly correlationId: string | undefined;
  /** `'attempted'` before anything is done. */
  readonly status: 'attempted' | MessageStatus;
  /** The stable code of the error it ended with. */
  readonly errorCode: string | undefined;
  readonly streamName: string | undefined;
  readonly streamVersion: number | undefined;
  /** What an action or a view was about, beside that; of a message `causedBy` alone, the event that it was sent because of. */
  readonly details?: JsonObject | undefined;
}

/** Options of {@link audit}. */
export interface AuditOptions {
  /** Told when an outcome could not be written; the message has been handled by then. */
  readonly onLost: (error: unknown, entry: AuditEntry) => void;
  /**
   * Milliseconds since 1970.
   * @defaultValue Date.now
   */
  readonly now?: (() => number) | undefined;
}

/**
 * Writes a line before each message, and one after it. Nothing is done that could not be written down before: when the
 * first line fails, so does the message. Data is not part of it; events are the record of what has changed.
 */
export function audit(write: (entry: AuditEntry) => void | Promise<void>, options: AuditOptions): Middleware {
  const { onLost, now = Date.now } = options;
  return named('audit', async (context, next) => {
    const { userId, tenantId, correlationId } = currentMetadata();
    const { kind, message, id } = context;
    const { causedBy } = context[pipeline];
    const details = causedBy === undefined ? undefined : { causedBy };
    // Spelled out: a literal that begins with a spread is made ten times as slowly.
    const entry = (status: AuditEntry['status'], error?: unknown, result?: unknown): AuditEntry => {
      const stream = streamOf(result);
      return {
        kind,
        type: message.type,
        id,
        at: new Date(now()),
        userId,
        tenantId,
        correlationId,
        status,
        errorCode: error === undefined ? undefined : errorCodeOf(error),
        streamName: stream?.streamName,
        streamVersion: stream?.streamVersion,
        details,
      };
    };
    const finish = async (outcome: AuditEntry): Promise<void> => {
      try {
        await write(outcome);
      } catch (error) {
        onLost(error, outcome);
      }
    };
    await write(entry('attempted'));
    let result: unknown;
    try {
      result = await next(context);
    } catch (error) {
      await finish(entry(statusOf(error), error));
      throw error;
    }
    await finish(entry('succeeded', undefined, result));
    return result;
  });
}
