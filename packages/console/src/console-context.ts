import {
  createDoctor,
  createEventStore,
  createProjectionEngine,
  createProjectionVersions,
  storageOf,
  type AnyProjection,
  type AuditLog,
  type EventStorage,
  type EventStore,
  type ProjectionEngine,
  type ProjectionVersions,
  type StoreOperations,
  type UntypedCategories,
} from 'mink';
import type { Environment } from './api-types.ts';
import { Auditor } from './audit.ts';
import { DEFAULT_LIMITS, RateLimits } from './http/rate-limits.ts';
import { Jobs } from './jobs/jobs.ts';
import { Examinations } from './live/examinations.ts';
import { Live } from './live/live.ts';
import { look } from './live/look.ts';
import { nameFolds, type ConsoleOptions, type ConsoleStore, type NamedFold } from './options.ts';
import { KnownStates } from './payloads/known-states.ts';

/** What the endpoints work with. */
export interface ConsoleContext {
  readonly store: ConsoleStore;
  readonly storage: EventStorage;
  /** The same log, as it is stored: any event, whatever the code of now makes of it. */
  readonly stored: EventStore<UntypedCategories>;
  readonly operations: StoreOperations | undefined;
  readonly auditLog: Pick<AuditLog, 'write' | 'list'> | undefined;
  readonly projections: readonly AnyProjection[];
  readonly folds: readonly NamedFold[];
  /** For states and dead letters; it is never started. Undefined where there is no code. */
  readonly engine: ProjectionEngine | undefined;
  /** Where projections are paused and resumed. */
  readonly control: Pick<ProjectionEngine, 'pause' | 'resume' | 'reset' | 'partition'>;
  readonly versions: ProjectionVersions;
  readonly examinations: Examinations;
  readonly auditor: Auditor;
  readonly live: Live;
  readonly jobs: Jobs;
  readonly limits: RateLimits;
  readonly knownStates: KnownStates;
  readonly environment: Environment;
  readonly isReadOnly: boolean;
  /** Milliseconds between signs of life of live views. */
  readonly heartbeat: number;
  /** Aborted when the console closes. */
  readonly closing: AbortSignal;
  readonly onError: (error: unknown, what: string) => void;
  readonly now: () => number;
}

const LOOK_INTERVAL = 2_000;
const HEARTBEAT = 15_000;

/** What follows from the options of a console. */
export function createContext(options: ConsoleOptions, closing: AbortSignal): ConsoleContext {
  const { store, projections = [], engineOptions, isReadOnly = true, now = Date.now } = options;
  const onError = options.onError ?? logError;
  const storage = storageOf(store);
  const stored = createEventStore(storage, { recordShapes: false });
  const operations = storage.operations === undefined ? undefined : stored.operations;
  const auditLog = options.audit ?? operations?.audit;
  const engine = projections.length === 0 ? undefined : createProjectionEngine(store, projections, engineOptions);
  const folds = nameFolds(options);
  const deciders = folds.map(({ fold }) => fold);
  const doctor = options.doctor ?? createDoctor(store, { projections, deciders });
  const list = async () => (storage.readModels === undefined ? [] : store.projections.list());
  const sources = { storage, operations, projections, engine, list, health: options.health, now };
  return {
    store,
    storage,
    stored,
    operations,
    auditLog,
    projections,
    folds,
    engine,
    control: options.engine ?? store.projections,
    versions: createProjectionVersions(store, projections, engineOptions),
    examinations: new Examinations(doctor, { closing, now }),
    auditor: new Auditor({ log: auditLog, isReadOnly, onError, now }),
    live: new Live({ look: (earlier) => look(sources, earlier), interval: options.lookInterval ?? LOOK_INTERVAL, now }),
    jobs: new Jobs(now),
    limits: new RateLimits({ ...DEFAULT_LIMITS, ...options.limits }),
    knownStates: new KnownStates(now),
    environment: options.environment ?? { name: 'development', kind: 'development' },
    isReadOnly,
    heartbeat: options.heartbeat ?? HEARTBEAT,
    closing,
    onError,
    now,
  };
}

function logError(error: unknown, what: string): void {
  console.error(`The console: ${what}`, error);
}
