import { InvalidArgumentError, UpcastFailedError } from '../errors.ts';
import { checkJson, type JsonValue } from '../json.ts';
import { typed } from '../typed.ts';
import type { EventPlace, EventSchema, PayloadCodec, PayloadMarker } from './event-schema.ts';
import type { StandardSchema } from './standard-schema.ts';

/** Turns a stored payload of one version into one of the next. */
export type UpcastStep = (stored: unknown) => unknown;

/** An event type whose payload has had other shapes before: what {@link Upcasters.now} returns. */
export interface VersionedSchema<S = EventSchema> {
  readonly kind: 'versioned';
  readonly schema: S;
  /** From version 1 to 2, from 2 to 3, and so on. */
  readonly steps: readonly UpcastStep[];
}

/** The stored form that a schema reads. */
export type StoredOf<S> =
  S extends PayloadMarker<infer Data>
    ? Data
    : S extends PayloadCodec<unknown>
      ? unknown
      : S extends StandardSchema<infer Input, infer _Output>
        ? Input
        : never;

/** A chain of upcasters so far: `Stored` is the payload at version `Versions['length']`. */
export interface Upcasters<Stored, Versions extends readonly unknown[]> {
  /**
   * What became of the payload with the next version, which has to be the one after the last.
   *
   * @example
   * .to(2, ({ customer, ...rest }) => ({ ...rest, customerName: customer }))
   */
  to<Next>(
    version: [...Versions, unknown]['length'],
    upcast: (stored: Stored) => Next,
  ): Upcasters<Next, [...Versions, unknown]>;
  /** The schema of today. It has to read what the last step returns. */
  now<S extends EventSchema>(
    schema: S & ([Stored] extends [StoredOf<S>] ? unknown : 'does not read what the last upcaster returns'),
  ): VersionedSchema<S>;
}

/**
 * Begins the chain that leads from the first shape of a payload to that of today. The events in the log stay as they are;
 * whoever reads them, on whatever path, gets the shape of today. New events carry the last version.
 *
 * @example
 * const orderEvents = defineEvents({
 *   OrderCreated: upcastFrom(payload<{ customer: string }>())
 *     .to(2, ({ customer }) => ({ customerId: '', customerName: customer }))
 *     .to(3, (stored) => ({ ...stored, source: 'unknown' }))
 *     .now(z.object({ customerId: z.string(), customerName: z.string(), source: z.string() })),
 * });
 */
export function upcastFrom<S extends PayloadMarker<unknown> | StandardSchema>(
  _firstShape: S,
): Upcasters<StoredOf<S>, [unknown]> {
  return chain([]);
}

function chain<Stored, Versions extends readonly unknown[]>(steps: readonly UpcastStep[]): Upcasters<Stored, Versions> {
  return {
    to: (version, upcast) => {
      const expected = steps.length + 2;
      if (Number(version) !== expected) {
        throw new InvalidArgumentError(
          'to',
          `version ${String(version)} comes after ${expected - 1}; give ${expected}`,
        );
      }
      if (typeof upcast !== 'function') throw new InvalidArgumentError('to', `version ${expected} has no function`);
      return chain([...steps, typed<UpcastStep>(upcast)]);
    },
    now: (schema) => ({ kind: 'versioned', schema, steps }),
  };
}

/** What to do with events of a type that is not written any more. */
export type PastEvent =
  | { readonly kind: 'renamed'; readonly to: string }
  | { readonly kind: 'split'; readonly into: (stored: unknown) => unknown }
  | { readonly kind: 'dropped'; readonly reason: string };

/** The past of a definition, by event type. */
export type PastEvents = ReadonlyMap<string, PastEvent>;

/** A type that has another name today; its versions are those of the new name. */
export function renamedTo<const T extends string>(type: T): { readonly kind: 'renamed'; readonly to: T } {
  return { kind: 'renamed', to: type };
}

