import type { ProcessReport } from '../operations/process-report.ts';
import type { JsonObject, JsonValue } from '../json.ts';

/** What an incident tells of payloads. */
export type IncidentPayloads = 'none' | 'masked' | 'full';

export const INCIDENT_FORMAT = 'mink-incident-1';

/**
 * All that is needed to look at something that went wrong without the database it went wrong in: one JSON document. Times are ISO 8601.
 */
export interface Incident {
  readonly format: typeof INCIDENT_FORMAT;
  readonly createdAt: string;
  readonly payloads: IncidentPayloads;
  /** What it is about: everything in it is as of this event, but for what is kept of projections. */
  readonly subject: {
    readonly streamName: string;
    readonly streamVersion: number;
    readonly globalPosition: number;
  };
  readonly stream: {
    readonly category: string;
    /** Of now. */
    readonly version: number;
    readonly state: 'live' | 'archived' | 'tombstoned';
  };
  /** Of the stream, as they are stored, up to the subject; the last ones only where there are too many. */
  readonly events: readonly IncidentEvent[];
  /** Others of the same correlation, in the order of the log: what led to it, and what it led to. */
  readonly related: readonly IncidentEvent[];
  /** What the deciders and aggregates of its category make of the stream. */
  readonly folds: readonly IncidentFold[];
  readonly projections: readonly IncidentProjection[];
  /** Versions of what it happened with. */
  readonly software: Readonly<Record<string, string>>;
  readonly feed: JsonObject;
  /** What the audit log knows of the correlation: of each command, how it began and how it ended. */
  readonly commands: readonly IncidentCommand[];
  /** Processes that report (`createProcessReport`), with what is in effect there. */
  readonly processes: readonly IncidentProcess[];
}

/** A line of the audit log. */
export interface IncidentCommand {
  /** The `causationId` of the events it led to. */
  readonly id: string;
  readonly type: string;
  readonly at: string;
  readonly status: 'attempted' | 'succeeded' | 'refused' | 'failed';
  readonly userId: string | undefined;
  readonly errorCode: string | undefined;
  readonly streamName: string | undefined;
}

/** A process, without where it runs. */
export type IncidentProcess = Pick<
  ProcessReport,
  'name' | 'release' | 'isSilent' | 'nodeVersion' | 'minkVersion' | 'configuration'
>;

/** An event as it is stored. */
export interface IncidentEvent {
  readonly globalPosition: number;
  readonly streamName: string;
  readonly streamVersion: number;
  readonly id: string;
  readonly type: string;
  readonly schemaVersion: number;
  readonly recordedAt: string;
  readonly data: JsonValue;
  readonly metadata: JsonObject;
}

/** The state of an entity. */
export interface IncidentFold {
  readonly name: string;
  /** Null where it cannot be made. */
  readonly state: JsonValue;
  /** Why it cannot. */
  readonly error: IncidentError | undefined;
}

export interface IncidentError {
  readonly code: string | undefined;
  readonly message: string;
}

/** A projection that handles events of the stream. */
export interface IncidentProjection {
  readonly name: string;
  readonly version: number;
  readonly kind: 'rows' | 'sql' | 'subscription';
  readonly state: string;
  readonly isLive: boolean;
  readonly position: number;
  readonly error: string | undefined;
  /** Keys that the last events of the stream are applied to. */
  readonly keys: readonly IncidentKey[];
}

export interface IncidentKey {
  readonly key: string;
  /** What is in the read model; null where nothing is, or where SQL of a handler keeps it. */
  readonly row: JsonObject | null;
  /** Undefined where nothing of this key waits. */
  readonly parked:
    | {
        readonly error: string;
        readonly attempts: number;
        readonly firstFailedAt: string;
        /** The first of the events that wait: the row is as it was before them. */
        readonly events: readonly IncidentEvent[];
        /** How many wait in all. */
        readonly waiting: number;
      }
    | undefined;
}
