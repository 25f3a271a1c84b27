import { InvalidArgumentError, InvalidEventDataError, type Issue } from '../errors.ts';
import { checkJson, sameJson, type CheckedJson, type JsonValue } from '../json.ts';
import { typed } from '../typed.ts';
import { deepFreeze } from '../deep-freeze.ts';
import { lostKind } from './kept-kind.ts';
import { upcast, type VersionedSchema } from './upcasting.ts';
import { looksOnly } from './looks-only.ts';
import {
  formatPath,
  type StandardIssue,
  type StandardResult,
  type StandardSchema,
  type TwoWayResult,
  type TwoWaySchema,
} from './standard-schema.ts';

declare const payloadType: unique symbol;

/** What {@link payload} returns: a type and no check. */
export interface PayloadMarker<T> {
  readonly kind: 'payload';
  readonly [payloadType]?: T;
}

/** What {@link codec} returns: a schema and the way back. */
export interface PayloadCodec<Output> {
  readonly kind: 'codec';
  readonly schema: StandardSchema<unknown, Output>;
  readonly encode: (value: Output) => unknown;
}

/** Everything that can describe a payload in `defineEvents`. */
export type EventSchema = StandardSchema | PayloadMarker<unknown> | { readonly kind: 'codec' };

/** The same, or one with a past. */
export type AnyEventSchema = EventSchema | { readonly kind: 'versioned' };

/** The payload type that a schema describes: its output. */
export type DataOf<S> =
  S extends VersionedSchema<infer Now>
    ? DataOf<Now>
    : S extends PayloadMarker<infer T>
      ? T
      : S extends PayloadCodec<infer Output>
        ? Output
        : S extends StandardSchema<infer _Input, infer Output>
          ? Output
          : never;

/**
 * A payload that has a type and no check at run time. Whatever JSON cannot hold is still refused on append.
 *
 * @example
 * const orderEvents = defineEvents({ OrderConfirmed: payload<{ total: number }>() });
 */
export function payload<T>(): PayloadMarker<T> {
  return { kind: 'payload' };
}

/**
 * A schema together with the way back, for payloads that hold more than JSON does. Reading runs the schema over the
 * stored JSON; appending runs `encode`, then checks that the schema accepts the result. A zod schema (4.1 and later)
 * with `z.codec` inside needs no wrapper.
 *
 * @example
 * codec(v.pipe(v.object({ at: v.pipe(v.string(), v.toDate()) })), { encode: ({ at }) => ({ at: at.toISOString() }) })
 */
export function codec<Output>(
  schema: StandardSchema<unknown, Output>,
  options: { readonly encode: (value: NoInfer<Output>) => unknown },
): PayloadCodec<Output> {
  return { kind: 'codec', schema, encode: options.encode };
}

/** A payload as it is stored (`stored`) and as readers see it (`data`). */
export interface EncodedPayload {
  readonly stored: CheckedJson;
  readonly data: unknown;
  /** 1 unless it says otherwise. */
  readonly schemaVersion?: number | undefined;
}

/** On an event that was checked and encoded already, when its aggregate applied it. */
export const encoded: unique symbol = Symbol.for('mink.encoded');

/** Which stored event a payload was read from, for the error. */
export interface EventPlace {
  readonly streamName: string;
  readonly streamVersion: number;
  readonly globalPosition: number;
}

/** How one event type's payloads are checked, stored and read. Errors are `InvalidEventDataError`. */
export interface EventCodec {
  /** The version of what it encodes; it decodes that, and every one before. */
  readonly schemaVersion: number;
  /** From what the user appends to what is stored. */
  encode(data: unknown): EncodedPayload;
  /** From what is stored, in its version (1 unless it is told), to what readers see. */
  decode(stored: JsonValue, place: EventPlace | undefined, version?: number): unknown;
}

