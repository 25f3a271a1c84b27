/**
 * What the admin API speaks: the server answers with these, and the page is typed against them. All times are milliseconds since
 * 1970, durations milliseconds, rates per second, positions and versions as everywhere in mink. Names in paths are encoded, and begin
 * with one `~` more where they are `.` or `..`, or begin with `~`.
 */

/** Who may do what; each includes the one before. A viewer looks, an operator mends, an admin does what cannot be taken back. */
export type Role = 'viewer' | 'operator' | 'admin';

/** What somebody may see of payloads and metadata; a permission of its own. `masked` keeps names and kinds of values. */
export type PayloadAccess = 'none' | 'masked' | 'full';

export interface User {
  readonly name: string;
  readonly role: Role;
  readonly payloads: PayloadAccess;
}

/** `GET /api/session` */
export interface Session {
  /** Undefined: a token is asked for. */
  readonly user?: User;
  /** To be sent as the header `x-mink-csrf` with everything that is no `GET`. */
  readonly csrfToken?: string;
  /** Whether the token is given here; otherwise the application around the console knows who it is. */
  readonly canSignIn: boolean;
  readonly environment: Environment;
  /** No action is allowed to anybody. */
  readonly isReadOnly: boolean;
  /** Version of mink. */
  readonly release: string;
  /** Why this user may not do something at all, for people to read; what is not listed is allowed. Buttons are shown disabled with it. */
  readonly refusals: Readonly<Partial<Record<ActionName, string>>>;
  /** What states can be shown of. */
  readonly folds: readonly { readonly category: string; readonly name: string }[];
}

export interface Environment {
  /** Such as `production`. */
  readonly name: string;
  readonly kind: 'production' | 'staging' | 'development';
}

/** Every failure: status 400 and above. */
export interface Problem {
  readonly code: string;
  /** What happened, to what, and what to do. */
  readonly message: string;
  /** For `COUNT_CHANGED`: what the count is by now. */
  readonly count?: number;
}

/**
 * `GET /api/overview`, and the event `overview` of `GET /api/live` every two seconds; where the database does not answer, the event
 * `problem` with a {@link Problem} comes instead.
 */
export interface Overview {
  readonly at: number;
  readonly feed: Feed;
  readonly rates: Rates;
  readonly projections: readonly ProjectionSummary[];
  readonly deadLetters: { readonly keys: number; readonly events: number };
  /** Bytes by part; undefined where the storage cannot tell. */
  readonly storageBytes?: Readonly<Record<string, number>>;
  readonly pool?: { readonly total: number; readonly idle: number; readonly waiting: number };
  readonly health: Health;
  readonly processes: readonly ProcessSummary[];
  readonly jobs: readonly Job[];
}

export interface Feed {
  readonly position: number;
  readonly head: number;
  readonly wakeUp: 'notified' | 'polling';
  readonly heldBy: readonly FeedHolder[];
}

export interface FeedHolder {
  readonly floor: number;
  readonly pid?: number;
  readonly preparedTransaction?: string;
  readonly age?: number;
  readonly state?: string;
  readonly query?: string;
  readonly applicationName?: string;
  readonly userName?: string;
}

/** Of all processes that report; undefined where none does. */
export interface Rates {
  /** Positions handed out per second, seen from the log itself: also without any process that reports. */
  readonly events: number | undefined;
  /** Seconds. The worst of the processes. */
  readonly appendP50?: number;
  readonly appendP99?: number;
  readonly commands?: number;
  readonly commandErrors?: number;
}

/** One sample of `GET /api/samples?since=`: what the charts of the overview are drawn from, kept by the console for an hour. */
export interface Sample {
  readonly at: number;
  readonly events: number | undefined;
  readonly appendP50?: number;
  readonly appendP99?: number;
  readonly commands?: number;
  readonly lag: number;
  readonly deadLetters: number;
  /** Positions between bound and head. */
  readonly held: number;
  readonly storageBytes?: number;
}

