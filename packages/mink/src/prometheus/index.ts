export { PROMETHEUS_CONTENT_TYPE, prometheusText } from './prometheus-text.ts';
export { registerWith } from './register-with.ts';
export type { CollectedMetric, RegistryLike } from './register-with.ts';
