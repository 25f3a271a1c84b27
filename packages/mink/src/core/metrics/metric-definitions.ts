/** A metric: what dashboards, alerts and adapters are made from. */
export interface MetricDefinition {
  readonly name: string;
  readonly kind: 'counter' | 'gauge' | 'histogram';
  /** One sentence, for people. */
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper bounds of a histogram, in its unit, rising. */
  readonly buckets?: readonly number[] | undefined;
}

/** Seconds, from half a millisecond to ten seconds: an append takes one, a request some tens of milliseconds. */
const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const SIZES = [1, 2, 5, 10, 20, 50, 100, 200, 400];
const EVENTS = [0, 1, 10, 100, 1_000, 10_000, 100_000];
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
  loads: histogram('mink_load_duration_seconds', 'Loading an entity, by what it went on from.', { labels: ['from'] }),
  loadedEvents: histogram('mink_load_events', 'Events replayed in a load.', { buckets: EVENTS }),
  commands: counter('mink_commands_total', 'Commands, by type and how they ended.', ['type', 'status']),
  commandDuration: histogram('mink_command_duration_seconds', 'Commands, with all layers and tries.', {
    labels: ['type'],
  }),
  commandHandlerDuration: histogram('mink_command_handler_duration_seconds', 'Handlers of commands alone.', {
    labels: ['type'],
  }),
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
  feedPosition: gauge('mink_feed_position', 'How far the log can be read.'),
  feedHead: gauge('mink_feed_head', 'The last position handed out.'),
  feedHolders: gauge('mink_feed_holders', 'Transactions that hold readers back.'),
  feedHeldSeconds: gauge('mink_feed_held_seconds', 'Age of the oldest transaction that holds readers back.'),
  storageBytes: gauge('mink_storage_bytes', 'Size in the database, with indexes, by part.', ['part']),
  poolConnections: gauge('mink_pool_connections', 'Connections of the pool, by state; waiting: calls without one.', [
    'state',
  ]),
} as const satisfies Readonly<Record<string, MetricDefinition>>;