/** A codec of payloads that have one version. */
type PlainCodec = Pick<EventCodec, 'encode'> & {
  readonly decode: (stored: JsonValue, place: EventPlace | undefined) => unknown;
};

/** The codec of an event type from its schema. */
export function eventCodec(type: string, schema: AnyEventSchema, validateOnRead: boolean): EventCodec {
  if (!isVersioned(schema)) {
    return { schemaVersion: 1, ...plainCodec(type, schema, validateOnRead) };
  }
  const { steps } = schema;
  const { encode, decode } = plainCodec(type, schema.schema, validateOnRead);
  const schemaVersion = steps.length + 1;
  return {
    schemaVersion,
    encode: (data) => ({ ...encode(data), schemaVersion }),
    decode: (stored, place, version = 1) => decode(upcast(type, steps, { stored, version }, place), place),
  };
}

function plainCodec(type: string, schema: AnyEventSchema, validateOnRead: boolean): PlainCodec {
  if (isPayloadCodec(schema)) return twoWayCodec(type, wayBack(type, schema));
  if (isMarker(schema)) return markerCodec(type);
  if (isTwoWay(schema)) {
    const codec = twoWayCodec(type, nativeTwoWay(type, schema));
    return looksOnly(schema) ? withShortWay(codec, schema) : codec;
  }
  if (isStandard(schema)) return standardCodec(type, schema, validateOnRead);
  throw new InvalidArgumentError(
    `defineEvents.${type}`,
    'is not a schema. Give a Standard Schema (zod, valibot, arktype …), codec(…) or payload<T>().',
  );
}

function markerCodec(type: string): PlainCodec {
  return { encode: (data) => encodePlain(type, data), decode: (stored) => stored };
}

/** A payload without a schema: readers see what is stored. */
export function encodePlain(type: string, data: unknown): EncodedPayload {
  const stored = toJson(type, data);
  return { stored, data: stored.value };
}

function standardCodec(type: string, schema: StandardSchema, validateOnRead: boolean): PlainCodec {
  return {
    encode: (data) => encodePlain(type, validate(type, schema, data, undefined)),
    decode: (stored, place) => (validateOnRead ? deepFreeze(validateStored(type, schema, stored, place)) : stored),
  };
}

/** The two directions of a payload that is stored in another form than it is used in. */
interface TwoWays {
  readonly encode: (data: unknown) => unknown;
  readonly decode: (stored: unknown, place: EventPlace | undefined) => unknown;
}

/** `data` is decoded again from what is stored: what the writer folds is what every later reader will fold. */
function twoWayCodec(type: string, ways: TwoWays): PlainCodec {
  const decode = (stored: JsonValue, place: EventPlace | undefined): unknown => deepFreeze(ways.decode(stored, place));
  return {
    encode(data) {
      const stored = toJson(type, ways.encode(data));
      const decoded = decode(stored.value, undefined);
      const issue = lostKind(data, decoded);
      if (issue !== undefined) throw new InvalidEventDataError(type, [issue]);
      return { stored, data: decoded };
    },
    decode,
  };
}

/**
 * What a schema accepts and gives back as it was needs no way back: zod compiles its checks for this direction only, and
 * they cost a tenth. Whatever is not so, an error above all, goes the long way.
 */
function withShortWay(codec: PlainCodec, schema: TwoWaySchema): PlainCodec {
  return {
    encode(data) {
      const stored = checkJson(data);
      if (!('reason' in stored) && isKept(schema, stored.value)) return { stored, data: stored.value };
      return codec.encode(data);
    },
    decode: (stored, place) => codec.decode(stored, place),
  };
}

function isKept(schema: TwoWaySchema, value: JsonValue): boolean {
  try {
    const result = schema.safeDecode(value);
    return result.success && sameJson(value, typed<JsonValue>(result.data));
  } catch {
    // A check that throws is reported by the long way.
    return false;
  }
}

