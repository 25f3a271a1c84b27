import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { AnyFold } from '../deciders/decider.ts';
import { InvalidArgumentError, LogRewoundError, StreamNotFoundError } from '../errors.ts';
import { toProcessReport } from '../operations/process-report.ts';
import { eventsAt } from '../projections/events-at.ts';
import type { AnyProjection } from '../projections/define-sql-projection.ts';
import { contextOf, type StoreOfEngine } from '../projections/projection-engine.ts';
import { keyedEvent } from '../projections/projection-batch.ts';
import type { StoredProjection } from '../projections/projection-storage.ts';
import { readModelsOf } from '../projections/read-model-reader.ts';
import { readableJson } from '../readable-json.ts';
import type { EventStorage, RecordedEvent, StreamInfo } from '../storage/event-storage.ts';
import type { AppendContext } from '../store/append.ts';
import type { LoadContext } from '../store/load.ts';
import { checkOneOf, checkWhole } from '../store/read-options.ts';
import { parseStreamName } from '../stream-name.ts';
import {
  INCIDENT_FORMAT,
  type Incident,
  type IncidentEvent,
  type IncidentFold,
  type IncidentKey,
  type IncidentPayloads,
  type IncidentProjection,
} from './incident.ts';
import { MINK_VERSION } from '../version.ts';
import { redactIncident } from './redact-incident.ts';
import { foldName, incidentError, replayIncident, type IncidentCode, type IncidentFailure } from './replay-incident.ts';

/** What an incident is about: a stream, at a version or its last one; or an event of the log. */
export type IncidentSubject =
  | { readonly streamName: string; readonly streamVersion?: number | undefined }
  | { readonly globalPosition: number };

/** Options of {@link collectIncident}. */
export interface CollectIncidentOptions {
  /** Deciders, and definitions of aggregates: their states are part of it. */
  readonly folds?: readonly AnyFold<unknown>[] | undefined;
  /** Projections: what they keep of the stream, and what of it they could not apply. */
  readonly projections?: readonly AnyProjection[] | undefined;
  /** @defaultValue 'masked' */
  readonly payloads?: IncidentPayloads | undefined;
  /**
   * Fields whose values stay when they are masked, such as `currency` or `address.country`.
   * @defaultValue none
   */
  readonly keep?: readonly string[] | undefined;
  /**
   * Events of the stream, at most: the last ones.
   * @defaultValue 10_000
   */
  readonly limit?: number | undefined;
  /** Names and versions to write into it. */
  readonly software?: Readonly<Record<string, string>> | undefined;
  /**
   * From which texts are made that stand for those of payloads.
   * @defaultValue random: nobody can find out what stands for what by trying
   */
  readonly secret?: string | undefined;
}

/** An incident, and whether it still fails as it did after it was redacted. */
export interface CollectedIncident {
  readonly incident: Incident;
  /** What fails with the payloads as they are stored. */
  readonly failures: readonly IncidentFailure[];
  /** Whether the same fails with the payloads in the incident. */
  readonly isReproduced: boolean;
}

const RELATED = 500;
const SEARCHED = 20_000;
const WAITING = 100;
const KEYS = 20;
const AUDITED = 200;

/**
 * Collects what is known of a stream or an event: its events and their causes, the states, what projections keep of it and fail with,
 * versions and configuration. Changes nothing.
 *
 * Throws `StreamNotFoundError`, or `InvalidArgumentError` where there is no such event.
 *
 * @example
 * const { incident, isReproduced } = await collectIncident(store, { streamName: 'Order-42' }, { projections, folds: [order] });
 */
export async function collectIncident(
  store: StoreOfEngine,
  subject: IncidentSubject,
  options: CollectIncidentOptions = {},
): Promise<CollectedIncident> {
  const { folds = [], projections = [], keep = [], software = {}, secret = randomUUID() } = options;
  const payloads = checkOneOf('payloads', options.payloads ?? 'masked', ['none', 'masked', 'full']);
  const limit = checkWhole('limit', options.limit ?? 10_000, 1);
  const context = contextOf(store, projections);
  const { stream, last } = await findSubject(context.storage, subject);
  const events = await eventsOf(context, last, limit);
  const { streamName, streamVersion, globalPosition } = last;
  const known: Incident = {
    format: INCIDENT_FORMAT,
    createdAt: new Date().toISOString(),
    payloads: 'full',
    subject: { streamName, streamVersion, globalPosition },
    stream: { category: stream.category, version: stream.version, state: stream.state },
    events: events.map(incidentEvent),
    related: await relatedEvents(context.storage, last),
    folds: [],
    projections: await projectionsOf(context, projections, events),
    software: { mink: MINK_VERSION, node: process.version, ...software },
    feed: feedOf(await context.storage.feedStatus()),
    commands: await commandsOf(context.storage, last),
    processes: await processesOf(context.storage),
  };
  const code = { folds, projections };
  const { states, failures } = replayIncident(known, code);
  const full = { ...known, folds: foldsOf(folds, stream.category, { states, failures }) };
  const incident = redactIncident(full, { payloads, keep, secret });
  return { incident, failures, isReproduced: isSameFailing(failures, replayIncident(incident, code).failures) };
}

