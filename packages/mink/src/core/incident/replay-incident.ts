import { evolveOnce, initialStateOf, type AnyFold } from '../deciders/decider.ts';
import { deepFreeze } from '../deep-freeze.ts';
import { MinkError } from '../errors.ts';
import type { JsonObject } from '../json.ts';
import type { AnyProjection } from '../projections/define-sql-projection.ts';
import type { Projection } from '../projections/define-projection.ts';
import { evolveRow, keyedEvent } from '../projections/projection-batch.ts';
import { snapshotOptionsOf } from '../snapshots/snapshot-codec.ts';
import type { RecordedEvent } from '../storage/event-storage.ts';
import { createCategoryRegistry, createRegistry } from '../store/event-registry.ts';
import { parseStreamName } from '../stream-name.ts';
import type { Incident, IncidentError, IncidentEvent, IncidentKey } from './incident.ts';

/** The code that an incident is played with. */
export interface IncidentCode {
  /** Deciders, and definitions of aggregates. */
  readonly folds: readonly AnyFold<unknown>[];
  readonly projections: readonly AnyProjection[];
}

/** What the code of now makes of an incident. */
export interface ReplayedIncident {
  /** States by the name of their decider or aggregate; without those that could not be made. */
  readonly states: ReadonlyMap<string, unknown>;
  readonly failures: readonly IncidentFailure[];
}

/** Something that failed. */
export interface IncidentFailure {
  /** Such as `Order` or `order-list 2`. */
  readonly of: string;
  /** Of a projection: the key that the events wait under. */
  readonly key?: string | undefined;
  /** At which event. */
  readonly at: { readonly type: string; readonly streamName: string; readonly streamVersion: number };
  readonly error: unknown;
}

/**
 * Plays an incident with the code of now: the stream through the deciders and aggregates of its category, and what waits in
 * projections on the rows as they are. Without a database. What handlers write with SQL, and what subscriptions do, is not played.
 */
export function replayIncident(incident: Incident, { folds, projections }: IncidentCode): ReplayedIncident {
  const states = new Map<string, unknown>();
  const failures: IncidentFailure[] = [];
  const { category } = parseStreamName(incident.subject.streamName);
  // Of a stream whose beginning is missing, no state can be made.
  const isWhole = incident.events[0]?.streamVersion === 1;
  for (const fold of folds.filter((it) => isWhole && it.category === category)) {
    const played = replayFold(fold, incident.events);
    if ('failure' in played) failures.push(played.failure);
    else states.set(foldName(fold), played.state);
  }
  for (const { name, version, keys } of incident.projections) {
    const projection = projections.find((it) => it.name === name && it.version === version);
    if (projection?.kind !== 'rows') continue;
    failures.push(...keys.flatMap((key) => replayKey(projection, key)));
  }
  return { states, failures };
}

/** The state that a fold makes of events, or where it fails. */
function replayFold(
  fold: AnyFold<unknown>,
  events: readonly IncidentEvent[],
): { readonly state: unknown } | { readonly failure: IncidentFailure } {
  const registry = createCategoryRegistry(fold.category, fold.events);
  let state = initialStateOf(fold);
  for (const event of events) {
    try {
      for (const decoded of registry.decode(recordedOf(event), 'error')) {
        state = deepFreeze(evolveOnce(fold, state, decoded));
      }
    } catch (error) {
      return { failure: { of: foldName(fold), at: event, error } };
    }
  }
  return { state };
}

function replayKey(projection: Projection, { key, row: before, parked }: IncidentKey): readonly IncidentFailure[] {
  const registry = createRegistry(projection.events);
  let row: JsonObject | null = before;
  for (const event of parked?.events ?? []) {
    const failure = { of: `${projection.name} ${projection.version}`, key, at: event };
    const { parts, error } = keyedEvent(registry, projection, recordedOf(event));
    if (parts === undefined) return [{ ...failure, error }];
    try {
      row = evolveRow(projection, row, key, parts.get(key) ?? []);
    } catch (thrown) {
      return [{ ...failure, error: thrown }];
    }
  }
  return [];
}

/** What failed, for people who may see keys: `order-list 2, key Order-42`. */
export function failureName({ of, key }: IncidentFailure): string {
  return key === undefined ? of : `${of}, key ${key}`;
}

/** What its snapshots are called, too. */
export function foldName(fold: AnyFold<unknown>): string {
  return snapshotOptionsOf(fold).name;
}

/** What is told of an error. */
export function incidentError(error: unknown): IncidentError {
  if (!(error instanceof Error)) return { code: undefined, message: String(error) };
  const code = 'code' in error ? String(error.code) : undefined;
  const cause = error instanceof MinkError && error.cause instanceof Error ? error.cause.message : '';
  // Most say why themselves.
  const isSaid = error.message.includes(cause.replace(/\.$/u, ''));
  return { code, message: isSaid ? error.message : `${error.message}: ${cause}` };
}

function recordedOf(event: IncidentEvent): RecordedEvent {
  const { category } = parseStreamName(event.streamName);
  return deepFreeze({ ...structuredClone(event), category, recordedAt: Date.parse(event.recordedAt) });
}
