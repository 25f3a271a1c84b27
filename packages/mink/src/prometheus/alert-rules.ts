import { BROKEN_SNAPSHOTS, InvalidArgumentError, MAX_LAG, METRICS } from '../core/index.ts';

/** From where on an alert goes off. */
export interface AlertThresholds {
  /**
   * Events that a projection may be behind, below 10,000: lags are not counted further.
   * @defaultValue 5_000
   */
  readonly lagEvents?: number | undefined;
  /**
   * Seconds that an event may wait for a projection.
   * @defaultValue 300
   */
  readonly lagSeconds?: number | undefined;
  /**
   * Share of commands, or of appends, that may fail: below 1. What is refused by a rule does not count.
   * @defaultValue 0.01
   */
  readonly errorRate?: number | undefined;
  /**
   * Seconds that 99 of 100 appends may take at most, below 10: the highest bound of what is measured.
   * @defaultValue 0.5
   */
  readonly appendLatency?: number | undefined;
  /**
   * Seconds that 99 of 100 commands of a type may take at most, below 10.
   * @defaultValue 1
   */
  readonly commandLatency?: number | undefined;
  /**
   * Seconds that a transaction may hold readers back, or that an event may stay unread though none is seen to do so.
   * @defaultValue 60
   */
  readonly heldSeconds?: number | undefined;
  /**
   * Seconds that a key may be parked.
   * @defaultValue 86_400: a day
   */
  readonly parkedSeconds?: number | undefined;
  /**
   * Seconds that clocks may differ, or that events may be recorded in the future.
   * @defaultValue 5
   */
  readonly clockSkew?: number | undefined;
  /**
   * Seconds that the event loop of a process may be late, 99 of 100 times.
   * @defaultValue 0.2
   */
  readonly eventLoopDelay?: number | undefined;
}

/** How alerts are written. */
export interface AlertRulesOptions extends AlertThresholds {
  /** Where the runbooks are, without a slash at the end: each alert names one of them. */
  readonly runbooks?: string | undefined;
}

/** One alert, as Prometheus reads it. */
export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: { readonly severity: 'page' | 'ticket' };
  readonly annotations: { readonly summary: string; readonly description: string; readonly runbook_url: string };
}

/** A file of rules, as Prometheus reads it, in YAML or in JSON, which is YAML. */
export interface AlertRules {
  readonly groups: readonly { readonly name: string; readonly rules: readonly AlertRule[] }[];
}

const RUNBOOKS = 'docs/runbooks';
const DEFAULTS = {
  lagEvents: 5_000,
  lagSeconds: 300,
  errorRate: 0.01,
  appendLatency: 0.5,
  commandLatency: 1,
  heldSeconds: 60,
  parkedSeconds: 86_400,
  clockSkew: 5,
  eventLoopDelay: 0.2,
} as const satisfies Required<AlertThresholds>;

/** What is measured does not go beyond: an alert from there on would never go off. */
const HIGHEST: Readonly<Partial<Record<string, number>>> = {
  lagEvents: MAX_LAG,
  errorRate: 1,
  appendLatency: METRICS.appendDuration.buckets?.at(-1),
  commandLatency: METRICS.commandDuration.buckets?.at(-1),
};

interface Alert {
  readonly name: string;
  readonly expr: string;
  /** How long it has to be so. */
  readonly lasting: string;
  readonly severity: AlertRule['labels']['severity'];
  readonly summary: string;
  /** What its value means, in a template of Prometheus; none where it is 1 for something that is so. */
  readonly value?: string;
  readonly runbook: string;
}

/** Alerts on the metrics of mink: each names what to look at, and the runbook that says what to do. */
export function alertRules(options: AlertRulesOptions = {}): AlertRules {
  const thresholds = checked(options);
  const { runbooks = RUNBOOKS } = options;
  const rules = alerts(thresholds).map((it): AlertRule => {
    const { name, expr, lasting, severity, summary, value, runbook } = it;
    const description = value === undefined ? summary : `${summary} ${value}`;
    return {
      alert: name,
      expr,
      for: lasting,
      labels: { severity },
      annotations: { summary, description, runbook_url: `${runbooks}/${runbook}.md` },
    };
  });
  return { groups: [{ name: 'mink', rules }] };
}

