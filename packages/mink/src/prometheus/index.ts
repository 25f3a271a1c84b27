export { alertRules } from './alert-rules.ts';
export type { AlertRule, AlertRules, AlertRulesOptions, AlertThresholds } from './alert-rules.ts';
export { grafanaDashboard } from './grafana-dashboard.ts';
export type { GrafanaDashboard } from './grafana-dashboard.ts';
export { PROMETHEUS_CONTENT_TYPE, prometheusText } from './prometheus-text.ts';
export { registerWith } from './register-with.ts';
export type { CollectedMetric, RegistryLike } from './register-with.ts';
export { readMonitoring } from './read-monitoring.ts';
export type { ReadMonitoringOptions } from './read-monitoring.ts';
