import type { MetricDefinition } from './metric-definitions.ts';

/** The values of labels, in the order of the definition. */
export type LabelValues = readonly string[];

/** Where measurements go: the registry here, or instruments of OpenTelemetry. */
export interface Instruments {
  /** Adds to a counter, or to a gauge that is kept here. */
  add(metric: MetricDefinition, labels: LabelValues, value: number): void;
  /** Records a value of a histogram. */
  record(metric: MetricDefinition, labels: LabelValues, value: number): void;
}

/** One value of a counter or a gauge. */
export interface Sample {
  readonly labels: LabelValues;
  readonly value: number;
}

/** What a histogram has recorded. */
export interface HistogramSample {
  readonly labels: LabelValues;
  /** Recorded values at or below each bound; as many as there are bounds. */
  readonly counts: readonly number[];
  readonly sum: number;
  readonly count: number;
}

/** A metric with its values of now. */
export interface MetricFamily {
  readonly definition: MetricDefinition;
  readonly samples: readonly Sample[];
  readonly histograms: readonly HistogramSample[];
}

/** Series of one metric, at most: types of messages may come from outside. */
const MOST_SERIES = 500;
/** What stands for a name that is one too many. */
export const OTHER = 'other';
/** No label value holds it: they are names. */
const SEPARATOR = '\u{1F}';

interface Recorded {
  readonly labels: LabelValues;
  readonly counts: number[];
  sum: number;
  count: number;
}

/** Counters and histograms of one process. What comes beyond 500 combinations of labels is counted as `other`. */
export class MetricRegistry implements Instruments {
  readonly #series = new Map<MetricDefinition, Map<string, Recorded>>();

  add(metric: MetricDefinition, labels: LabelValues, value: number): void {
    this.#seriesOf(metric, labels).sum += value;
  }

  record(metric: MetricDefinition, labels: LabelValues, value: number): void {
    const series = this.#seriesOf(metric, labels);
    series.sum += value;
    series.count += 1;
    const { buckets = [] } = metric;
    const at = buckets.findIndex((bound) => value <= bound);
    if (at >= 0) series.counts[at] = (series.counts[at] ?? 0) + 1;
  }

  /** What was measured so far. */
  families(): readonly MetricFamily[] {
    return Array.from(this.#series, ([definition, all]) => {
      const series = [...all.values()];
      return definition.kind === 'histogram'
        ? { definition, samples: [], histograms: series.map(toHistogram) }
        : { definition, samples: series.map(({ labels, sum: value }) => ({ labels, value })), histograms: [] };
    });
  }

  #seriesOf(metric: MetricDefinition, labels: LabelValues): Recorded {
    let all = this.#series.get(metric);
    if (all === undefined) this.#series.set(metric, (all = new Map()));
    const key = labels.length === 1 ? (labels[0] ?? '') : labels.join(SEPARATOR);
    const known = all.get(key);
    if (known !== undefined) return known;
    if (all.size >= MOST_SERIES && labels[0] !== OTHER)
      // How it ended is still told: alerts ask for it.
      return this.#seriesOf(metric, [OTHER, ...labels.slice(1)]);
    const made = { labels, counts: (metric.buckets ?? []).map(() => 0), sum: 0, count: 0 };
    all.set(key, made);
    return made;
  }
}

/** Counts of values at or below each bound. */
function toHistogram({ labels, counts, sum, count }: Recorded): HistogramSample {
  let below = 0;
  return { labels, counts: counts.map((own) => (below += own)), sum, count };
}