async function findSubject(
  storage: EventStorage,
  subject: IncidentSubject,
): Promise<{ readonly stream: StreamInfo; readonly last: RecordedEvent }> {
  if ('globalPosition' in subject) {
    const position = checkWhole('globalPosition', subject.globalPosition, 1);
    const [last] = await eventsAt(storage, [position]);
    if (last === undefined) throw new InvalidArgumentError('globalPosition', `there is no event at ${position}`);
    return { stream: await streamOf(storage, last.streamName), last };
  }
  const { streamName } = subject;
  parseStreamName(streamName);
  const stream = await streamOf(storage, streamName);
  const version = checkWhole('streamVersion', subject.streamVersion ?? stream.version, 1);
  const [last] = await readStream(storage, { streamName, from: version, until: version, limit: 1 });
  if (last !== undefined) return { stream, last };
  throw new InvalidArgumentError(
    'streamVersion',
    `"${streamName}" is at version ${stream.version}, not yet at ${version}`,
  );
}

async function streamOf(storage: EventStorage, streamName: string): Promise<StreamInfo> {
  const info = await storage.streamInfo(streamName);
  if (info === undefined) throw new StreamNotFoundError(streamName);
  return info;
}

interface StreamRange {
  readonly streamName: string;
  readonly from: number;
  readonly until: number;
  readonly limit: number;
}

async function readStream(
  storage: EventStorage,
  { streamName, from, until, limit }: StreamRange,
): Promise<readonly RecordedEvent[]> {
  return storage.readStreamPage({
    streamName,
    fromVersion: from,
    untilVersion: until,
    untilPosition: undefined,
    untilTime: undefined,
    types: undefined,
    direction: 'forwards',
    limit,
  });
}

/** The events of the stream up to the last one, or so many of them. */
async function eventsOf(
  { storage, pageSize }: LoadContext,
  { streamName, streamVersion: until }: RecordedEvent,
  limit: number,
): Promise<readonly RecordedEvent[]> {
  const events: RecordedEvent[] = [];
  for (let from = Math.max(1, until - limit + 1); from <= until; from += pageSize) {
    const size = Math.min(pageSize, until - from + 1);
    events.push(...(await readStream(storage, { streamName, from, until: from + size - 1, limit: size })));
  }
  return events;
}

/** Other events of the correlation, close to it: metadata have no index, so a part of the log is searched. */
async function relatedEvents(storage: EventStorage, last: RecordedEvent): Promise<readonly IncidentEvent[]> {
  const { correlationId } = last.metadata;
  if (correlationId === undefined) return [];
  const found: RecordedEvent[] = [];
  const { position: end } = await storage.readBound();
  const upTo = Math.min(end, last.globalPosition + SEARCHED);
  for (let after = Math.max(0, last.globalPosition - SEARCHED); after < upTo && found.length < RELATED;) {
    const page = await storage.readLogPage({ after, upTo, direction: 'forwards', limit: 1_000, filter: EVERYTHING });
    found.push(...page.events.filter((it) => it.metadata['correlationId'] === correlationId));
    after = page.searchedTo;
  }
  return found.filter((it) => it.streamName !== last.streamName).map(incidentEvent);
}

const EVERYTHING = { types: undefined, categories: undefined, streamNames: undefined, streamPrefixes: undefined };

/** What the audit log knows of the correlation, the oldest first: which commands there were, who sent them, how they ended. */
async function commandsOf({ operations }: EventStorage, last: RecordedEvent): Promise<Incident['commands']> {
  const { correlationId } = last.metadata;
  if (operations === undefined || typeof correlationId !== 'string') return [];
  const lines = await operations.listAudit({ ...ANY_LINE, kinds: ['command'], correlationId, limit: AUDITED });
  return lines.toReversed().map(({ messageId: id, type, at, status, userId, errorCode, streamName }) => {
    return { id, type, at: at.toISOString(), status, userId, errorCode, streamName };
  });
}

const ANY_LINE = { type: undefined, userId: undefined, status: undefined, streamName: undefined, before: undefined };

async function processesOf({ operations }: EventStorage): Promise<Incident['processes']> {
  const reports = (await operations?.listProcessReports()) ?? [];
  return reports.map(toProcessReport).map(({ name, release, isSilent, nodeVersion, minkVersion, configuration }) => {
    return { name, release, isSilent, nodeVersion, minkVersion, configuration };
  });
}