function nativeTwoWay(type: string, schema: TwoWaySchema): TwoWays {
  const dataOf = (result: TwoWayResult, place: EventPlace | undefined): unknown => {
    if (result.success) return result.data;
    throw new InvalidEventDataError(type, result.error.issues.map(toIssue), { where: textOf(place) });
  };
  return {
    encode(data) {
      const task = { type, what: 'cannot be encoded by its schema', place: undefined };
      return dataOf(
        guarded(task, () => schema.safeEncode(data)),
        undefined,
      );
    },
    decode(stored, place) {
      const task = { type, what: 'cannot be decoded by its schema', place };
      return dataOf(
        guarded(task, () => schema.safeDecode(stored)),
        place,
      );
    },
  };
}

function wayBack(type: string, { schema, encode }: PayloadCodec<unknown>): TwoWays {
  return {
    encode: (data) => guarded({ type, what: 'cannot be encoded', place: undefined }, () => encode(data)),
    decode: (stored, place) => validateStored(type, schema, stored, place),
  };
}

/** Made only for an error: most events are read without one. */
function textOf(place: EventPlace | undefined): string {
  if (place === undefined) return '';
  return ` at version ${place.streamVersion} of stream "${place.streamName}" (position ${place.globalPosition})`;
}

interface Task {
  readonly type: string;
  readonly what: string;
  readonly place: EventPlace | undefined;
}

/** A schema that throws (a one-way transform, a bug in a codec) is a wrong payload, not a crash. */
function guarded<T>(task: Task, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const issue = { path: '', reason: `${task.what}: ${reason}` };
    throw new InvalidEventDataError(task.type, [issue], { cause: error, where: textOf(task.place) });
  }
}

function toJson(type: string, value: unknown): CheckedJson {
  const checked = checkJson(value);
  if ('reason' in checked) throw new InvalidEventDataError(type, [checked]);
  return checked;
}

/** Stored values are frozen, and some schemas (arktype's morphs) change what they get in place: they get a copy. */
function validateStored(type: string, schema: StandardSchema, stored: unknown, place: EventPlace | undefined): unknown {
  return validate(type, schema, structuredClone(stored), place);
}

function validate(type: string, schema: StandardSchema, value: unknown, place: EventPlace | undefined): unknown {
  const result: StandardResult<unknown> | Promise<StandardResult<unknown>> = guarded(
    { type, what: 'cannot be checked by its schema', place },
    () => schema['~standard'].validate(value),
  );
  if (result instanceof Promise) {
    result.catch(() => undefined);
    throw new InvalidArgumentError(`defineEvents.${type}`, 'its schema is asynchronous; event schemas must not wait');
  }
  if (result.issues !== undefined)
    throw new InvalidEventDataError(type, result.issues.map(toIssue), { where: textOf(place) });
  return result.value;
}

function toIssue(issue: StandardIssue): Issue {
  return { path: formatPath(issue.path), reason: issue.message };
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

function isVersioned(schema: unknown): schema is VersionedSchema {
  return isObject(schema) && 'kind' in schema && schema.kind === 'versioned' && !isStandard(schema);
}

function isMarker(schema: unknown): schema is PayloadMarker<unknown> {
  return isObject(schema) && 'kind' in schema && schema.kind === 'payload' && !isStandard(schema);
}

function isPayloadCodec(schema: unknown): schema is PayloadCodec<unknown> {
  return isObject(schema) && 'kind' in schema && schema.kind === 'codec' && !isStandard(schema);
}

function isStandard(schema: unknown): schema is StandardSchema {
  return isObject(schema) && '~standard' in schema && isObject(schema['~standard']);
}

function isTwoWay(schema: unknown): schema is TwoWaySchema {
  return (
    isStandard(schema) &&
    'safeEncode' in schema &&
    typeof schema.safeEncode === 'function' &&
    'safeDecode' in schema &&
    typeof schema.safeDecode === 'function'
  );
}
