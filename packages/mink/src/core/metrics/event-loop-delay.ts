import { monitorEventLoopDelay } from 'node:perf_hooks';
import { METRICS } from './metric-definitions.ts';
import type { MetricFamily } from './metric-registry.ts';

/** Milliseconds between two looks of the timer: some fifty a second, counted outside of JavaScript. */
const RESOLUTION = 20;
const NANOSECONDS = 1e9;

/** Reads how late the event loop was since the last time; the first time, it begins to measure. */
export function eventLoopDelay(): () => readonly MetricFamily[] {
  let histogram: ReturnType<typeof monitorEventLoopDelay> | undefined;
  return () => {
    if (histogram === undefined) {
      histogram = monitorEventLoopDelay({ resolution: RESOLUTION });
      histogram.enable();
      return [];
    }
    if (histogram.count === 0) return [];
    const quantiles = { '0.5': histogram.percentile(50), '0.99': histogram.percentile(99), '1': histogram.max };
    histogram.reset();
    const samples = Object.entries(quantiles).map(([quantile, delay]) => ({
      labels: [quantile],
      // It measures from one look to the next: what is late is what goes beyond that.
      value: Math.max(0, delay / NANOSECONDS - RESOLUTION / 1_000),
    }));
    return [{ definition: METRICS.eventLoopDelay, samples, histograms: [] }];
  };
}
