import type { JsonObject, JsonValue } from '../json.ts';
import { parseStreamName } from '../stream-name.ts';
import type { Incident, IncidentEvent, IncidentPayloads } from './incident.ts';
import { Pseudonyms } from './pseudonyms.ts';

/** How to redact an incident. */
export interface RedactOptions {
  readonly payloads: IncidentPayloads;
  readonly keep: readonly string[];
  readonly secret: string;
}

/** Random or derived, and needed to see what caused what. */
const IDS = new Set(['correlationId', 'causationId', 'traceparent']);

/**
 * The incident without what its events say of people: with `masked`, every text of payloads, metadata, states and rows is another one
 * of the same form; with `none` they are empty. Names of streams stay, and their ids wherever they stand.
 */
export function redactIncident(incident: Incident, { payloads, keep, secret }: RedactOptions): Incident {
  if (payloads === 'full') return incident;
  const pseudonyms = new Pseudonyms({ secret, keep, known: knownTexts(incident) });
  const isEmpty = payloads === 'none';
  // What is left out, too, stands in errors: it has to be known.
  const value = (it: JsonValue): JsonValue => {
    const masked = pseudonyms.value(it);
    return isEmpty ? null : masked;
  };
  const object = (it: JsonObject): JsonObject => {
    const masked = pseudonyms.object(it);
    return isEmpty ? {} : masked;
  };
  const event = (it: IncidentEvent): IncidentEvent => {
    const ids = Object.entries(it.metadata).filter(([name]) => IDS.has(name));
    return { ...it, data: value(it.data), metadata: { ...object(it.metadata), ...Object.fromEntries(ids) } };
  };
  const redacted: Incident = {
    ...incident,
    payloads,
    events: incident.events.map(event),
    related: incident.related.map(event),
    commands: incident.commands.map((it) => ({
      ...it,
      userId: it.userId === undefined ? undefined : pseudonyms.text(it.userId),
    })),
    folds: incident.folds.map((fold) => ({ ...fold, state: value(fold.state) })),
    projections: incident.projections.map((projection) => ({
      ...projection,
      keys: projection.keys.map(({ key, row, parked }) => ({
        key: pseudonyms.text(key),
        row: row === null ? null : object(row),
        parked: parked && { ...parked, events: parked.events.map(event) },
      })),
    })),
  };
  return withoutQuotations(redacted, (it) => pseudonyms.prose(it));
}

/** Errors last: by then everything that they may quote is known. */
function withoutQuotations(incident: Incident, prose: (text: string) => string): Incident {
  return {
    ...incident,
    folds: incident.folds.map((fold) => ({
      ...fold,
      error: fold.error && { ...fold.error, message: prose(fold.error.message) },
    })),
    projections: incident.projections.map((projection) => ({
      ...projection,
      error: projection.error === undefined ? undefined : prose(projection.error),
      keys: projection.keys.map((it) => ({
        ...it,
        parked: it.parked && { ...it.parked, error: prose(it.parked.error) },
      })),
    })),
  };
}

/** What is no secret: the names of streams and types, and the ids in them. */
function knownTexts({ events, related, projections }: Incident): ReadonlySet<string> {
  const all = [
    ...events,
    ...related,
    ...projections.flatMap(({ keys }) => keys.flatMap(({ parked }) => parked?.events ?? [])),
  ];
  return new Set([
    '',
    ...projections.map(({ name }) => name),
    ...all.flatMap(({ streamName, type, id }) => {
      const { category, id: ownId } = parseStreamName(streamName);
      return [streamName, category, ownId, type, id];
    }),
  ]);
}
