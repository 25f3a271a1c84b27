import { METRICS, type MetricDefinition } from '../metrics/metric-definitions.ts';
import { given, listed, type Check } from './check.ts';
import { failed, ok, unknown, warning, type Verdict } from './finding.ts';
import type { Evidence } from './evidence.ts';
import type { Monitoring } from './monitoring.ts';

const ASK = 'mink doctor --production --prometheus http://prometheus:9090';
const LOAD = 'mink monitoring alerts > mink-alerts.yml, and "rule_files" in the configuration of Prometheus';

function givenMonitoring(
  { monitoring }: Evidence,
  part: keyof Monitoring,
  judge: (monitoring: Monitoring) => Verdict,
  ask = ASK,
): Verdict {
  return given(monitoring, (value) =>
    value?.[part] === undefined ? unknown('Nobody was asked who would know.', ask) : judge(value),
  );
}

/** Rules whose query names a metric, and fits. */
function alertVerdict(
  evidence: Evidence,
  metrics: readonly MetricDefinition[],
  fits: (query: string) => boolean = () => true,
): Verdict {
  return givenMonitoring(evidence, 'rules', ({ rules = [] }) => {
    const found = rules.filter(({ query }) => metrics.some(({ name }) => query.includes(name)) && fits(query));
    if (found.length === 0) return failed('No rule is loaded that would say so.', LOAD);
    const broken = found.filter(({ isHealthy }) => !isHealthy);
    return broken.length === 0
      ? ok(`Loaded: ${listed(found.map(({ name }) => name))}.`)
      : failed(`Cannot be evaluated: ${listed(broken.map(({ name }) => name))}.`, LOAD);
  });
}

/** Whether a dashboard shows the rate of a metric. */
function asks(queries: readonly string[], { name }: MetricDefinition): boolean {
  return queries.some((query) => query.includes(name) && query.includes('rate('));
}

const HOUR = 3_600;

/** What watches the store: alerts that are loaded, dashboards that ask the right things. */
export const MONITORING_CHECKS: readonly Check[] = [
  {
    id: 'dashboard',
    title: 'A dashboard shows the rates of commands and events',
    line: 'dashboard',
    examine: (evidence) =>
      givenMonitoring(
        evidence,
        'dashboards',
        ({ dashboards = [] }) => {
          const found = dashboards.filter(
            ({ queries }) => asks(queries, METRICS.commands) && asks(queries, METRICS.eventsAppended),
          );
          return found.length === 0
            ? failed(
                `Not shown by ${listed(dashboards.map(({ title }) => title))}.`,
                'mink monitoring dashboard > mink-dashboard.json, and import it in Grafana',
              )
            : ok(`Shown by ${listed(found.map(({ title }) => title))}.`);
        },
        'mink monitoring dashboard > mink-dashboard.json; then mink doctor --production --dashboard FILE|URL',
      ),
  },
  {
    id: 'alert-lag',
    title: 'An alert goes off when projections lag',
    line: 'alert-lag',
    runbook: 'projection-lag',
    examine: (evidence) => alertVerdict(evidence, [METRICS.projectionLagEvents, METRICS.projectionLagSeconds]),
  },
  {
    id: 'alert-errors',
    title: 'An alert goes off when commands or appends fail',
    line: 'alert-errors',
    runbook: 'errors',
    examine: (evidence) =>
      alertVerdict(evidence, [METRICS.commands, METRICS.appends], (query) => query.includes('failed')),
  },
  {
    id: 'alert-latency',
    title: 'An alert goes off when p99 is high',
    line: 'alert-latency',
    runbook: 'performance',
    examine: (evidence) =>
      alertVerdict(evidence, [METRICS.appendDuration, METRICS.commandDuration], (query) =>
        /histogram_quantile\(\s*0\.99/u.test(query),
      ),
  },
  {
    id: 'storage-growth',
    title: 'The growth of the storage can be seen',
    line: 'storage-growth',
    runbook: 'performance',
    examine: (evidence) =>
      givenMonitoring(evidence, 'series', ({ series = {} }) => {
        const { name } = METRICS.storageBytes;
        const found = series[name];
        if (found === undefined)
          return failed(`Prometheus has no ${name}.`, 'metrics.watch({ store, engine }), and a scrape of /metrics');
        return found.age >= HOUR
          ? ok(`Prometheus has ${name} of the last hour and before.`)
          : warning(`Prometheus has ${name} for less than an hour.`, 'wait, and run it again');
      }),
  },
];