/**
 * A type that several types have taken the place of: what one stored event of it says today. The events it is read as have
 * its place in the log.
 *
 * @example
 * past: {
 *   OrderPlaced: splitInto(payload<{ customerId: string; skus: string[] }>(), ({ customerId, skus }) => [
 *     { type: 'OrderCreated', data: { customerId } },
 *     ...skus.map((sku) => ({ type: 'ItemAdded', data: { sku } }) as const),
 *   ]),
 * }
 */
export function splitInto<S extends PayloadMarker<unknown> | StandardSchema, const Parts extends readonly unknown[]>(
  _shape: S,
  into: (stored: StoredOf<S>) => Parts,
): { readonly kind: 'split'; readonly into: (stored: never) => Parts } {
  if (typeof into !== 'function') throw new InvalidArgumentError('splitInto', 'has no function');
  return { kind: 'split', into };
}

/** A type whose events nobody is to see any more. They stay in the log. */
export function dropped(reason: string): { readonly kind: 'dropped'; readonly reason: string } {
  if (typeof reason !== 'string' || reason === '') throw new InvalidArgumentError('dropped', 'has no reason');
  return { kind: 'dropped', reason };
}

/** Checks the past of a definition: no type is of today and of the past, and what it has become exists. */
export function checkPast(past: Readonly<Record<string, unknown>> | undefined, known: ReadonlySet<string>): PastEvents {
  const all = new Map<string, PastEvent>();
  for (const [type, become] of Object.entries(past ?? {})) {
    if (!isPastEvent(become)) {
      throw new InvalidArgumentError(`past.${type}`, 'is none of renamedTo(…), splitInto(…) and dropped(…)');
    }
    if (known.has(type)) throw new InvalidArgumentError(`past.${type}`, 'is a type of today, too');
    if (become.kind === 'renamed' && !known.has(become.to)) {
      throw new InvalidArgumentError(`past.${type}`, `was renamed to "${become.to}", which is not defined`);
    }
    all.set(type, become);
  }
  return all;
}

function isPastEvent(value: unknown): value is PastEvent {
  return (
    typeof value === 'object' &&
    value !== null &&
    'kind' in value &&
    (value.kind === 'renamed' || value.kind === 'split' || value.kind === 'dropped')
  );
}

/** The payload as the last version has it. Whatever a step throws or returns that JSON cannot hold is `UpcastFailedError`. */
export function upcast(
  type: string,
  steps: readonly UpcastStep[],
  { stored, version }: { readonly stored: JsonValue; readonly version: number },
  place: EventPlace | undefined,
): JsonValue {
  let current = stored;
  for (let from = version; from <= steps.length; from += 1) {
    const step = steps[from - 1];
    if (step === undefined) break;
    current = checked({ type, from, place }, () => step(current));
  }
  return current;
}

/** What a split says, as events of today with stored payloads. */
export function split(
  type: string,
  into: (stored: unknown) => unknown,
  { stored, version }: { readonly stored: JsonValue; readonly version: number },
  place: EventPlace | undefined,
): readonly { readonly type: string; readonly data: JsonValue }[] {
  const parts = checked({ type, from: version, place }, () => into(stored));
  if (Array.isArray(parts) && parts.every(isPart)) return parts;
  throw new UpcastFailedError(type, version, { place, cause: new TypeError('it returned no array of { type, data }') });
}

function isPart(part: unknown): part is { readonly type: string; readonly data: JsonValue } {
  return typeof part === 'object' && part !== null && 'type' in part && typeof part.type === 'string' && 'data' in part;
}

function checked(
  { type, from, place }: { readonly type: string; readonly from: number; readonly place: EventPlace | undefined },
  work: () => unknown,
): JsonValue {
  let result: unknown;
  try {
    result = work();
  } catch (error) {
    throw new UpcastFailedError(type, from, { place, cause: error });
  }
  const json = checkJson(result);
  if (!('reason' in json)) return json.value;
  if (result instanceof Promise) result.catch(() => undefined);
  const where = json.path === '' ? 'it returned something that' : `${json.path} of what it returned`;
  throw new UpcastFailedError(type, from, { place, cause: new TypeError(`${where} ${json.reason}`) });
}
