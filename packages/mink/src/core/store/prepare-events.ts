import { InvalidArgumentError, InvalidEventDataError, NoEventsError, PayloadTooLargeError } from '../errors.ts';
import { encoded, type EncodedPayload } from '../events/event-schema.ts';
import { formatPath, type StandardResult, type StandardSchema } from '../events/standard-schema.ts';
import { checkJson, stringifyJson, type CheckedJson, type JsonObject } from '../json.ts';
import { currentMetadata, type Metadata } from '../metadata.ts';
import { quietly } from '../observe/quietly.ts';
import type { StoreTracer } from '../observe/tracer.ts';
import type { PreparedEvent } from '../storage/event-storage.ts';
import { isUuid } from '../uuid.ts';
import { invalidMetadata, type EventRegistry } from './event-registry.ts';

/** An event as it comes from user code; its type is checked by the compiler, and again here. */
export interface UncheckedEvent {
  readonly type: string;
  readonly data: unknown;
  readonly id?: string | undefined;
  readonly metadata?: Metadata | undefined;
  readonly [encoded]?: EncodedPayload | undefined;
}

/** What preparing needs of a store. */
export interface PrepareContext {
  readonly metadataSchema: StandardSchema | undefined;
  readonly maxPayloadBytes: number;
  /** The user's own ids, where there are any. */
  readonly newId: (() => string) | undefined;
  /** Ids that need no check. */
  readonly newUuid: (time: number) => string;
  readonly tracer: StoreTracer | undefined;
}

/** Events as the storage gets them, and the payload of each as readers will see it. */
export interface PreparedEvents {
  readonly events: readonly PreparedEvent[];
  readonly data: readonly unknown[];
}

/** What {@link prepareEvents} is told about the append. */
export interface PrepareRequest {
  readonly streamName: string;
  readonly category: string;
  readonly registry: EventRegistry;
  readonly metadata: Metadata | undefined;
}

const STANDARD_NAMES = ['correlationId', 'causationId', 'userId', 'tenantId', 'traceparent'];
const METADATA = 'metadata';
const NO_METADATA: JsonObject = Object.freeze({});

/** Validates and encodes events for one stream. Throws a typed error for the first bad one; nothing is written. */
export function prepareEvents(
  context: PrepareContext,
  events: readonly UncheckedEvent[],
  request: PrepareRequest,
): PreparedEvents {
  if (!Array.isArray(events)) throw new InvalidArgumentError('events', 'is not an array');
  if (events.length === 0) throw new NoEventsError(request.streamName);
  checkIsObject('metadata', request.metadata);
  const shared = { ...currentMetadata(), ...activeTrace(context.tracer), ...request.metadata };
  // One reading for all of them: the clock costs as much as an id.
  const time = Date.now();
  const prepared: PreparedEvent[] = [];
  const data: unknown[] = [];
  let sharedMetadata: JsonObject | undefined;
  // Not forEach, which passes over holes.
  for (const event of events) {
    checkIsEvent(event);
    const { type } = event;
    const payload = event[encoded] ?? request.registry.encode(request.category, type, event.data);
    const { stored } = payload;
    if (stored.maxBytes > context.maxPayloadBytes) checkSize({ type, part: 'data' }, stored, context.maxPayloadBytes);
    const metadata =
      event.metadata === undefined
        ? (sharedMetadata ??= prepareMetadata(context, type, shared))
        : prepareMetadata(context, type, { ...shared, ...event.metadata });
    prepared.push({
      id: idOf(context, event, time),
      type,
      schemaVersion: payload.schemaVersion ?? 1,
      data: stored.value,
      metadata,
      hasNegativeZero: stored.hasNegativeZero,
    });
    data.push(payload.data);
  }
  return { events: prepared, data };
}

/** The span that appends, over the ambient one: that has led to it. */
function activeTrace(tracer: StoreTracer | undefined): Metadata | undefined {
  if (tracer === undefined) return undefined;
  const traceparent = quietly(() => tracer.traceparent());
  return traceparent === undefined ? undefined : { traceparent };
}

function checkIsEvent(event: UncheckedEvent | null | undefined): void {
  if (typeof event !== 'object' || event === null || typeof event.type !== 'string') {
    throw new InvalidArgumentError('events', 'holds something that is not { type, data }');
  }
  checkIsObject('metadata', event.metadata);
}

/** Spreading a string or an array would make keys of its parts. */
function checkIsObject(name: string, value: unknown): void {
  if (value === undefined || (typeof value === 'object' && value !== null && !Array.isArray(value))) return;
  throw new InvalidArgumentError(name, 'is not an object');
}