export type ProjectionState =
  | 'stopped'
  | 'catching_up'
  | 'live'
  | 'retrying'
  | 'stalled'
  | 'paused'
  | 'faulted'
  | 'rebuilding'
  | 'inline'
  | 'retired';

/** `GET /api/projections` gives all of them. */
export interface ProjectionSummary {
  readonly name: string;
  readonly version: number;
  readonly kind: 'projection' | 'subscription';
  readonly state: ProjectionState;
  readonly isLive: boolean;
  /** The console has its code: without, it can only be paused, resumed, reset, switched and retired. */
  readonly hasCode: boolean;
  readonly position: number;
  /** Counted up to 10,000. Undefined where there is no code that says what it reads: see `positionsBehind`. */
  readonly lagEvents?: number;
  readonly lagTime?: number;
  readonly positionsBehind: number;
  /** Events per second, between two looks. */
  readonly rate?: number;
  /** Until it has caught up, at this rate. */
  readonly timeLeft?: number;
  readonly events: number;
  readonly owner?: string;
  readonly error?: string;
  readonly attempts: number;
  readonly parkedKeys: number;
  readonly movedAt?: number;
  readonly partitions: number;
  readonly wantedPartitions: number;
}

/** `GET /api/projections/:name/:version`. With `?payloads=full` its errors are in full, which is audited. */
export interface ProjectionDetail extends ProjectionSummary {
  readonly slots: readonly ProjectionPartition[];
  readonly versions: readonly ProjectionSummary[];
  /** About one a minute, of a week. */
  readonly history: readonly { readonly at: number; readonly position: number; readonly events: number }[];
  /** What may be done with it now, by this user. */
  readonly actions: readonly ProjectionAction[];
  /** Why all others may not, for people to read. */
  readonly refusals: Readonly<Partial<Record<ProjectionAction, string>>>;
}

export interface ProjectionPartition {
  readonly from: number;
  readonly to: number;
  readonly position: number;
  readonly events: number;
  readonly state: string;
  readonly owner?: string;
  readonly error?: string;
  readonly attempts: number;
  readonly movedAt?: number;
}

/**
 * `POST /api/projections/:name/:version/:action`. The first four answer with the {@link ProjectionSummary} afterwards, all others
 * with a {@link Job}. `reset`, `rebuild`, `switch`, `rollback` and `retire` want `{ confirm: name }` in their body.
 */
export type ProjectionAction =
  | 'pause'
  | 'resume'
  | 'reset'
  | 'partition'
  | 'plan'
  | 'build'
  | 'rebuild'
  | 'compare'
  | 'what-if'
  | 'verify'
  | 'switch'
  | 'rollback'
  | 'retire';

/** Everything that is asked for by a `POST`, but signing in. Roles are given for these. */
export type ActionName =
  | ProjectionAction
  | 'dry-run'
  | 'retry'
  | 'discard'
  | 'retry-all'
  | 'check-schema'
  | 'cancel-job';

/** Something that takes a while, done by the console's process: `GET /api/jobs`, `/api/jobs/:id`, `POST /api/jobs/:id/cancel`. */
export interface Job {
  readonly id: string;
  readonly action: string;
  /** What it is done to, such as `order-list 2`. */
  readonly subject: string;
  readonly startedBy: string;
  readonly startedAt: number;
  readonly endedAt?: number;
  readonly state: 'running' | 'done' | 'failed' | 'cancelled';
  /** From 0 to 1; undefined while nobody can tell. */
  readonly progress?: number;
  readonly rate?: number;
  readonly timeLeft?: number;
  /** What it came to, by its action: `VersionPlan`, `BuiltVersion`, `ComparedVersions`, … of mink. */
  readonly result?: unknown;
  readonly error?: Problem;
}

/** `GET /api/dead-letters?projection=&version=&after=&limit=` */
export interface DeadLetterPage {
  readonly keys: readonly ParkedKey[];
  /** For `after`, where there is more. */
  readonly next?: string;
}

