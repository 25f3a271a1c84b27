export { meterMetrics } from './meter-metrics.ts';
export type { MeterLike, MeterMetrics } from './meter-metrics.ts';
