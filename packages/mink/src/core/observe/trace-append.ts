import type { ExpectedVersion } from '../expected-version.ts';
import type { Appended } from '../store/append.ts';
import { statusOfAppend } from './append-status.ts';
import { inSpan } from './in-span.ts';
import { quietly } from './quietly.ts';
import { originOf } from './links.ts';
import { NO_SPAN, type Span, type StoreSpanOptions, type StoreTracer } from './tracer.ts';

/** One stream of an append, as far as it is known before. */
interface TracedEntry {
  readonly streamName: string;
  readonly events?: readonly unknown[] | undefined;
  readonly expectedVersion?: ExpectedVersion | undefined;
}

/** An append that is about to be made. */
interface TracedAppend {
  readonly entries: readonly TracedEntry[];
  /** The spans that it is made for, where that is not the active one. */
  readonly origins?: readonly string[] | undefined;
}

/** Prepares and sends an append in a span, whose `traceparent` its events get. The work tells {@link describeAppended}. */
export function traceAppend<T>(
  tracer: StoreTracer | undefined,
  { entries, origins }: TracedAppend,
  append: (span: Span) => Promise<T>,
): Promise<T> {
  const isLeftOut =
    tracer === undefined || (origins === undefined ? quietly(() => tracer.isLeftOut()) : origins.length === 0);
  if (isLeftOut === true) return append(NO_SPAN);
  const options: StoreSpanOptions = {
    attributes: attributesOf(entries),
    ...(origins === undefined ? undefined : originOf(origins)),
  };
  return inSpan(tracer, { name: 'append', options }, async (span) => {
    try {
      return await append(span);
    } catch (error) {
      quietly(() => span.setAttribute('mink.append.status', statusOfAppend(error)));
      throw error;
    }
  });
}

/** Says what was stored. */
export function describeAppended(span: Span, { repeated, streams, globalPosition }: Appended): void {
  if (span === NO_SPAN) return;
  quietly(() => {
    span.setAttribute('mink.append.status', repeated ? 'repeated' : 'stored');
    span.setAttribute('mink.global_position', globalPosition);
    const [first] = streams;
    if (first !== undefined) span.setAttribute('mink.stream.version', first.streamVersion);
  });
}

function attributesOf(entries: readonly TracedEntry[]): Record<string, string | number> {
  const [first] = entries;
  return {
    'mink.stream.name': first?.streamName ?? '',
    'mink.append.streams': entries.length,
    'mink.append.events': entries.reduce((sum, { events }) => sum + (events?.length ?? 0), 0),
    'mink.append.expected_version': String(first?.expectedVersion ?? 'any'),
  };
}
