import { METRICS, type MetricDefinition } from '../core/index.ts';

/** What a panel shows. */
interface Panel {
  readonly title: string;
  readonly unit: 'short' | 's' | 'bytes' | 'ops' | 'percentunit';
  readonly targets: readonly { readonly expr: string; readonly legend: string }[];
}

interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

/** A dashboard of Grafana, as it is imported. */
export interface GrafanaDashboard {
  readonly title: string;
  readonly uid: string;
  readonly panels: readonly object[];
  readonly [other: string]: unknown;
}

const RATE = '[$__rate_interval]';
const WIDTH = 24;
const REF_IDS = ['A', 'B', 'C'];
const PANEL = { columns: 3, height: 8 };

function rate(
  metric: MetricDefinition,
  by: string,
  legend: string,
): { readonly expr: string; readonly legend: string } {
  return { expr: `sum by (${by}) (rate(${metric.name}${RATE}))`, legend };
}

/** Three quantiles of a histogram; with a label, each of them for each of its values. */
function quantiles(metric: MetricDefinition, label?: string): Panel['targets'] {
  return [0.5, 0.95, 0.99].map((q) => ({
    expr: `histogram_quantile(${q}, sum by (le${label === undefined ? '' : `, ${label}`}) (rate(${metric.name}_bucket${RATE})))`,
    legend: `p${q * 100}${label === undefined ? '' : ` {{${label}}}`}`,
  }));
}

function gauge(metric: MetricDefinition, by: string, legend: string): Panel['targets'][number] {
  return { expr: `max by (${by}) (${metric.name})`, legend };
}

const OF_PROJECTION = 'projection, version';
const PROJECTION = '{{projection}} v{{version}}';

const ROWS: readonly Row[] = [
  {
    title: 'Appends',
    panels: [
      {
        title: 'Events appended',
        unit: 'ops',
        targets: [{ expr: `sum(rate(${METRICS.eventsAppended.name}${RATE}))`, legend: 'events' }],
      },
      { title: 'Appends', unit: 'ops', targets: [rate(METRICS.appends, 'status', '{{status}}')] },
      { title: 'Append latency', unit: 's', targets: quantiles(METRICS.appendDuration) },
      { title: 'Appends that travel together', unit: 'short', targets: quantiles(METRICS.appendBatch) },
      { title: 'Version of streams', unit: 'short', targets: quantiles(METRICS.streamVersion) },
      { title: 'Load latency', unit: 's', targets: quantiles(METRICS.loads, 'from') },
      { title: 'Events replayed in a load', unit: 'short', targets: quantiles(METRICS.loadedEvents) },
    ],
  },
  {
    title: 'Snapshots',
    panels: [
      { title: 'Snapshots', unit: 'ops', targets: [rate(METRICS.snapshots, 'status', '{{status}}')] },
      { title: 'Events since a used snapshot', unit: 'short', targets: quantiles(METRICS.snapshotBehind) },
      { title: 'Age of a used snapshot', unit: 's', targets: quantiles(METRICS.snapshotAge) },
    ],
  },
  {
    title: 'Commands and queries',
    panels: [
      { title: 'Commands', unit: 'ops', targets: [rate(METRICS.commands, 'type, status', '{{type}} {{status}}')] },
      { title: 'Command latency, p99', unit: 's', targets: quantiles(METRICS.commandDuration, 'type').slice(-1) },
      { title: 'Handlers alone, p99', unit: 's', targets: quantiles(METRICS.commandHandlerDuration, 'type').slice(-1) },
      {
        title: 'Commands under way',
        unit: 'short',
        targets: [{ expr: `sum(${METRICS.commandsInFlight.name})`, legend: 'commands' }],
      },
      { title: 'Commands with an id', unit: 'ops', targets: [rate(METRICS.keyedCommands, 'use', '{{use}}')] },
      {
        title: 'Results kept',
        unit: 'short',
        targets: [{ expr: `max(${METRICS.keptResults.name})`, legend: 'results' }],
      },
      { title: 'Queries', unit: 'ops', targets: [rate(METRICS.queries, 'type, status', '{{type}} {{status}}')] },
      { title: 'Query latency, p99', unit: 's', targets: quantiles(METRICS.queryDuration, 'type').slice(-1) },
    ],
  },
  {
    title: 'Projections',
    panels: [
      {
        title: 'State',
        unit: 'short',
        targets: [gauge(METRICS.projectionState, `${OF_PROJECTION}, state`, `${PROJECTION} {{state}}`)],
      },
      {
        title: 'Events behind',
        unit: 'short',
        targets: [gauge(METRICS.projectionLagEvents, OF_PROJECTION, PROJECTION)],
      },
      { title: 'Time behind', unit: 's', targets: [gauge(METRICS.projectionLagSeconds, OF_PROJECTION, PROJECTION)] },
      { title: 'Events applied', unit: 'ops', targets: [rate(METRICS.projectionEvents, OF_PROJECTION, PROJECTION)] },
      { title: 'Batches, p99', unit: 's', targets: quantiles(METRICS.projectionBatchDuration, 'projection').slice(-1) },
      {
        title: 'Failures',
        unit: 'ops',
        targets: [rate(METRICS.projectionErrors, `${OF_PROJECTION}, next`, `${PROJECTION} {{next}}`)],
      },
      {
        title: 'Parked keys',
        unit: 'short',
        targets: [gauge(METRICS.projectionParkedKeys, OF_PROJECTION, PROJECTION)],
      },
      {
        title: 'Oldest parked key',
        unit: 's',
        targets: [gauge(METRICS.projectionOldestParked, OF_PROJECTION, PROJECTION)],
      },
      {
        title: 'Inline',
        unit: 'short',
        targets: [gauge(METRICS.inlineProjections, `${OF_PROJECTION}, state`, `${PROJECTION} {{state}}`)],
      },
      { title: 'Checkpoint', unit: 'short', targets: [gauge(METRICS.projectionCheckpoint, OF_PROJECTION, PROJECTION)] },
    ],
  },
  {
    title: 'Log, storage and pool',
    panels: [
      {
        title: 'Positions',
        unit: 'short',
        targets: [
          { expr: `max(${METRICS.feedHead.name})`, legend: 'handed out' },
          { expr: `max(${METRICS.feedPosition.name})`, legend: 'to be read' },
        ],
      },
      {
        title: 'Readers held back',
        unit: 's',
        targets: [
          { expr: `max(${METRICS.feedHeldSeconds.name})`, legend: 'longest' },
          { expr: `max(${METRICS.feedHolders.name})`, legend: 'transactions' },
        ],
      },
      { title: 'Storage', unit: 'bytes', targets: [gauge(METRICS.storageBytes, 'part', '{{part}}')] },
      {
        title: 'Storage growth in a day',
        unit: 'bytes',
        targets: [{ expr: `sum(max by (part) (delta(${METRICS.storageBytes.name}[1d])))`, legend: 'bytes' }],
      },
      {
        title: 'Connections',
        unit: 'short',
        targets: [{ expr: `sum by (state) (${METRICS.poolConnections.name})`, legend: '{{state}}' }],
      },
      {
        title: 'Clocks',
        unit: 's',
        targets: [
          { expr: `max(abs(${METRICS.clockSkew.name}))`, legend: 'of processes and database' },
          { expr: `max(${METRICS.recordedAhead.name})`, legend: 'recorded in the future' },
        ],
      },
      {
        title: 'Event loop delay',
        unit: 's',
        targets: [gauge(METRICS.eventLoopDelay, 'quantile', '{{quantile}}')],
      },
    ],
  },
];

