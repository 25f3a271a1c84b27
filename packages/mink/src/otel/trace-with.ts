import { currentMetadata, NO_SPAN, type Span, type StoreTracer } from '../core/index.ts';

/** A span, as OpenTelemetry names it. */
interface SpanContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceFlags: number;
  readonly isRemote?: boolean;
}

interface ActiveSpan {
  spanContext(): SpanContext;
  isRecording(): boolean;
}

interface OtelSpanOptions {
  readonly attributes: Record<string, string | number>;
  readonly links?: { readonly context: SpanContext }[];
  readonly root?: boolean;
}

/** The part of `@opentelemetry/api` that mink uses; the module itself fits by shape. */
export interface OpenTelemetryApi<C> {
  readonly context: { active(): C };
  readonly trace: {
    getActiveSpan(): ActiveSpan | undefined;
    setSpanContext(context: C, spanContext: SpanContext): C;
  };
}

/** The part of an OpenTelemetry tracer that {@link traceWith} uses; it fits by shape. */
export interface OpenTelemetryTracer<C> {
  startActiveSpan<T>(name: string, options: OtelSpanOptions, context: C, work: (span: Span) => T): T;
}

/** `TraceFlags.SAMPLED` of OpenTelemetry. */
const SAMPLED = 1;
/** W3C trace context: version, trace, span, flags. Ids of zeros only are none. */
const TRACEPARENT =
  /^(?!ff)[\da-f]{2}-(?<traceId>(?!0{32})[\da-f]{32})-(?<spanId>(?!0{16})[\da-f]{16})-(?<flags>[\da-f]{2})(?:-|$)/u;

/**
 * Traces with OpenTelemetry: for the option `tracer` of a store, and for that of `recommendedPipeline`.
 *
 * Commands, appends and deliveries of subscriptions continue the trace that is active; where none is, that of the `traceparent` in
 * the ambient metadata, such as `causedBy(event)` gives. A batch of a projection is a trace of its own, linked to the spans that
 * appended its events, 32 at most. Where the active span is not sampled, nothing is made and nothing is stored.
 *
 * @param of.api - the module `@opentelemetry/api`
 *
 * @example
 * import * as api from '@opentelemetry/api';
 *
 * const tracer = traceWith({ tracer: api.trace.getTracer('orders'), api });
 * const store = createPostgresStore({ url, tracer });
 */
export function traceWith<C>({
  tracer,
  api,
}: {
  readonly tracer: OpenTelemetryTracer<C>;
  readonly api: OpenTelemetryApi<C>;
}): StoreTracer {
  const { context, trace } = api;
  /** Where a span goes on from, as OpenTelemetry has it. */
  const parentOf = (continues: string | undefined): C => {
    const active = context.active();
    const remote = continues === undefined ? undefined : parse(continues);
    return remote === undefined ? active : trace.setSpanContext(active, remote);
  };
  const isLeftOut = (): boolean => {
    const active = trace.getActiveSpan();
    return active !== undefined && isUnsampled(active);
  };
  return {
    isLeftOut,
    traceparent: () => {
      const active = trace.getActiveSpan();
      return active === undefined ? undefined : format(active.spanContext());
    },
    startActiveSpan: (name, { attributes, continues, links }, work) => {
      if (links !== undefined) {
        const linked = links.flatMap((link) => parse(link) ?? []).map((linkedTo) => ({ context: linkedTo }));
        return tracer.startActiveSpan(name, { attributes, links: linked, root: true }, context.active(), work);
      }
      const active = continues === undefined ? trace.getActiveSpan() : undefined;
      if (active !== undefined && isUnsampled(active)) return work(NO_SPAN);
      const parent = parentOf(continues ?? (active === undefined ? currentMetadata().traceparent : undefined));
      return tracer.startActiveSpan(name, { attributes }, parent, work);
    },
  };
}

/** A span of this process that is not sampled: neither is what happens in it. */
function isUnsampled(active: ActiveSpan): boolean {
  return !active.isRecording() && active.spanContext().isRemote !== true;
}

function format({ traceId, spanId, traceFlags }: SpanContext): string | undefined {
  return (traceFlags & SAMPLED) === 0 ? undefined : `00-${traceId}-${spanId}-01`;
}

/** Undefined for what is no traceparent: metadata may hold anything. */
function parse(traceparent: string): SpanContext | undefined {
  const { traceId, spanId, flags } = TRACEPARENT.exec(traceparent)?.groups ?? {};
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
}
