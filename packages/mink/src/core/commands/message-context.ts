import type { ExpectedVersion } from '../expected-version.ts';
import type { EventStorage, KeyedOutcome } from '../storage/event-storage.ts';
import type { KeySlot } from '../store/keyed.ts';
import type { Message, MessageSchema } from './define-messages.ts';

/** A message on its way through a bus. */
export interface MessageContext {
  readonly kind: 'command' | 'query';
  /** Once it is validated, with the data as its schema made it. */
  readonly message: Message;
  /** The message's id, or a new one where it has none. */
  readonly id: string;
  /** Aborted when nobody waits for the answer any more. Reads and appends that are given it stop. */
  readonly signal: AbortSignal | undefined;
  /** What the stream must be at, where the sender said so. */
  readonly expectedVersion: ExpectedVersion | undefined;
  /** What the data has to be; undefined once it was checked, or where there is no handler. */
  readonly schema: MessageSchema | undefined;
  /** What the bus gives to layers of mink's own. */
  readonly [pipeline]: PipelineParts;
}

/** The parts of a context that are not for everybody. */
export const pipeline: unique symbol = Symbol('mink.pipeline');

/** Where results of commands are kept. */
export type CommandResults = Pick<EventStorage, 'readResult' | 'keepResult' | 'deleteExpiredResults'>;

/** How long the handler of a message took. */
export interface Stopwatch {
  /** Milliseconds from any beginning; undefined where nobody wants to know. */
  now: (() => number) | undefined;
  /** All tries together; undefined where there was none. */
  milliseconds: number | undefined;
}

/**
 * What the key of a command came to: `first` it was done now, `repeated` it had its result already, `reused` the key belongs to
 * another command.
 */
export type KeyUse = 'first' | 'repeated' | 'reused';

export interface PipelineParts {
  /** Whether the bus has a handler for the type: others are names from outside. */
  readonly isHandled: boolean;
  /** The message's data as it was sent: what a schema fills in may differ from one time to the next. */
  readonly sent: unknown;
  readonly results: CommandResults;
  /** The result that a command had the first time. */
  readonly replay: (outcome: DoneOutcome) => Promise<unknown>;
  /** Measures the handler, where a layer wants to know. */
  readonly stopwatch: Stopwatch;
  /** What layers further out are told. */
  readonly told: { keyUse: KeyUse | undefined };
  /** The event, or whatever else it was sent because of; undefined where nobody has said so. */
  readonly causedBy: string | undefined;
  /** The key that the handler's append has to carry. */
  readonly slot?: KeySlot | undefined;
}

/** How a command ended that was not refused. */
export type DoneOutcome = Exclude<KeyedOutcome, { readonly status: 'refused' }>;

/** Handles a message, or hands it on; may do so with a changed context, not at all, or again. */
export type Middleware = (context: MessageContext, next: Next) => Promise<unknown>;

/** The rest of the pipeline, the handler at its end. */
export type Next = (context: MessageContext) => Promise<unknown>;

/** Options of `dispatch` and `ask`. */
export interface DispatchOptions {
  /** Aborted when nobody waits for the answer any more. */
  readonly signal?: AbortSignal | undefined;
  /**
   * What the stream must be at, such as the version a user has seen (`If-Match`).
   * @defaultValue 'any'
   */
  readonly expectedVersion?: ExpectedVersion | undefined;
}

/** One function out of the layers of an onion: the first one is the outermost. */
export function compose(middleware: readonly Middleware[], handle: Next): Next {
  return middleware.reduceRight<Next>((next, layer) => (context) => layer(context, next), handle);
}
