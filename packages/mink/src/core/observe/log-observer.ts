import type { Logger } from '../commands/middleware/logging.ts';
import { checkWhole } from '../store/read-options.ts';
import { inRole } from './observer-roles.ts';
import { quietly } from './quietly.ts';
import { loggedId, redactedMessage, type Redact } from './redact.ts';
import type { Observer } from './observer.ts';

/** Options of {@link logObserver}. */
export interface LogObserverOptions {
  /**
   * Milliseconds between two lines about the checkpoint of one projection, at least: it may move hundreds of times a second.
   * @defaultValue 10_000
   */
  readonly checkpointInterval?: number | undefined;
  /**
   * Milliseconds from any beginning.
   * @defaultValue `performance.now`
   */
  readonly now?: (() => number) | undefined;
  /**
   * Takes out of messages of errors and of names of streams what is not for logs.
   * @defaultValue `redactSecrets` for messages; names stay as they are
   */
  readonly redact?: Redact | undefined;
}

/**
 * Logs what a store does, in the words of the series: `events appended` with stream_id, event_count and new_version, and `projection
 * checkpoint` with projection, position and lag; failures of appends and projections as warnings, or as errors where somebody has to
 * do something. Payloads and metadata are never logged. Commands are logged by the layer `logging`.
 *
 * @example
 * createPostgresStore({ url, observer: logObserver(pino()) });
 */
export function logObserver(
  logger: Logger,
  { checkpointInterval = 10_000, now = () => performance.now(), redact }: LogObserverOptions = {},
): Observer {
  checkWhole('checkpointInterval', checkpointInterval, 0);
  const toldAt = new Map<string, number>();
  return inRole(['log'], {
    appended: ({ status, errorCode, streams, seconds }) => {
      for (const { streamName, events, streamVersion } of status === 'stored' ? streams : []) {
        const streamId = loggedId(redact, streamName, 'stream_id');
        const fields = { stream_id: streamId, event_count: events.length, new_version: streamVersion };
        quietly(() => logger.info(fields, 'events appended'));
      }
      const fields = { error_code: errorCode, duration_ms: seconds * 1_000 };
      if (status === 'failed') quietly(() => logger.error(fields, 'append failed'));
      if (status === 'unknown') quietly(() => logger.error(fields, 'append outcome unknown'));
    },
    projected: ({ projection, version, position, lag }) => {
      const id = `${projection} ${version}`;
      const last = toldAt.get(id);
      const at = now();
      if (last !== undefined && at - last < checkpointInterval) return;
      toldAt.set(id, at);
      quietly(() => logger.info({ projection, version, position, lag }, 'projection checkpoint'));
    },
    projectionFailed: ({ projection, version, next, errorCode, cause }) => {
      const fields = { projection, version, error_code: errorCode, error: redactedMessage(cause, redact) };
      if (next === 'retry') quietly(() => logger.warn(fields, 'projection retries'));
      if (next === 'park') quietly(() => logger.error(fields, 'projection parked a key'));
      if (next === 'fault') quietly(() => logger.error(fields, 'projection faulted'));
    },
  });
}
