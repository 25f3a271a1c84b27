import type { ConnectionUse } from './operations-storage.ts';
import { METRICS, type MetricDefinition } from '../metrics/metric-definitions.ts';
import type { HistogramSample, MetricFamily } from '../metrics/metric-registry.ts';

/** How a process has done in the last interval. Times are seconds; undefined where there was nothing to time. */
export interface ProcessVitals {
  /** How long the interval was. */
  readonly seconds: number;
  /** Undefined, as what is timed of them is, where the store does not tell these metrics of appends. */
  readonly appendsPerSecond?: number | undefined;
  readonly eventsPerSecond?: number | undefined;
  readonly appendP50?: number | undefined;
  readonly appendP99?: number | undefined;
  readonly commandsPerSecond: number;
  /** Commands that failed for what they met; those that were refused are no errors. */
  readonly commandErrorsPerSecond: number;
  readonly commandP50?: number | undefined;
  readonly commandP99?: number | undefined;
  /** The types with the most commands of the interval, 20 at most. */
  readonly commands: readonly CommandVitals[];
  /** That 99 of 100 turns of the event loop were late at most. */
  readonly eventLoopDelay: number;
  /** Undefined for a storage without connections. */
  readonly pool?: PoolVitals | undefined;
}

/** How connections were had. */
export interface PoolVitals {
  /** That a connection was waited for, on average. */
  readonly wait: number;
  /** Calls that wait for one now. */
  readonly waiting: number;
  /** Connections that are in use now; undefined where the pool cannot tell. */
  readonly busy?: number | undefined;
}

/** How commands of a type have done. */
export interface CommandVitals {
  readonly type: string;
  readonly perSecond: number;
  readonly errorsPerSecond: number;
  readonly p50?: number | undefined;
  readonly p99?: number | undefined;
}

const MOST_TYPES = 20;

/** What was counted up to a moment. */
export interface Counted {
  /** Seconds from any beginning. */
  readonly at: number;
  readonly families: readonly MetricFamily[];
  readonly connections: ConnectionUse | undefined;
  /** Whether the families are told of appends: without, that there are none says nothing. */
  readonly hearsAppends: boolean;
}

/** What has happened between two moments. */
export function vitalsBetween(before: Counted, now: Counted, eventLoopDelay: number): ProcessVitals {
  const seconds = now.at - before.at;
  const perSecond = (count: number): number => (seconds > 0 ? count / seconds : 0);
  const commands = new Difference(before, now, METRICS.commands);
  const durations = new Difference(before, now, METRICS.commandDuration);
  const appends = new Difference(before, now, METRICS.appendDuration).histogram();
  const all = durations.histogram();
  const types = commands.labels(0).map((type) => {
    const times = durations.histogram(type);
    return {
      type,
      perSecond: perSecond(commands.count(type)),
      errorsPerSecond: perSecond(commands.count(type, 'failed')),
      p50: quantile(times, 0.5),
      p99: quantile(times, 0.99),
    };
  });
  return {
    seconds,
    ...(now.hearsAppends && {
      appendsPerSecond: perSecond(new Difference(before, now, METRICS.appends).count('stored')),
      eventsPerSecond: perSecond(new Difference(before, now, METRICS.eventsAppended).count()),
    }),
    appendP50: quantile(appends, 0.5),
    appendP99: quantile(appends, 0.99),
    commandsPerSecond: perSecond(commands.count()),
    commandErrorsPerSecond: perSecond(commands.count(undefined, 'failed')),
    commandP50: quantile(all, 0.5),
    commandP99: quantile(all, 0.99),
    commands: types
      .filter((it) => it.perSecond > 0)
      .toSorted((left, right) => right.perSecond - left.perSecond)
      .slice(0, MOST_TYPES),
    eventLoopDelay,
    pool: poolBetween(before.connections, now.connections),
  };
}

function poolBetween(before: ConnectionUse | undefined, now: ConnectionUse | undefined): PoolVitals | undefined {
  if (before === undefined || now === undefined) return undefined;
  const calls = now.calls - before.calls;
  const { total, idle, waiting = 0 } = now;
  const busy = total === undefined || idle === undefined ? undefined : total - idle;
  return { wait: calls === 0 ? 0 : (now.seconds - before.seconds) / calls, waiting, busy };
}

/** Recorded values at or below each bound, in all. */
interface Times {
  readonly bounds: readonly number[];
  readonly counts: readonly number[];
  readonly count: number;
}

/** One metric, between two moments. */
class Difference {
  readonly #definition: MetricDefinition;
  readonly #before: MetricFamily | undefined;
  readonly #now: MetricFamily | undefined;

  constructor(before: Counted, now: Counted, definition: MetricDefinition) {
    const find = ({ families }: Counted): MetricFamily | undefined =>
      families.find((family) => family.definition === definition);
    this.#definition = definition;
    this.#before = find(before);
    this.#now = find(now);
  }

  /** The values of one label. */
  labels(index: number): readonly string[] {
    return [...new Set(this.#now?.samples.map(({ labels }) => labels[index] ?? ''))];
  }

  /** The sum over labels that begin so; undefined stands for any. */
  count(...wanted: readonly (string | undefined)[]): number {
    const sum = (family: MetricFamily | undefined): number =>
      (family?.samples ?? [])
        .filter(({ labels }) => fits(labels, wanted))
        .reduce((total, { value }) => total + value, 0);
    return sum(this.#now) - sum(this.#before);
  }

  histogram(...wanted: readonly (string | undefined)[]): Times {
    const bounds = this.#definition.buckets ?? [];
    const of = (family: MetricFamily | undefined): readonly HistogramSample[] =>
      (family?.histograms ?? []).filter(({ labels }) => fits(labels, wanted));
    const sum = (value: (sample: HistogramSample) => number): number => {
      const [now, before] = [of(this.#now), of(this.#before)].map((all) =>
        all.reduce((total, sample) => total + value(sample), 0),
      );
      return (now ?? 0) - (before ?? 0);
    };
    return {
      bounds,
      counts: bounds.map((_, index) => sum(({ counts }) => counts[index] ?? 0)),
      count: sum(({ count }) => count),
    };
  }
}

function fits(labels: readonly string[], wanted: readonly (string | undefined)[]): boolean {
  return wanted.every((value, index) => value === undefined || labels[index] === value);
}

/** Between the bounds of the bucket that it falls into, as Prometheus estimates it; at most the highest bound. */
function quantile({ bounds, counts, count }: Times, share: number): number | undefined {
  if (count === 0) return undefined;
  const rank = share * count;
  const index = counts.findIndex((below) => below >= rank);
  const upper = bounds[index];
  if (upper === undefined) return bounds.at(-1);
  const lower = bounds[index - 1] ?? 0;
  const [below, upTo] = [counts[index - 1] ?? 0, counts[index] ?? 0];
  return lower + (upper - lower) * ((rank - below) / (upTo - below));
}
