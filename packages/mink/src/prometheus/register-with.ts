import { METRICS, typed, type MetricDefinition, type MetricFamily, type Metrics } from '../core/index.ts';

/** The part of a prom-client registry that mink uses; it fits by shape. */
export interface RegistryLike {
  registerMetric(metric: never): void;
}

/** What prom-client asks of a metric. */
export interface CollectedMetric {
  readonly name: string;
  readonly help: string;
  readonly type: MetricDefinition['kind'];
  readonly aggregator: 'sum' | 'max';
  get(): Promise<CollectedValues>;
  /** Values belong to `Metrics`: there is nothing to forget here. */
  reset(): void;
}

interface CollectedValues extends Pick<CollectedMetric, 'name' | 'help' | 'type' | 'aggregator'> {
  readonly values: readonly {
    readonly labels: Readonly<Record<string, string | number>>;
    readonly value: number;
    readonly metricName?: string;
  }[];
}

/**
 * Lets a registry of prom-client give all metrics with its own.
 *
 * @example
 * registerWith(register, metrics); // import { register } from 'prom-client'
 */
export function registerWith(registry: RegistryLike, metrics: Pick<Metrics, 'collect'>): void {
  let collecting: Promise<readonly MetricFamily[]> | undefined;
  // A scrape asks each metric: they are read once.
  const collect = (): Promise<readonly MetricFamily[]> => {
    collecting ??= metrics.collect().finally(() => (collecting = undefined));
    return collecting;
  };
  // Its own classes are what prom-client names as a type; what it calls of them is this.
  const register = typed<(metric: CollectedMetric) => void>(registry.registerMetric.bind(registry));
  for (const definition of Object.values<MetricDefinition>(METRICS)) register(collected(definition, collect));
}

function collected(definition: MetricDefinition, collect: () => Promise<readonly MetricFamily[]>): CollectedMetric {
  const { name, help, kind: type, isKept } = definition;
  // What is read from the database is the same in each process of a cluster.
  const aggregator = type === 'gauge' && isKept !== true ? 'max' : 'sum';
  return {
    name,
    help,
    type,
    aggregator,
    reset: () => undefined,
    get: async () => {
      const family = (await collect()).find((it) => it.definition === definition);
      return { name, help, type, aggregator, values: family === undefined ? [] : valuesOf(family) };
    },
  };
}

function valuesOf({ definition, samples, histograms }: MetricFamily): CollectedValues['values'] {
  const { name, buckets = [] } = definition;
  const labelsOf = (values: readonly string[]): Record<string, string> =>
    Object.fromEntries(definition.labels.map((label, index) => [label, values[index] ?? '']));
  return [
    ...samples.map(({ labels, value }) => ({ labels: labelsOf(labels), value })),
    ...histograms.flatMap(({ labels, counts, sum, count }) => {
      const own = labelsOf(labels);
      return [
        ...buckets.map((le, index) => ({
          labels: { ...own, le },
          value: counts[index] ?? 0,
          metricName: `${name}_bucket`,
        })),
        { labels: { ...own, le: '+Inf' }, value: count, metricName: `${name}_bucket` },
        { labels: own, value: sum, metricName: `${name}_sum` },
        { labels: own, value: count, metricName: `${name}_count` },
      ];
    }),
  ];
}
