/** What a monitoring system knows of this store: `readMonitoring` of mink/prometheus asks one. */
export interface Monitoring {
  /** Alert rules that are loaded; undefined where nobody could be asked. */
  readonly rules: readonly MonitoredRule[] | undefined;
  /** Metrics of mink that there are values of now, and for how many seconds there have been at least. */
  readonly series: Readonly<Record<string, { readonly age: number }>> | undefined;
  /** The queries of dashboards; undefined where none was given. */
  readonly dashboards: readonly { readonly title: string; readonly queries: readonly string[] }[] | undefined;
}

/** An alert rule, as it is loaded. */
export interface MonitoredRule {
  readonly name: string;
  readonly query: string;
  /** Whether it could be evaluated the last time. */
  readonly isHealthy: boolean;
}
