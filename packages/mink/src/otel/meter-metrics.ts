import {
  measuringMessages,
  measuringObserver,
  METRICS,
  type Instruments,
  type LabelValues,
  type MessageHook,
  type MetricDefinition,
  type Metrics,
  type Observer,
} from '../core/index.ts';

/** Attributes of a measurement. */
type Attributes = Record<string, string>;

interface InstrumentOptions {
  readonly description: string;
  readonly unit?: string;
  readonly advice?: { readonly explicitBucketBoundaries: number[] };
}

/** The part of an OpenTelemetry meter that mink uses; it fits by shape. */
export interface MeterLike {
  createCounter(name: string, options: InstrumentOptions): { add(value: number, attributes: Attributes): void };
  createUpDownCounter(name: string, options: InstrumentOptions): { add(value: number, attributes: Attributes): void };
  createHistogram(name: string, options: InstrumentOptions): { record(value: number, attributes: Attributes): void };
  createObservableGauge(
    name: string,
    options: InstrumentOptions,
  ): {
    addCallback(callback: (result: { observe(value: number, attributes: Attributes): void }) => Promise<void>): void;
  };
}

/** What the store and the pipeline are given. */
export interface MeterMetrics {
  readonly observer: Observer;
  readonly message: MessageHook;
}

/**
 * Measures into a meter of OpenTelemetry, under the names of {@link METRICS}; gauges come from what `metrics` watches.
 *
 * @example
 * const measured = meterMetrics(meterProvider.getMeter('mink'), metrics);
 * const store = createPostgresStore({ url, observer: measured.observer });
 */
export function meterMetrics(meter: MeterLike, metrics?: Pick<Metrics, 'collect'>): MeterMetrics {
  const instruments = instrumentsOf(meter);
  if (metrics !== undefined) observeGauges(meter, metrics);
  return { observer: measuringObserver(instruments), message: measuringMessages(instruments) };
}

function instrumentsOf(meter: MeterLike): Instruments {
  const counters = new Map<MetricDefinition, ReturnType<MeterLike['createCounter']>>();
  const histograms = new Map<MetricDefinition, ReturnType<MeterLike['createHistogram']>>();
  for (const definition of Object.values<MetricDefinition>(METRICS)) {
    const { name, kind, isKept } = definition;
    if (kind === 'counter') counters.set(definition, meter.createCounter(name, optionsOf(definition)));
    if (isKept === true) counters.set(definition, meter.createUpDownCounter(name, optionsOf(definition)));
    if (kind === 'histogram') histograms.set(definition, meter.createHistogram(name, optionsOf(definition)));
  }
  return {
    add: (metric, labels, value) => counters.get(metric)?.add(value, attributesOf(metric, labels)),
    record: (metric, labels, value) => histograms.get(metric)?.record(value, attributesOf(metric, labels)),
  };
}

function observeGauges(meter: MeterLike, metrics: Pick<Metrics, 'collect'>): void {
  for (const definition of Object.values<MetricDefinition>(METRICS)) {
    if (definition.kind !== 'gauge' || definition.isKept === true) continue;
    meter.createObservableGauge(definition.name, optionsOf(definition)).addCallback(async (result) => {
      const family = (await metrics.collect()).find((it) => it.definition === definition);
      for (const { labels, value } of family?.samples ?? []) result.observe(value, attributesOf(definition, labels));
    });
  }
}

function optionsOf({ name, help, buckets }: MetricDefinition): InstrumentOptions {
  const unit = name.includes('_seconds') ? 's' : name.endsWith('_bytes') ? 'By' : undefined;
  return {
    description: help,
    ...(unit === undefined ? {} : { unit }),
    ...(buckets === undefined ? {} : { advice: { explicitBucketBoundaries: [...buckets] } }),
  };
}

function attributesOf({ labels }: MetricDefinition, values: LabelValues): Attributes {
  return Object.fromEntries(labels.map((label, index) => [label, values[index] ?? '']));
}
