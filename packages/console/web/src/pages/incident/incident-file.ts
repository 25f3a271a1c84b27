/** What `mink incident` writes, as far as it is shown: the format `mink-incident-1` of mink. Times are ISO 8601. */
export interface Incident {
  readonly format: string;
  readonly createdAt: string;
  readonly payloads: 'none' | 'masked' | 'full';
  readonly subject: { readonly streamName: string; readonly streamVersion: number; readonly globalPosition: number };
  readonly stream: { readonly category: string; readonly version: number; readonly state: string };
  readonly events: readonly IncidentEvent[];
  /** Others of the same correlation. */
  readonly related: readonly IncidentEvent[];
  readonly folds: readonly {
    readonly name: string;
    readonly state: unknown;
    readonly error?: { readonly code?: string; readonly message: string };
  }[];
  readonly projections: readonly IncidentProjection[];
  readonly software: Readonly<Record<string, string>>;
  readonly feed: unknown;
  readonly commands?: readonly IncidentCommand[];
  readonly processes: readonly unknown[];
}

export interface IncidentEvent {
  readonly globalPosition: number;
  readonly streamName: string;
  readonly streamVersion: number;
  readonly id: string;
  readonly type: string;
  readonly schemaVersion: number;
  readonly recordedAt: string;
  readonly data: unknown;
  readonly metadata: Readonly<Record<string, unknown>>;
}

export interface IncidentProjection {
  readonly name: string;
  readonly version: number;
  readonly state: string;
  readonly position: number;
  readonly error?: string;
  readonly keys: readonly {
    readonly key: string;
    readonly row: unknown;
    readonly parked?: { readonly error: string; readonly attempts: number; readonly waiting: number };
  }[];
}

export interface IncidentCommand {
  readonly id: string;
  readonly type: string;
  readonly at: string;
  readonly status: string;
  readonly userId?: string;
  readonly errorCode?: string;
  readonly streamName?: string;
}

export const INCIDENT_FORMAT = 'mink-incident-1';

const LISTS = ['events', 'related', 'folds', 'projections', 'processes'];

/** Whether this is a bundle of `mink incident`. A file that somebody has made up may still hold anything: all of it is shown as text. */
export function isIncident(value: unknown): value is Incident {
  if (typeof value !== 'object' || value === null) return false;
  const subject: unknown = Reflect.get(value, 'subject');
  return (
    Reflect.get(value, 'format') === INCIDENT_FORMAT &&
    typeof subject === 'object' &&
    subject !== null &&
    LISTS.every((name) => Array.isArray(Reflect.get(value, name)))
  );
}
