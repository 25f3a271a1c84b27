import type { Redact } from '../observe/redact.ts';
import type { Tracer } from '../observe/tracer.ts';
import type { Middleware } from './message-context.ts';
import { audit, type AuditEntry, type AuditOptions } from './middleware/audit.ts';
import { authorize, type Policy } from './middleware/authorization.ts';
import { correlation } from './middleware/correlation.ts';
import { idempotency, type IdempotencyOptions } from './middleware/idempotency.ts';
import { logging, type Logger } from './middleware/logging.ts';
import { metrics, type MessageHook } from './middleware/metrics.ts';
import { recovery } from './middleware/recovery.ts';
import { retry, type RetryLayerOptions } from './middleware/retry.ts';
import { timeout } from './middleware/timeout.ts';
import { tracing } from './middleware/tracing.ts';
import { validation } from './middleware/validation.ts';

/** What goes into the pipeline; a layer that is not given is left out, except where a default is named. */
export interface PipelineOptions {
  readonly tracer?: Tracer | undefined;
  readonly logger?: Logger | undefined;
  /**
   * Takes out of what the logger is told what is not for logs.
   * @defaultValue `redactSecrets` for messages; ids stay as they are
   */
  readonly redact?: Redact | undefined;
  readonly metrics?: MessageHook | undefined;
  readonly audit?: ({ readonly write: (entry: AuditEntry) => void | Promise<void> } & AuditOptions) | undefined;
  /**
   * Milliseconds, or `'none'`.
   * @defaultValue 30_000
   */
  readonly timeout?: number | 'none' | undefined;
  readonly authorize?: Policy | undefined;
  /**
   * What commands that have an id get: one effect, however often they are sent.
   * @defaultValue results are kept for 24 hours
   */
  readonly idempotency?: IdempotencyOptions | undefined;
  /** How often what can succeed is tried. */
  readonly retry?: RetryLayerOptions | undefined;
}

/**
 * All layers that are wanted, in the order that works, the outermost first:
 *
 * 1. `recovery`: further out, everything is an error
 * 2. `correlation`: the layers below find the ids
 * 3. `tracing`, `logging`, `metrics`: see every message, the refused ones too, and all tries as one
 * 4. `timeout`: limits everything below, all tries together
 * 5. `validation`: nobody decides on data that is wrong
 * 6. `authorize`: sees data that was checked
 * 7. `audit`: what was let through
 * 8. `retry`: all of what follows is tried again, and nothing else
 * 9. `idempotency`: innermost, because a repeat has to be allowed and valid, too
 *
 * @example
 * createCommandBus(store, { handlers, middleware: recommendedPipeline({ logger, authorize: policy }) });
 */
export function recommendedPipeline(options: PipelineOptions = {}): readonly Middleware[] {
  const { tracer, logger, timeout: milliseconds = 30_000 } = options;
  return [
    recovery(),
    correlation(),
    ...(tracer === undefined ? [] : [tracing(tracer)]),
    ...(logger === undefined ? [] : [logging(logger, { redact: options.redact })]),
    ...(options.metrics === undefined ? [] : [metrics(options.metrics)]),
    ...(milliseconds === 'none' ? [] : [timeout(milliseconds)]),
    validation(),
    ...(options.authorize === undefined ? [] : [authorize(options.authorize)]),
    ...(options.audit === undefined ? [] : [audit(options.audit.write, options.audit)]),
    retry(options.retry),
    idempotency(options.idempotency),
  ];
}
