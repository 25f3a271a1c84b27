/** A metric: what dashboards, alerts and adapters are made from. */
export interface MetricDefinition {
  readonly name: string;
  readonly kind: 'counter' | 'gauge' | 'histogram';
  /** One sentence, for people. */
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper bounds of a histogram, in its unit, rising. */
  readonly buckets?: readonly number[] | undefined;
  /** A gauge that goes up and down with what happens here, instead of being read when somebody asks. */
  readonly isKept?: true | undefined;
}

/** Seconds, from half a millisecond to ten seconds: an append takes one, a request some tens of milliseconds. */
const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const SIZES = [1, 2, 5, 10, 20, 50, 100, 200, 400];
const EVENTS = [0, 1, 10, 100, 1_000, 10_000, 100_000];
/** Events in a stream: where loading gets slow is between a thousand and a million. */
const VERSIONS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 100_000, 1_000_000];
/** Seconds, from a minute to a hundred days. */
const AGES = [60, 600, 3_600, 21_600, 86_400, 604_800, 2_592_000, 8_640_000];
const PROJECTION = ['projection', 'version'];

function counter(name: string, help: string, labels: readonly string[] = []): MetricDefinition {
  return { name, kind: 'counter', help, labels };
}

function gauge(name: string, help: string, labels: readonly string[] = []): MetricDefinition {
  return { name, kind: 'gauge', help, labels };
}

function histogram(
  name: string,
  help: string,
  of: { readonly labels?: readonly string[]; readonly buckets?: readonly number[] } = {},
): MetricDefinition {
  const { labels = [], buckets = SECONDS } = of;
  return { name, kind: 'histogram', help, labels, buckets };
}

/** All metrics of mink, in the order of their documentation. */
export const METRICS = {
  eventsAppended: counter('mink_events_appended_total', 'Events stored.'),
  appends: counter('mink_appends_total', 'Appends, by how they ended.', ['status']),
  appendDuration: histogram('mink_append_duration_seconds', 'From the call of an append to its answer.'),
  appendBatch: histogram('mink_append_batch_size', 'Appends that travelled together.', { buckets: SIZES }),
  streamVersion: histogram('mink_stream_version', 'Version of a stream after an append: its number of events.', {
    buckets: VERSIONS,
  }),
  loads: histogram('mink_load_duration_seconds', 'Loading an entity, by what it went on from.', { labels: ['from'] }),
  loadedEvents: histogram('mink_load_events', 'Events replayed in a load.', { buckets: EVENTS }),
  snapshots: counter('mink_snapshots_total', 'Snapshots: saved, used, or what was wrong with one.', ['status']),
  snapshotBehind: histogram('mink_snapshot_behind_events', 'Events since a snapshot that was used.', {
    buckets: EVENTS,
  }),
  snapshotAge: histogram('mink_snapshot_age_seconds', 'Age of a snapshot that was used.', { buckets: AGES }),
  commands: counter('mink_commands_total', 'Commands, by type and how they ended.', ['type', 'status']),
  commandDuration: histogram('mink_command_duration_seconds', 'Commands, with all layers and tries.', {
    labels: ['type'],
  }),
  commandHandlerDuration: histogram('mink_command_handler_duration_seconds', 'Handlers of commands alone.', {
    labels: ['type'],
  }),
  commandsInFlight: { ...gauge('mink_commands_in_flight', 'Commands under way in this process.'), isKept: true },
  keyedCommands: counter(
    'mink_keyed_commands_total',
    'Commands with an id: done the first time, repeated, or refused as the id is of another (reused).',
    ['use'],
  ),
  queries: counter('mink_queries_total', 'Queries, by type and how they ended.', ['type', 'status']),
  queryDuration: histogram('mink_query_duration_seconds', 'Queries, with all layers.', { labels: ['type'] }),
  projectionEvents: counter('mink_projection_events_total', 'Events applied, in this process.', PROJECTION),
  projectionBatchDuration: histogram('mink_projection_batch_duration_seconds', 'Applying and storing a batch.', {
    labels: PROJECTION,
  }),
  projectionErrors: counter('mink_projection_errors_total', 'Failures, by what came next: retry, park or fault.', [
    ...PROJECTION,
    'next',
  ]),
  projectionLagEvents: gauge('mink_projection_lag_events', 'Events not applied yet, counted to 10,000.', PROJECTION),
  projectionLagSeconds: gauge('mink_projection_lag_seconds', 'Age of the oldest event not applied yet.', PROJECTION),
  projectionCheckpoint: gauge('mink_projection_checkpoint_position', 'The checkpoint.', PROJECTION),
  projectionState: gauge('mink_projection_state', '1 for the state it is in.', [...PROJECTION, 'state']),
  projectionParkedKeys: gauge(
    'mink_projection_parked_keys',
    'Keys whose events wait among the dead letters.',
    PROJECTION,
  ),
  projectionOldestParked: gauge(
    'mink_projection_oldest_parked_seconds',
    'How long the oldest parked key has waited; 0 where there is none.',
    PROJECTION,
  ),
  inlineProjections: gauge(
    'mink_inline_projections',
    '1 for what it is here: active; inactive or skipped, not active in the database; missing, active and not known here.',
    [...PROJECTION, 'state'],
  ),
  feedPosition: gauge('mink_feed_position', 'How far the log can be read.'),
  feedHead: gauge('mink_feed_head', 'The last position handed out.'),
  feedHolders: gauge('mink_feed_holders', 'Transactions that hold readers back.'),
  feedHeldSeconds: gauge('mink_feed_held_seconds', 'Age of the oldest transaction that holds readers back.'),
  storageBytes: gauge('mink_storage_bytes', 'Size in the database, with indexes, by part.', ['part']),
  keptResults: gauge('mink_kept_results', 'Results of commands with an id that are kept, about.'),
  clockSkew: gauge('mink_clock_skew_seconds', 'Clock of this process minus clock of the database.'),
  recordedAhead: gauge(
    'mink_recorded_ahead_seconds',
    'How far the latest events were recorded in the future; 0 if not.',
  ),
  eventLoopDelay: gauge('mink_event_loop_delay_seconds', 'Delay of the event loop since the last look, by quantile.', [
    'quantile',
  ]),
  poolConnections: gauge('mink_pool_connections', 'Connections of the pool, by state; waiting: calls without one.', [
    'state',
  ]),
} as const satisfies Readonly<Record<string, MetricDefinition>>;
