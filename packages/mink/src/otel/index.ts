export { meterMetrics } from './meter-metrics.ts';
export type { MeterLike, MeterMetrics } from './meter-metrics.ts';
export { traceWith } from './trace-with.ts';
export type { OpenTelemetryApi, OpenTelemetryTracer } from './trace-with.ts';
