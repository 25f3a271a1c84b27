export { atMost } from './at-most.ts';
export { BusinessRuleViolationError } from './commands/business-rule-violation.ts';
export { createCommandBus, createQueryBus } from './commands/bus.ts';
export type { AllResults, BusOptions, CommandBus, QueryBus } from './commands/bus.ts';
export { defineCommands, defineQueries, fromOutside } from './commands/define-messages.ts';
export type {
  AnyMessages,
  Command,
  CommandOf,
  Message,
  MessageSchema,
  Messages,
  Query,
  QueryOf,
} from './commands/define-messages.ts';
export { aggregateHandlers, commandHandlers, deciderHandlers, queryHandlers } from './commands/handlers.ts';
export type {
  AnyHandlerSet,
  CommandDecision,
  CommandResult,
  DecisionResult,
  EntityHandlerOptions,
  HandlerSet,
  ResultMap,
} from './commands/handlers.ts';
export type { DispatchOptions, MessageContext, Middleware, Next } from './commands/message-context.ts';
export { audit } from './commands/middleware/audit.ts';
export type { AuditEntry, AuditOptions } from './commands/middleware/audit.ts';
export { authorize } from './commands/middleware/authorization.ts';
export type { Policy } from './commands/middleware/authorization.ts';
export { correlation } from './commands/middleware/correlation.ts';
export { idempotency } from './commands/middleware/idempotency.ts';
export type { IdempotencyOptions } from './commands/middleware/idempotency.ts';
export { logging } from './commands/middleware/logging.ts';
export type { Logger, LoggingOptions } from './commands/middleware/logging.ts';
export { metrics } from './commands/middleware/metrics.ts';
export type { MessageHook, MessageMeasurement } from './commands/middleware/metrics.ts';
export type { MessageStatus } from './commands/middleware/outcome.ts';
export { recovery } from './commands/middleware/recovery.ts';
export { mayPass, retry } from './commands/middleware/retry.ts';
export type { RetryLayerOptions } from './commands/middleware/retry.ts';
export { timeout } from './commands/middleware/timeout.ts';
export { tracing } from './commands/middleware/tracing.ts';
export { validation } from './commands/middleware/validation.ts';
export { recommendedPipeline } from './commands/recommended-pipeline.ts';
export type { PipelineOptions } from './commands/recommended-pipeline.ts';
export { Aggregate, internals, isAggregateClass } from './deciders/aggregate.ts';
export type {
  AggregateBase,
  AggregateClass,
  AnyAggregate,
  AnyAggregateClass,
  UncommittedEvent,
} from './deciders/aggregate.ts';
export { defineDecider, evolveOnce, initialStateOf } from './deciders/decider.ts';
export type { AnyFold, Decider, Fold } from './deciders/decider.ts';
export { deepFreeze } from './deep-freeze.ts';
export { createDoctor } from './doctor/create-doctor.ts';
export type { Doctor, DoctorOptions, Examination, ExaminationScope } from './doctor/create-doctor.ts';
export type { DoctorLimits } from './doctor/check.ts';
export type * from './doctor/database-facts.ts';
export type { ExaminedFold, ExaminedStore } from './doctor/evidence.ts';
export { CHECKLIST } from './doctor/finding.ts';
export type { ChecklistLine, Finding, FindingStatus, Verdict } from './doctor/finding.ts';
export type { MonitoredRule, Monitoring } from './doctor/monitoring.ts';
export { createHealth, Health } from './health/health.ts';
export type { HealthAnswer, HealthBody, HealthOptions, HealthStatus } from './health/health.ts';
export { explainEvent } from './operations/explain-event.ts';
export type { CauseNode, CausingCommand, ExplainedEvent, ExplainEventOptions } from './operations/explain-event.ts';
export type { EventHandling } from './operations/event-handlings.ts';
export { collectIncident } from './incident/collect-incident.ts';
export type {
  CollectedIncident,
  CollectIncidentOptions,
  IncidentCode,
  IncidentSubject,
} from './incident/collect-incident.ts';
export { INCIDENT_FORMAT } from './incident/incident.ts';
export type {
  Incident,
  IncidentCommand,
  IncidentError,
  IncidentEvent,
  IncidentFold,
  IncidentKey,
  IncidentPayloads,
  IncidentProcess,
  IncidentProjection,
} from './incident/incident.ts';
export { failureName, incidentError, replayIncident } from './incident/replay-incident.ts';
export type { IncidentFailure, ReplayedIncident } from './incident/replay-incident.ts';
export { createMetrics, Metrics } from './metrics/metrics.ts';
export type { MetricsOptions } from './metrics/metrics.ts';
export type { MetricSources, ObservedStore } from './metrics/gauges.ts';
export { METRICS } from './metrics/metric-definitions.ts';
export type { MetricDefinition } from './metrics/metric-definitions.ts';
export { BROKEN_SNAPSHOTS, measuringMessages, measuringObserver } from './metrics/measure.ts';
export type { HistogramSample, Instruments, LabelValues, MetricFamily, Sample } from './metrics/metric-registry.ts';
export { logObserver } from './observe/log-observer.ts';
export type { LogObserverOptions } from './observe/log-observer.ts';
export { redactSecrets } from './observe/redact.ts';
export type { LoggedField, Redact } from './observe/redact.ts';
export { NO_SPAN } from './observe/tracer.ts';
export type { Span, SpanOptions, StoreSpanOptions, StoreTracer, Tracer } from './observe/tracer.ts';
export { observers, tellObserver } from './observe/observer.ts';
export type {
  ObservedAppend,
  ObservedBatch,
  ObservedFailure,
  ObservedLoad,
  ObservedProjection,
  Observer,
} from './observe/observer.ts';
export * from './backup-errors.ts';
export * from './command-errors.ts';
export * from './errors.ts';
export * from './projection-errors.ts';
export * from './projection-version-errors.ts';
export { codec, payload } from './events/event-schema.ts';
export type { DataOf, EventSchema, PayloadCodec, PayloadMarker } from './events/event-schema.ts';
export { dropped, renamedTo, splitInto, upcastFrom } from './events/upcasting.ts';
export type { Upcasters, VersionedSchema } from './events/upcasting.ts';
export { codecFor, defineEvents } from './events/define-events.ts';
export type {
  AnyEvents,
  DefineEventsOptions,
  DomainEvent,
  EventMap,
  EventMapOf,
  EventOf,
  Events,
  NewEvent,
} from './events/define-events.ts';
export type { StandardIssue, StandardResult, StandardSchema, TwoWaySchema } from './events/standard-schema.ts';
export { meetsExpectation } from './expected-version.ts';
export type { ExpectedVersion } from './expected-version.ts';
export { stringifyJson } from './json.ts';
export { wantedValues } from './events/unique-sets.ts';
export type { JsonObject, JsonValue } from './json.ts';
export { causedBy, currentMetadata, withMetadata } from './metadata.ts';
export type { Metadata, StandardMetadata } from './metadata.ts';
export { column } from './projections/columns.ts';
export type { Column, Columns, ColumnSpec, ColumnType, RowOf, SqlRowOf } from './projections/columns.ts';
export { defineProjection } from './projections/define-projection.ts';
export type {
  ProjectedEvent,
  Projection,
  ProjectionDefinition,
  ProjectionHandlers,
  ProjectionToHandle,
} from './projections/define-projection.ts';
export { defineSqlProjection } from './projections/define-sql-projection.ts';
export type {
  AnyProjection,
  ProjectionTransaction,
  SqlProjection,
  SqlProjectionDefinition,
  SqlTableDefinition,
} from './projections/define-sql-projection.ts';
export { areWhole, arrangePartitions, equalRanges, type ArrangedPartition } from './projections/arrange-partitions.ts';
export { textHash } from './projections/digest.ts';
export { defineSubscription } from './subscriptions/define-subscription.ts';
export type {
  DeliveryContext,
  Subscription,
  SubscriptionDefinition,
  SubscriptionStart,
} from './subscriptions/define-subscription.ts';
export type { Digest } from './projections/digest.ts';
export { ofPartitions } from './projections/of-partitions.ts';
export { documents, table } from './projections/read-model.ts';
export type {
  DocumentFields,
  Documents,
  IndexDefinitions,
  IndexSpec,
  ReadModel,
  TableDefinition,
  TableSpec,
} from './projections/read-model.ts';
export type { DeadLetters, DeadLettersOf, DiscardOptions, DryRun, RetriedKey } from './projections/dead-letters.ts';
export type { AfterWrite, ReadModelReader, FoundPage, FoundModel } from './projections/read-model-reader.ts';
export type { Classification } from './projections/projection-applier.ts';
export { createProjectionEngine, ProjectionEngine } from './projections/projection-engine.ts';
export type { ProjectionEngineOptions, WaitForOptions } from './projections/projection-engine.ts';
export { createLiveProjection, LiveProjection } from './projections/live-projection.ts';
export type { LiveChange, LiveProjectionOptions, LiveStatus } from './projections/live-projection.ts';
export type { ProjectedUntil, ProjectUntilOptions } from './projections/project-until.ts';
export { ProjectedModels } from './projections/projected-models.ts';
export { parseToken } from './projections/token.ts';
export type { WaitOptions, WriteToSee } from './projections/wait-for.ts';
export type { StoreProjections } from './projections/store-projections.ts';
export { MAX_LAG, type ProjectionCondition, type ProjectionStatus } from './projections/projection-status.ts';
export type { AppliedDifference, Verification, VerifyOptions, VerifyProgress } from './projections/verify-applied.ts';
export type { ActivateInlineOptions } from './projections/activate-inline.ts';
export { InlineRows } from './projections/inline-rows.ts';
export type { InlineChanges, InlineWrite } from './projections/inline-rows.ts';
export type * from './projections/inline-storage.ts';
export type { SlowInline } from './projections/inline-work.ts';
export type * from './projections/projection-storage.ts';
export type * from './projections/versions/version-storage.ts';
export { createProjectionVersions, ProjectionVersions } from './projections/versions/projection-versions.ts';
export type { WhatIfOptions } from './projections/versions/projection-versions.ts';
export type { BuildOptions, BuildProgress, BuiltVersion } from './projections/versions/build-version.ts';
export type { ComparedVersions, CompareOptions } from './projections/versions/compare-versions.ts';
export type { VerifiedRows, VerifyRowsOptions } from './projections/versions/verify-rows.ts';
export type { ComparedTable, FirstEvent, RowDifference } from './projections/versions/compared-table.ts';
export type { VersionPlan } from './projections/versions/plan-version.ts';
export type {
  RebuildAllOptions,
  RebuildAllPlan,
  RebuildOptions,
  RebuiltVersion,
} from './projections/versions/rebuild-version.ts';
export type { SwitchedVersion, SwitchOptions } from './projections/versions/switch-version.ts';
export type {
  Condition,
  FieldFilter,
  FindOptions,
  Operator,
  Order,
  QueryField,
  RowQuery,
  Where,
} from './projections/row-query.ts';
export { MAX_SHAPES, REST_HASH } from './schema/recorded-shape.ts';
export type { ListShapesQuery, NewShape, RecordedShape, ShapeCount, ShapeOwner } from './schema/recorded-shape.ts';
export type { ShapeChange, TypeHistory, VersionHistory } from './schema/changelog.ts';
export type { CheckedShapes, CheckProgress, CheckShapesOptions } from './schema/check-log.ts';
export type { BrokenShape, ShapeSample } from './schema/check-shapes.ts';
export type { ScannedShapes, ScanShapesOptions } from './schema/scan-shapes.ts';
export { hashOfShape } from './schema/own-shapes.ts';
export { shapeText } from './schema/shape-text.ts';
export type { ShapesOf, StoreSchema } from './schema/store-schema.ts';
export type { Shape, ShapeKind } from './schema/shape.ts';
export type { StringFormat } from './schema/string-format.ts';
export { snapshotAfter, snapshotEvery, snapshotOlderThan, snapshotWhenSlow } from './snapshots/snapshot-options.ts';
export type { SnapshotFacts, SnapshotOptions, SnapshotPolicy } from './snapshots/snapshot-options.ts';
export type { CreatedSnapshots, CreateSnapshotsOptions } from './snapshots/create-snapshots.ts';
export type { RecreatedSnapshots, RecreateSnapshotsOptions } from './snapshots/recreate-snapshots.ts';
export type {
  UncheckedSnapshot,
  VerifiedSnapshots,
  VerifySnapshotsOptions,
  WrongSnapshot,
} from './snapshots/verify-snapshots.ts';
export { createSnapshotJob } from './snapshots/snapshot-job.ts';
export type {
  SnapshotJob,
  SnapshotJobClock,
  SnapshotJobOptions,
  SnapshotProgress,
  SnapshotRun,
} from './snapshots/snapshot-job.ts';
export type { SnapshotFlaw } from './snapshots/snapshot-codec.ts';
export type { SnapshotProblem } from './snapshots/snapshot-writer.ts';
export { createProcessReport, ProcessReporter } from './operations/create-process-report.ts';
export type { ProcessReportOptions, ReportingStore } from './operations/create-process-report.ts';
export type { CorrelatedEvents, CorrelatedOptions } from './operations/find-correlated.ts';
export type * from './operations/operations-storage.ts';
export type { LastAsked, ProcessReport, ReportedProcess } from './operations/process-report.ts';
export type { CommandVitals, PoolVitals, ProcessVitals } from './operations/process-vitals.ts';
export { settingsOf } from './operations/setting.ts';
export type { Setting } from './operations/setting.ts';
export type { AuditLog, ListAuditOptions, StoreOperations, TopStreamsOptions } from './operations/store-operations.ts';
export type * from './storage/event-storage.ts';
export { frozenLog } from './storage/frozen-log.ts';
export type { AppendEntry, AppendManyResult, AppendResult } from './store/append-types.ts';
export type {
  Categories,
  CategoryName,
  CategoryOf,
  EventTypeIn,
  NewEventFor,
  OfType,
  StoredEvent,
  StoredEventFields,
  StoredEventIn,
  StreamNameOf,
  UntypedCategories,
} from './store/categories.ts';
export { createCategoryRegistry } from './store/event-registry.ts';
export type { UnknownEventsPolicy } from './store/event-registry.ts';
export { EventSequence } from './store/event-sequence.ts';
export { signalIn, takesLazySignals } from './store/lazy-signal.ts';
export type { AnySignal, LazySignalOptions } from './store/lazy-signal.ts';
export { allowManyListeners, onAbort, untilAborted } from './store/signals.ts';
export { createEventStore, EventStore } from './store/event-store.ts';
export { decidedEvents } from './store/actor.ts';
export type { ExecuteOptions, ExecuteResult } from './store/execute.ts';
export type { Conflict, ExecuteWithRetryOptions, Resolution } from './store/execute-with-retry.ts';
export type { RetryOptions } from './retry/backoff.ts';
export { differences } from './store/differences.ts';
export type { Difference } from './store/differences.ts';
export type { HistoryOptions, HistoryStep } from './store/history.ts';
export type { Loaded, LoadOptions } from './store/load.ts';
export type {
  AppendOptions,
  ListStreamsOptions,
  LogFilterOptions,
  MetadataInput,
  ReadAllOptions,
  ReadStreamOptions,
  StoreOptions,
  SubscribeOptions,
} from './store/options.ts';
export type { UncheckedEvent } from './store/prepare-events.ts';
export type { RebuildUniqueSetsOptions, RebuiltUniqueSets, UniqueConflict } from './store/unique-sets.ts';
export type { UniqueSet, UniqueValues } from './events/unique-sets.ts';
export { checkOneOf, checkWhole } from './store/read-options.ts';
export type { Until } from './store/read-options.ts';
export { isSameAppend } from './store/same-append.ts';
export { searchedTo } from './store/searched-to.ts';
export { storageOf } from './store/storage-of.ts';
export type { CachedState, SinceSnapshot, StateCache } from './store/state-cache.ts';
export { parseStreamName, partitionKey, PARTITIONS, streamName } from './stream-name.ts';
export { readableJson } from './readable-json.ts';
export { typed } from './typed.ts';
export { createUuidV7Generator } from './uuid.ts';