export interface ParkedKey {
  readonly projection: string;
  readonly version: number;
  readonly key: string;
  readonly error: string;
  readonly attempts: number;
  readonly firstFailedAt: number;
  readonly lastFailedAt: number;
  /** The one that failed, and those that wait behind it. */
  readonly events: number;
  readonly position: number;
  readonly hasCode: boolean;
}

/** `GET /api/dead-letters/:projection/:version/:key`: the first events that wait. */
export interface ParkedEvents {
  readonly key: ParkedKey;
  readonly events: readonly EventRecord[];
}

/**
 * `POST /api/dead-letters/:projection/:version/:key/dry-run`, `…/retry` and `…/discard`; `POST
 * /api/dead-letters/:projection/:version/retry-all` gives a {@link Job}. Retry and discard want `{ confirm: count }`, the events of
 * the key (of all keys: the keys), and are refused with `COUNT_CHANGED` when it is another by then; discard also `{ reason }`.
 */
export interface RetryOutcome {
  readonly applied: number;
  readonly left: number;
  readonly error?: string;
  /** Of a dry run. */
  readonly changes?: readonly Change[];
  /** Events that were given up. */
  readonly discarded?: number;
}

/** `before` and `after` are JSON, masked like payloads. */
export interface Change {
  readonly path: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

/** `GET /api/streams?search=&category=&order=name|longest|recent&after=&limit=` */
export interface StreamPage {
  readonly streams: readonly StreamSummary[];
  readonly next?: string;
}

export interface StreamSummary {
  readonly streamName: string;
  readonly category: string;
  readonly version: number;
  readonly createdAt: number;
  readonly lastRecordedAt: number;
  readonly state: 'live' | 'archived' | 'tombstoned';
}

/** `GET /api/categories` */
export interface CategorySummary {
  readonly category: string;
  readonly streams: number;
  readonly events: number;
  readonly lastRecordedAt?: number;
}

/**
 * An event. `?payloads=none|masked|full` on every request that gives events or states asks for less or more, up to what the user
 * may see; without it `masked` at most. Each answer with `full` payloads is audited.
 */
export interface EventRecord {
  readonly globalPosition: number;
  readonly streamName: string;
  readonly streamVersion: number;
  readonly category: string;
  readonly id: string;
  readonly type: string;
  readonly schemaVersion: number;
  readonly recordedAt: number;
  /** Undefined with `none`. */
  readonly data?: unknown;
  readonly metadata?: unknown;
  readonly payloads: PayloadAccess;
}

/** `GET /api/streams/:name` */
export interface StreamDetail extends StreamSummary {
  readonly folds: readonly string[];
  readonly snapshots: readonly SnapshotSummary[];
}

/** `GET /api/streams/:name/events?from=&limit=&direction=forwards|backwards` */
export interface EventPage {
  readonly events: readonly EventRecord[];
  /** Where the next page begins; undefined at the end. */
  readonly next?: number;
  /** Only of the log: how far was searched, where there is more but the search took too long. */
  readonly searchedTo?: number;
}

/** `GET /api/streams/:name/states?fold=&from=&limit=`: the state after each event, and what it changed. */
export interface StatePage {
  readonly steps: readonly StateStep[];
  readonly next?: number;
}

export interface StateStep {
  readonly event: EventRecord;
  readonly state: unknown;
  readonly changes: readonly Change[];
}

/**
 * `GET /api/events?after=|before=&categories=&types=&stream=&limit=`; `GET /api/events/tail` with the same filters is a stream of
 * server-sent events: `events` with a {@link TailPage}, as they come.
 */
export type LogPage = EventPage;

/** What an `events` of the tail holds. */
export interface TailPage {
  readonly events: readonly EventRecord[];
  /** Events since the last message that match, and were too many to be sent. */
  readonly skipped: number;
}

/** `GET /api/events/:position/why` */
export interface Why {
  readonly event: EventRecord;
  /** The command it came of, where its id or the audit log knows it. */
  readonly command?: WhyCommand;
  /** All that is known of the same correlation, as a tree by causation; the commands between events have no event of their own. */
  readonly nodes: readonly WhyNode[];
  readonly projections: readonly WhyProjection[];
  /** How far the log was searched for what it caused, and whether that was all. */
  readonly searchedTo: number;
  readonly isComplete: boolean;
}

export interface WhyCommand {
  readonly id: string;
  readonly type?: string;
  readonly userId?: string;
  readonly at?: number;
  readonly status?: string;
}

export interface WhyNode {
  /** Of the event, or of the command. */
  readonly id: string;
  readonly kind: 'command' | 'event';
  /** What caused it; undefined for a root. */
  readonly causedBy?: string;
  readonly label: string;
  readonly event?: Pick<EventRecord, 'globalPosition' | 'streamName' | 'streamVersion' | 'type' | 'recordedAt'>;
}

export interface WhyProjection {
  readonly name: string;
  readonly version: number;
  readonly outcome: 'applied' | 'waiting' | 'parked' | 'discarded' | 'ignored';
  /** Of its read model. */
  readonly keys: readonly string[];
}

/** `GET /api/snapshots?category=&stream=&after=&limit=` */
export interface SnapshotPage {
  readonly snapshots: readonly SnapshotSummary[];
  readonly next?: string;
}

export interface SnapshotSummary {
  readonly streamName: string;
  readonly category: string;
  readonly name: string;
  readonly streamVersion: number;
  readonly schemaVersion: number;
  readonly size: number;
  readonly createdAt: number;
}

/** `GET /api/schema`; `POST /api/schema/check` is a {@link Job} whose result is {@link SchemaCheck}. */
export interface SchemaOverview {
  readonly types: readonly SchemaType[];
}

export interface SchemaType {
  readonly category: string;
  readonly type: string;
  /** What the code of now writes; undefined where it knows no such type. */
  readonly currentVersion?: number;
  readonly shapes: readonly {
    readonly schemaVersion: number;
    readonly hash: string;
    /** As people write types. */
    readonly text: string;
    readonly events: number;
    readonly firstPosition?: number;
    readonly lastPosition?: number;
    readonly recordedAt: number;
  }[];
}

export interface SchemaCheck {
  readonly shapes: number;
  readonly broken: readonly {
    readonly category: string;
    readonly type: string;
    readonly schemaVersion: number;
    readonly error: string;
  }[];
}

/** `GET /api/audit?kinds=&type=&userId=&status=&stream=&before=&limit=` */
export interface AuditPage {
  readonly entries: readonly AuditRecord[];
  readonly next?: number;
}

export interface AuditRecord {
  readonly id: number;
  readonly at: number;
  readonly kind: 'command' | 'query' | 'action' | 'view';
  readonly type: string;
  readonly messageId: string;
  readonly userId?: string;
  readonly tenantId?: string;
  readonly correlationId?: string;
  readonly status: string;
  readonly errorCode?: string;
  readonly streamName?: string;
  readonly streamVersion?: number;
  readonly details?: unknown;
}

/** `GET /api/health` */
export interface Health {
  readonly status: 'healthy' | 'degraded' | 'unhealthy';
  readonly reasons: readonly string[];
}

export interface ProcessSummary {
  readonly id: string;
  readonly name: string;
  readonly release?: string;
  readonly host: string;
  readonly pid: number;
  readonly startedAt: number;
  readonly reportedAt: number;
  readonly isSilent: boolean;
}

/** `GET /api/processes` */
export interface ProcessDetail extends ProcessSummary {
  readonly nodeVersion: string;
  readonly minkVersion: string;
  readonly configuration: readonly {
    readonly name: string;
    readonly value: unknown;
    readonly source: 'default' | 'option' | 'database';
  }[];
  readonly vitals?: Readonly<Record<string, number>>;
}

/** `GET /api/doctor` */
export interface DoctorReport {
  readonly at: number;
  readonly findings: readonly Finding[];
}

export interface Finding {
  readonly id: string;
  readonly title: string;
  readonly status: 'ok' | 'warning' | 'failed' | 'unknown';
  readonly seen: string;
  /** A command, or what to change. */
  readonly mend?: string;
  /** A page of the documentation. */
  readonly runbook?: string;
}