function checked(options: AlertThresholds): Required<{ readonly [K in keyof AlertThresholds]: number }> {
  const all = {
    ...DEFAULTS,
    ...Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)),
  };
  for (const name of Object.keys(DEFAULTS)) {
    const value: unknown = Object.entries(all).find(([key]) => key === name)?.[1];
    if (typeof value !== 'number' || !(value > 0) || value === Infinity)
      throw new InvalidArgumentError(name, `${String(value)} is no number above 0`);
    const highest = HIGHEST[name] ?? Infinity;
    if (value >= highest)
      throw new InvalidArgumentError(name, `${value} is never exceeded: give a number below ${highest}`);
  }
  return all;
}

function alerts(of: Required<{ readonly [K in keyof AlertThresholds]: number }>): readonly Alert[] {
  return [...projectionAlerts(of), ...writeAlerts(of), ...feedAlerts(of), ...processAlerts(of)];
}

function projectionAlerts({
  lagEvents,
  lagSeconds,
  parkedSeconds,
}: {
  readonly lagEvents: number;
  readonly lagSeconds: number;
  readonly parkedSeconds: number;
}): readonly Alert[] {
  return [
    {
      name: 'MinkProjectionFaulted',
      expr: `max by (projection, version) (${METRICS.projectionState.name}{state="faulted"}) > 0`,
      lasting: '1m',
      severity: 'page',
      summary: 'Projection {{ $labels.projection }} stands still: something fails for good.',
      runbook: 'projection-faulted',
    },
    {
      name: 'MinkProjectionStalled',
      expr: `max by (projection, version) (${METRICS.projectionState.name}{state="stalled"}) > 0`,
      lasting: '5m',
      severity: 'page',
      summary: 'Projection {{ $labels.projection }} is behind and does not move.',
      runbook: 'projection-lag',
    },
    {
      name: 'MinkProjectionLag',
      expr: `max by (projection, version) (${METRICS.projectionLagEvents.name}) > ${lagEvents} or max by (projection, version) (${METRICS.projectionLagSeconds.name}) > ${lagSeconds}`,
      lasting: '5m',
      severity: 'ticket',
      summary: 'Projection {{ $labels.projection }} is far behind.',
      value: 'It is {{ $value | humanize }} events behind, or as many seconds: see mink projections status.',
      runbook: 'projection-lag',
    },
    {
      name: 'MinkDeadLetters',
      expr: `max by (projection, version) (${METRICS.projectionParkedKeys.name}) > 0`,
      lasting: '15m',
      severity: 'ticket',
      summary: 'Projection {{ $labels.projection }} has keys whose events wait among the dead letters.',
      value: 'Keys: {{ $value | humanize }}.',
      runbook: 'dead-letters',
    },
    {
      name: 'MinkDeadLettersOld',
      expr: `max by (projection, version) (${METRICS.projectionOldestParked.name}) > ${parkedSeconds}`,
      lasting: '15m',
      severity: 'page',
      summary:
        'Projection {{ $labels.projection }} has had dead letters for too long: what it shows of their keys is stale.',
      value: 'The oldest has waited for {{ $value | humanizeDuration }}.',
      runbook: 'dead-letters',
    },
  ];
}

function share(metric: string, statuses: string, by = ''): string {
  return `sum${by} (rate(${metric}{status=~"${statuses}"}[5m])) / sum${by} (rate(${metric}[5m]))`;
}

function p99(metric: string, by: string): string {
  return `histogram_quantile(0.99, sum by (${by}) (rate(${metric}_bucket[5m])))`;
}

function writeAlerts(of: {
  readonly errorRate: number;
  readonly appendLatency: number;
  readonly commandLatency: number;
}): readonly Alert[] {
  return [
    {
      name: 'MinkCommandErrors',
      expr: `${share(METRICS.commands.name, 'failed', ' by (type)')} > ${of.errorRate}`,
      lasting: '5m',
      severity: 'page',
      summary: 'Commands {{ $labels.type }} fail.',
      value: 'Of all in five minutes, {{ $value | humanizePercentage }}.',
      runbook: 'errors',
    },
    {
      name: 'MinkAppendErrors',
      expr: `${share(METRICS.appends.name, 'failed|unknown')} > ${of.errorRate}`,
      lasting: '5m',
      severity: 'page',
      summary: 'Appends fail.',
      value: 'Of all in five minutes, {{ $value | humanizePercentage }}.',
      runbook: 'errors',
    },
    {
      name: 'MinkAppendLatency',
      expr: `${p99(METRICS.appendDuration.name, 'le')} > ${of.appendLatency}`,
      lasting: '5m',
      severity: 'ticket',
      summary: 'Appends are slow: one of a hundred takes longer than it should.',
      value: 'That is {{ $value | humanizeDuration }}.',
      runbook: 'performance',
    },
    {
      name: 'MinkCommandLatency',
      expr: `${p99(METRICS.commandDuration.name, 'le, type')} > ${of.commandLatency}`,
      lasting: '5m',
      severity: 'ticket',
      summary: 'Commands {{ $labels.type }} are slow: one of a hundred takes longer than it should.',
      value: 'That is {{ $value | humanizeDuration }}.',
      runbook: 'performance',
    },
  ];
}