/** A dashboard with a panel for everything that is measured; Grafana asks for the Prometheus to read when it is imported. */
export function grafanaDashboard(): GrafanaDashboard {
  return {
    title: 'mink',
    uid: 'mink',
    tags: ['mink', 'event-sourcing'],
    schemaVersion: 39,
    editable: true,
    refresh: '10s',
    time: { from: 'now-1h', to: 'now' },
    templating: { list: [{ name: 'datasource', type: 'datasource', query: 'prometheus', label: 'Prometheus' }] },
    panels: panels(),
  };
}

function panels(): readonly object[] {
  const placed: object[] = [];
  let y = 0;
  for (const { title, panels: own } of ROWS) {
    placed.push({
      id: placed.length + 1,
      type: 'row',
      title,
      collapsed: false,
      gridPos: { x: 0, y, w: WIDTH, h: 1 },
      panels: [],
    });
    y += 1;
    for (const [index, panel] of own.entries()) {
      const w = WIDTH / PANEL.columns;
      const gridPos = {
        x: (index % PANEL.columns) * w,
        y: y + Math.floor(index / PANEL.columns) * PANEL.height,
        w,
        h: PANEL.height,
      };
      placed.push(panelAt(placed.length + 1, panel, gridPos));
    }
    y += Math.ceil(own.length / PANEL.columns) * PANEL.height;
  }
  return placed;
}

function panelAt(id: number, { title, unit, targets }: Panel, gridPos: object): object {
  const datasource = { type: 'prometheus', uid: '${datasource}' };
  return {
    id,
    type: 'timeseries',
    title,
    datasource,
    gridPos,
    fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
    targets: targets.map(({ expr, legend }, index) => ({
      refId: REF_IDS[index] ?? String(index),
      datasource,
      expr,
      legendFormat: legend,
    })),
  };
}
