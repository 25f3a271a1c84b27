export { Aggregate, internals } from './deciders/aggregate.ts';
export type {
  AggregateBase,
  AggregateClass,
  AggregateDefinition,
  AnyAggregate,
  AnyAggregateClass,
  UncommittedEvent,
} from './deciders/aggregate.ts';
export { defineDecider, evolveOnce, initialStateOf } from './deciders/decider.ts';
export type { Decider, Fold } from './deciders/decider.ts';
export { deepFreeze } from './deep-freeze.ts';
export * from './errors.ts';
export { codec, payload } from './events/event-schema.ts';
export type { DataOf, EventSchema, PayloadCodec, PayloadMarker } from './events/event-schema.ts';
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
export type { JsonObject, JsonValue } from './json.ts';
export { causedBy, currentMetadata, withMetadata } from './metadata.ts';
export type { Metadata, StandardMetadata } from './metadata.ts';
export type * from './storage/event-storage.ts';
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
export type { UnknownEventsPolicy } from './store/event-registry.ts';
export { EventSequence } from './store/event-sequence.ts';
export { allowManyListeners, onAbort, untilAborted } from './store/signals.ts';
export { createEventStore, EventStore } from './store/event-store.ts';
export { decidedEvents } from './store/execute.ts';
export type { ExecuteOptions, ExecuteResult } from './store/execute.ts';
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
export { checkOneOf, checkWhole } from './store/read-options.ts';
export type { Until } from './store/read-options.ts';
export { isSameAppend } from './store/same-append.ts';
export { searchedTo } from './store/searched-to.ts';
export { parseStreamName, partitionKey, streamName } from './stream-name.ts';
export { typed } from './typed.ts';
export { createUuidV7Generator } from './uuid.ts';
