import type { AnySignal, LazySignal } from '../store/lazy-signal.ts';
import type { ExpectedVersion } from '../expected-version.ts';
import type { Message, MessageSchema } from './define-messages.ts';
import { pipeline, type MessageContext, type PipelineParts } from './message-context.ts';

/**
 * A context whose signal is made when somebody asks for it. `signal` is a property of its own all the same: a layer that
 * spreads a context hands the signal on.
 */
class LazyContext implements MessageContext {
  readonly kind: MessageContext['kind'];
  readonly message: Message;
  readonly id: string;
  declare readonly signal: AbortSignal;
  readonly expectedVersion: ExpectedVersion | undefined;
  readonly schema: MessageSchema | undefined;
  readonly [pipeline]: PipelineParts;
  readonly #lazy: LazySignal;

  constructor({ kind, message, id, expectedVersion, schema, [pipeline]: parts }: ContextParts, lazy: LazySignal) {
    this.kind = kind;
    this.message = message;
    this.id = id;
    this.expectedVersion = expectedVersion;
    this.schema = schema;
    this[pipeline] = parts;
    this.#lazy = lazy;
    Object.defineProperty(this, 'signal', signalProperty);
  }

  static lazyOf(context: MessageContext): LazySignal | undefined {
    return #lazy in context ? context.#lazy : undefined;
  }
}

/** One for all of them: with a function of its own, a property takes four times as long to define. */
const signalProperty: PropertyDescriptor & ThisType<LazyContext> = {
  enumerable: true,
  get() {
    return LazyContext.lazyOf(this)?.signal;
  },
};

type ContextParts = Omit<MessageContext, 'signal'>;

/** The context with another signal, made when somebody asks for it. */
export function withLazySignal(context: MessageContext, lazy: LazySignal): MessageContext {
  return new LazyContext(context, lazy);
}

/** What a context is stopped with, without asking for it. */
export function signalOf(context: MessageContext): AnySignal | undefined {
  return LazyContext.lazyOf(context) ?? context.signal;
}

/** The context with something else in it, and a signal that is still not asked for. */
export function changed(context: MessageContext, change: Partial<Omit<MessageContext, 'signal'>>): MessageContext {
  const lazy = LazyContext.lazyOf(context);
  if (lazy === undefined) return { ...context, ...change };
  const { kind, message, id, expectedVersion, schema, [pipeline]: parts } = context;
  return new LazyContext({ kind, message, id, expectedVersion, schema, [pipeline]: parts, ...change }, lazy);
}
