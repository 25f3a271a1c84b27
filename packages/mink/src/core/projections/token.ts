import { InvalidTokenError } from '../projection-errors.ts';
import { partitionKey } from '../stream-name.ts';
import { typed } from '../typed.ts';

/** What a token says: what was written, and how to tell that it is still there. */
export interface Written {
  /** The position of the first and of the last event. */
  readonly first: number;
  readonly position: number;
  /** A part of the store's id; empty where it was not known. */
  readonly store: string;
  /** A part of the id of the event at `position`; empty where it was not known. */
  readonly event: string;
  /** The partitions of the streams that were written to; undefined where there were many. */
  readonly slots: ReadonlySet<number> | undefined;
}

/** Streams with what was appended to them. */
export type WrittenStreams = readonly {
  readonly streamName: string;
  readonly events: readonly { readonly id: string; readonly globalPosition: number }[];
}[];

/**
 * One byte for the version of the format and the number of partitions, 6 for each of store, event, position and length, two for each
 * partition. The ids are cut to what tells them apart by accident: a token keeps mistakes out, and no attackers.
 */
const FORMAT = 1;
const ID_BYTES = 6;
const HEAD_BYTES = 1 + 2 * ID_BYTES + 12;
const MAX_SLOTS = 8;

/** The token of an append that ended at a position: opaque, safe in URLs, headers and cookies, 36 to 56 characters. */
function tokenOf(storeId: string | undefined, position: number, streams: WrittenStreams): string {
  const written = streams.filter(({ events }) => events.length > 0);
  const events = written.flatMap((stream) => stream.events);
  const first = events.reduce((least, { globalPosition }) => Math.min(least, globalPosition), position);
  const last = events.find(({ globalPosition }) => globalPosition === position);
  const all = new Set(written.map(({ streamName }) => partitionKey(streamName)));
  const slots = all.size > MAX_SLOTS ? [] : [...all];
  const bytes = Buffer.alloc(HEAD_BYTES + 2 * slots.length);
  bytes.writeUInt8(FORMAT * 16 + slots.length, 0);
  bytes.write(endOf(storeId ?? ''), 1, 'hex');
  bytes.write(endOf(last?.id ?? ''), 1 + ID_BYTES, 'hex');
  bytes.writeUIntBE(position, 1 + 2 * ID_BYTES, 6);
  bytes.writeUIntBE(position - first, 7 + 2 * ID_BYTES, 6);
  for (const [index, slot] of slots.entries()) bytes.writeUInt16BE(slot, HEAD_BYTES + 2 * index);
  return bytes.toString('base64url');
}

/** What a token says. Throws `InvalidTokenError` for what is no token, or that of another store. */
export function parseToken(token: string, storeId?: string): Written {
  if (typeof token !== 'string' || token.length > 100) throw new InvalidTokenError('it is not one');
  const bytes = Buffer.from(token, 'base64url');
  const [begin = 0] = bytes;
  const count = begin % 16;
  if (
    bytes.toString('base64url') !== token ||
    begin - count !== FORMAT * 16 ||
    bytes.length !== HEAD_BYTES + 2 * count
  ) {
    throw new InvalidTokenError('it is not one, or of a later version of mink');
  }
  const store = idAt(bytes, 1);
  if (storeId !== undefined && store !== '' && store !== endOf(storeId)) {
    throw new InvalidTokenError('it is that of another store');
  }
  const position = bytes.readUIntBE(1 + 2 * ID_BYTES, 6);
  const first = position - bytes.readUIntBE(7 + 2 * ID_BYTES, 6);
  if (first < 1) throw new InvalidTokenError('its positions are none');
  const slots = Array.from({ length: count }, (_, index) => bytes.readUInt16BE(HEAD_BYTES + 2 * index));
  const event = idAt(bytes, 1 + ID_BYTES);
  return { first, position, store, event, slots: slots.length === 0 ? undefined : new Set(slots) };
}

/** What a token keeps of a UUID: its end, where it is random, as hexadecimal digits. */
export function endOf(id: string): string {
  return id.toLowerCase().slice(-2 * ID_BYTES);
}

function idAt(bytes: Buffer, offset: number): string {
  const id = bytes.toString('hex', offset, offset + ID_BYTES);
  return id === '0'.repeat(2 * ID_BYTES) ? '' : id;
}

/** What an append to one stream, or to several, has come to. */
type Appended = { readonly globalPosition: number | undefined } & (
  | WrittenStreams[number]
  | { readonly streams: WrittenStreams }
);

/**
 * The property of a store's results that is their token. One for all of them: with a getter of its own, each result would have a
 * form of its own, and an append in memory take twice as long.
 */
export function tokenProperty(storage: { readonly storeId?: string | undefined }): PropertyDescriptor {
  return {
    get(this: Appended) {
      const { globalPosition } = this;
      if (globalPosition === undefined) return undefined;
      return tokenOf(storage.storeId, globalPosition, 'streams' in this ? this.streams : [this]);
    },
  };
}

/**
 * Gives a result its token: made when somebody asks for it, and not seen by whoever compares results, spreads them or writes them
 * as JSON. Undefined where nothing was appended.
 */
export function withToken<Result extends Appended>(
  result: Result,
  { token }: { readonly token: PropertyDescriptor },
): Result & { readonly token: string | undefined } {
  return typed(Object.defineProperty(result, 'token', token));
}
