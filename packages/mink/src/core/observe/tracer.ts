/** The part of an OpenTelemetry tracer that mink uses; it fits by shape. */
export interface Tracer {
  startActiveSpan<T>(name: string, options: SpanOptions, work: (span: Span) => T): T;
}

/** What a span is told when it begins. */
export interface SpanOptions {
  readonly attributes: Record<string, string | number>;
}

/** The part of an OpenTelemetry span that mink uses. */
export interface Span {
  setAttribute(name: string, value: string | number): unknown;
  recordException(error: Error): void;
  setStatus(status: { code: number; message?: string }): unknown;
  end(): void;
}

/** What a span of a store is told when it begins. Spans are named as in W3C trace context: `00-<trace>-<span>-01`. */
export interface StoreSpanOptions extends SpanOptions {
  /**
   * The span that it goes on from.
   * @defaultValue the active one; where there is none, the `traceparent` of the ambient metadata
   */
  readonly continues?: string | undefined;
  /** Spans that it comes from, where that are several: it begins a trace of its own then. */
  readonly links?: readonly string[] | undefined;
}

/**
 * Traces what a store does, from the command to the append to projections and whatever they cause: `traceWith` of mink/otel makes
 * one. It is also the `tracer` of `recommendedPipeline`.
 */
export interface StoreTracer extends Tracer {
  startActiveSpan<T>(name: string, options: StoreSpanOptions, work: (span: Span) => T): T;
  /** Whether the active span is not sampled, so that nothing would come of one in it. It costs less than to begin one. */
  isLeftOut(): boolean;
  /** The active span; undefined where there is none, or it is not sampled. It is recorded with what is appended. */
  traceparent(): string | undefined;
}

/** Takes everything, and keeps nothing. */
export const NO_SPAN: Span = {
  setAttribute: () => undefined,
  recordException: () => undefined,
  setStatus: () => undefined,
  end: () => undefined,
};