/** Whether the caller gave the ids. All or none: a repeat could not be told from a new append otherwise. */
export function hasGivenIds(entries: readonly { readonly events?: readonly UncheckedEvent[] | undefined }[]): boolean {
  const given: string[] = [];
  let count = 0;
  for (const { events = [] } of entries) {
    count += events.length;
    for (const { id } of events) if (id !== undefined) given.push(id.toLowerCase());
  }
  if (given.length === 0) return false;
  if (given.length < count) {
    throw new InvalidArgumentError(
      'events',
      'some have an id and some do not. Give ids to all events of an append, or to none.',
    );
  }
  if (new Set(given).size < count) throw new InvalidArgumentError('events', 'two of them have the same id');
  return true;
}

function idOf(context: PrepareContext, { type, id }: UncheckedEvent, time: number): string {
  if (id !== undefined) return checkId(type, id);
  return context.newId === undefined ? context.newUuid(time) : checkId(type, context.newId());
}

function checkId(type: string, id: string): string {
  if (typeof id === 'string' && isUuid(id)) return id.toLowerCase();
  throw new InvalidArgumentError('event id', `${JSON.stringify(id)} of event "${type}" is not a UUID`);
}

/** The exact size, where the upper bound says that it may be too large. */
function checkSize(
  of: { readonly type: string; readonly part: 'data' | 'metadata' },
  json: CheckedJson,
  limit: number,
): void {
  const bytes = Buffer.byteLength(stringifyJson(json.value, json.hasNegativeZero));
  if (bytes > limit) throw new PayloadTooLargeError(of.type, bytes, limit, of.part);
}

function prepareMetadata(context: PrepareContext, type: string, metadata: Metadata): JsonObject {
  if (context.metadataSchema === undefined && isEmpty(metadata)) return NO_METADATA;
  for (const name of STANDARD_NAMES) {
    const value = metadata[name];
    if (value !== undefined && typeof value !== 'string') throw invalidMetadata(type, name, 'must be a string');
  }
  const reserved = Object.keys(metadata).find((name) => name.startsWith('$'));
  if (reserved !== undefined) throw invalidMetadata(type, reserved, 'names that begin with "$" are reserved');
  const checked = checkJson(validated(context.metadataSchema, type, metadata));
  if ('reason' in checked) throw invalidMetadata(type, checked.path, checked.reason);
  if (checked.hasNegativeZero) throw invalidMetadata(type, '', 'holds -0');
  if (checked.maxBytes > context.maxPayloadBytes) checkSize({ type, part: METADATA }, checked, context.maxPayloadBytes);
  return asObject(type, checked);
}

function isEmpty(metadata: Metadata): boolean {
  for (const name in metadata) if (Object.hasOwn(metadata, name)) return false;
  return true;
}

/** The schema sees the user's own names only, and the standard ones pass beside it. */
function validated(schema: StandardSchema | undefined, type: string, metadata: Metadata): unknown {
  if (schema === undefined) return metadata;
  // Built from entries: `own['__proto__'] = …` would set the prototype, and the schema would take it for a key.
  const entries = Object.entries(metadata).filter(([, value]) => value !== undefined);
  const own = Object.fromEntries(entries.filter(([name]) => !STANDARD_NAMES.includes(name)));
  const standard = Object.fromEntries(entries.filter(([name]) => STANDARD_NAMES.includes(name)));
  const result = runSchema(schema, type, own);
  if (result.issues !== undefined) {
    const [first] = result.issues;
    throw invalidMetadata(type, formatPath(first?.path), first?.message ?? 'is refused by its schema');
  }
  return { ...standard, ...(typeof result.value === 'object' ? result.value : {}) };
}

/** A schema that throws is refused metadata, not a crash. */
function runSchema(schema: StandardSchema, type: string, own: unknown): StandardResult<unknown> {
  let result: StandardResult<unknown> | Promise<StandardResult<unknown>>;
  try {
    result = schema['~standard'].validate(own);
  } catch (error) {
    const reason = `cannot be checked by its schema: ${error instanceof Error ? error.message : String(error)}`;
    throw new InvalidEventDataError(type, [{ path: METADATA, reason }], { cause: error });
  }
  if (!(result instanceof Promise)) return result;
  result.catch(() => undefined);
  throw new InvalidArgumentError('metadata', 'its schema is asynchronous; metadata schemas must not wait');
}

function asObject(type: string, { value }: CheckedJson): JsonObject {
  if (typeof value === 'object' && value !== null && !isArray(value)) return value;
  throw invalidMetadata(type, '', 'is not an object');
}

function isArray(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}