async function projectionsOf(
  context: AppendContext & LoadContext,
  projections: readonly AnyProjection[],
  events: readonly RecordedEvent[],
): Promise<readonly IncidentProjection[]> {
  if (projections.length === 0) return [];
  const stored = await readModelsOf(context).listProjections();
  const found: IncidentProjection[] = [];
  for (const projection of projections) {
    const known = stored.find((it) => it.name === projection.name && it.version === projection.version);
    const keys = keysOf(context, projection, events);
    // Of a version that is retired there are no rows, and nobody reads it; its code may well be there yet.
    if (known === undefined || known.state === 'retired' || keys.length === 0) continue;
    found.push(await projectionOf(context, { projection, known, keys }));
  }
  return found;
}

/** The keys of the last events; where they cannot be told, the stream itself, under which such events wait. */
function keysOf(
  { registry }: AppendContext & LoadContext,
  projection: AnyProjection,
  events: readonly RecordedEvent[],
): readonly string[] {
  const category = events[0]?.category;
  if (category === undefined || !Object.hasOwn(projection.events, category)) return [];
  const keys = new Set<string>();
  for (const event of events.toReversed()) {
    const { parts } = keyedEvent(registry, projection, event);
    for (const key of parts?.keys() ?? [event.streamName]) keys.add(key);
    if (keys.size >= KEYS) break;
  }
  return [...keys];
}

async function projectionOf(
  context: AppendContext & LoadContext,
  of: { readonly projection: AnyProjection; readonly known: StoredProjection; readonly keys: readonly string[] },
): Promise<IncidentProjection> {
  const { projection, known, keys } = of;
  const { name, version, kind } = projection;
  const readModels = readModelsOf(context);
  const rows = kind === 'rows' ? await readModels.readRows(projection, keys) : [];
  const shown: IncidentKey[] = [];
  for (const key of keys) {
    const [waiting] = await readModels.listParked({ name, version, key, limit: 1 });
    const positions =
      waiting === undefined ? [] : await readModels.listDeadLetters(projection, key, { after: 0, limit: WAITING });
    const events = await eventsAt(context.storage, positions);
    // The log was restored to a time before them.
    const [first] = positions;
    if (first !== undefined && events.length === 0) throw new LogRewoundError(first, known.position);
    const parked = waiting && {
      error: waiting.error,
      attempts: waiting.attempts,
      firstFailedAt: new Date(waiting.firstFailedAt).toISOString(),
      events: events.map(incidentEvent),
      waiting: waiting.events,
    };
    shown.push({ key, row: rows.find((it) => it.key === key)?.row ?? null, parked });
  }
  const { state, isLive, position, error } = known;
  return { name, version, kind, state, isLive, position, error, keys: shown };
}

function foldsOf(
  folds: readonly AnyFold<unknown>[],
  category: string,
  { states, failures }: ReturnType<typeof replayIncident>,
): readonly IncidentFold[] {
  return folds
    .filter((fold) => fold.category === category)
    .map((fold) => {
      const name = foldName(fold);
      const failure = failures.find(({ of }) => of === name);
      const error = failure === undefined ? undefined : incidentError(failure.error);
      return { name, state: readableJson(states.get(name)), error };
    });
}

function feedOf({ position, head, heldBy, wakeUp }: Awaited<ReturnType<EventStorage['feedStatus']>>): Incident['feed'] {
  // Statements of others may hold values.
  const holders = heldBy.map(({ floor, pid, age, state, applicationName }) => ({
    floor,
    pid: pid ?? null,
    age: age ?? null,
    state: state ?? null,
    applicationName: applicationName ?? null,
  }));
  return { position, head, wakeUp, heldBy: holders };
}

function incidentEvent(event: RecordedEvent): IncidentEvent {
  const { globalPosition, streamName, streamVersion, id, type, schemaVersion, recordedAt, data, metadata } = event;
  const time = new Date(recordedAt).toISOString();
  return { globalPosition, streamName, streamVersion, id, type, schemaVersion, recordedAt: time, data, metadata };
}

/** The same code fails at the same events with the same kinds of errors; their texts hold values. */
function isSameFailing(left: readonly IncidentFailure[], right: readonly IncidentFailure[]): boolean {
  return isDeepStrictEqual(left.map(kindOf), right.map(kindOf));
}

function kindOf({ at, error }: IncidentFailure): readonly unknown[] {
  const kind = error instanceof Error ? [error.name, 'code' in error ? error.code : undefined] : [typeof error];
  return [at.streamName, at.streamVersion, ...kind];
}

export type { IncidentCode };
