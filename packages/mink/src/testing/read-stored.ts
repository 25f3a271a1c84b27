import {
  createCategoryRegistry,
  deepFreeze,
  typed,
  type AnyEvents,
  type EventOf,
  type JsonValue,
} from '../core/index.ts';

/** An event as it was stored once. */
export interface OnceStored {
  readonly type: string;
  readonly data: JsonValue;
  /** @defaultValue 1 */
  readonly schemaVersion?: number | undefined;
}

/**
 * What a stored event of other times is read as today: for tests of upcasters, of renamed, split and dropped types. Throws what
 * a store would throw.
 *
 * @example
 * expect(readStored(orderEvents, { type: 'OrderCreated', data: { customer: 'Ada' } })).toEqual([
 *   orderEvents.OrderCreated({ customerId: '', customerName: 'Ada' }),
 * ]);
 */
export function readStored<E extends AnyEvents>(events: E, stored: OnceStored): readonly EventOf<E>[] {
  const { type, data, schemaVersion = 1 } = stored;
  const registry = createCategoryRegistry('Test', events);
  const decoded = registry.decode(
    {
      id: '00000000-0000-7000-8000-000000000001',
      type,
      schemaVersion,
      data: deepFreeze(structuredClone(data)),
      metadata: {},
      streamName: 'Test-1',
      category: 'Test',
      streamVersion: 1,
      globalPosition: 1,
      recordedAt: 0,
    },
    'error',
  );
  return typed(decoded.map((event) => ({ type: event.type, data: event.data })));
}
