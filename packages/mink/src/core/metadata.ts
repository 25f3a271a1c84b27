import { AsyncLocalStorage } from 'node:async_hooks';
import type { JsonValue } from './json.ts';

/** The names in {@link Metadata} that have a fixed meaning. */
export interface StandardMetadata {
  /** The business transaction this belongs to: the same on everything that one request sets off. */
  readonly correlationId?: string | undefined;
  /** The id of the event or command that directly caused this one. */
  readonly causationId?: string | undefined;
  readonly userId?: string | undefined;
  readonly tenantId?: string | undefined;
  /** W3C trace context. */
  readonly traceparent?: string | undefined;
}

/**
 * What is recorded beside an event's payload. The five standard names have a fixed meaning; any other key is yours,
 * except those that start with `$`, which are reserved.
 */
export interface Metadata extends StandardMetadata {
  readonly [key: string]: JsonValue | undefined;
}

const ambient = new AsyncLocalStorage<Metadata>();

/**
 * Runs `work` with metadata that every append inside it records, however deep: calls nest, the inner values win.
 *
 * @example
 * await withMetadata({ correlationId, userId }, () => store.execute(order, id, command));
 */
export function withMetadata<T>(metadata: Metadata, work: () => T): T {
  return ambient.run({ ...ambient.getStore(), ...metadata }, work);
}

/** The metadata that an append made here would record by itself. */
export function currentMetadata(): Metadata {
  return ambient.getStore() ?? {};
}

/**
 * The metadata of whatever `event` causes: the same correlation (the event's id where there was none), the event as the
 * cause, and its user, tenant and trace.
 *
 * @example
 * for await (const event of store.subscribe()) {
 *   await withMetadata(causedBy(event), () => react(event));
 * }
 */
export function causedBy(event: { readonly id: string; readonly metadata: StandardMetadata }): Metadata {
  const { correlationId, userId, tenantId, traceparent } = event.metadata;
  return { correlationId: correlationId ?? event.id, causationId: event.id, userId, tenantId, traceparent };
}