/**
 * Where appends are refused. Who only reads may know no inline projections: what is missing there counts where the process has others,
 * or has appended.
 */
function inlineMissing(): string {
  const { name } = METRICS.inlineProjections;
  const missing = `${name}{state="missing"} and ignoring (projection, version, state`;
  return [
    `${name}{state="inactive"}`,
    `${missing}) ${name}{state!="missing"}`,
    `${missing}, status) ${METRICS.appends.name}`,
  ].join(' or ');
}

function processAlerts(of: { readonly clockSkew: number; readonly eventLoopDelay: number }): readonly Alert[] {
  return [
    {
      name: 'MinkGaugesMissing',
      // The pool tells without a question to the database; a process that watches no store has none.
      expr: `${METRICS.poolConnections.name}{state="waiting"} unless ignoring (state) ${METRICS.feedPosition.name}`,
      lasting: '3m',
      severity: 'page',
      summary:
        'Process {{ $labels.instance }} learns nothing of its database: it is away, or all connections are busy.',
      runbook: 'gauges-missing',
    },
    {
      name: 'MinkInlineMissing',
      expr: `max by (projection, version, state) (${inlineMissing()}) > 0`,
      lasting: '10m',
      severity: 'page',
      summary:
        'Inline projection {{ $labels.projection }} is {{ $labels.state }} in a process: appends may be refused.',
      runbook: 'errors',
    },
    {
      name: 'MinkSnapshotsBroken',
      expr: `sum by (status) (increase(${METRICS.snapshots.name}{status=~"${BROKEN_SNAPSHOTS.join('|')}"}[15m])) > 0`,
      lasting: '1m',
      severity: 'ticket',
      summary: 'Snapshots cannot be used or made ({{ $labels.status }}): states are right, and loading is slow.',
      value: 'Within 15 minutes: {{ $value | humanize }}.',
      runbook: 'snapshot-recreation',
    },
    {
      name: 'MinkClock',
      expr: `max(abs(${METRICS.clockSkew.name})) > ${of.clockSkew} or max(${METRICS.recordedAhead.name}) > ${of.clockSkew}`,
      lasting: '5m',
      severity: 'ticket',
      summary: 'Clocks of processes and database differ, or the database was set back.',
      value: 'By {{ $value | humanizeDuration }}.',
      runbook: 'clocks',
    },
    {
      name: 'MinkEventLoopDelay',
      expr: `max(${METRICS.eventLoopDelay.name}{quantile="0.99"}) > ${of.eventLoopDelay}`,
      lasting: '5m',
      severity: 'ticket',
      summary: 'A process is busy with something that does not let go: everything in it waits.',
      value: 'One wait of a hundred is longer than {{ $value | humanizeDuration }}.',
      runbook: 'performance',
    },
  ];
}

function feedAlerts({ heldSeconds }: { readonly heldSeconds: number }): readonly Alert[] {
  const [position, head, held] = [METRICS.feedPosition.name, METRICS.feedHead.name, METRICS.feedHeldSeconds.name];
  const unread = `${head} - ${position}`;
  return [
    {
      name: 'MinkFeedHeld',
      expr: `max(${held}) > ${heldSeconds}`,
      lasting: '1m',
      severity: 'page',
      summary: 'A transaction holds all readers of the log back.',
      value: 'It has done so for {{ $value | humanizeDuration }}.',
      runbook: 'feed-held',
    },
    {
      name: 'MinkFeedStalled',
      // What was handed out so long ago cannot be read yet. Where it is known who holds it, the other alert says so.
      expr: `max(${unread} > 0 and ${position} < ${head} offset ${Math.ceil(heldSeconds)}s) unless max(${held}) > ${heldSeconds}`,
      lasting: '1m',
      severity: 'page',
      summary: 'The log cannot be read to its end, and nobody is seen who holds readers back.',
      value: 'Positions that cannot be read: {{ $value | humanize }}.',
      runbook: 'feed-stalled',
    },
  ];
}
