import { InvalidArgumentError } from 'mink';
import type {
  AnyAggregateClass,
  AnyFold,
  AnyProjection,
  AuditLog,
  Doctor,
  ExaminedStore,
  Health,
  ProjectionEngine,
  ProjectionEngineOptions,
} from 'mink';
import type { Environment } from './api-types.ts';
import type { Access } from './access/user.ts';
import type { Limits } from './http/rate-limits.ts';

/** The store that a console shows: what `createPostgresStore` or `createMemoryStore` gives. */
export type ConsoleStore = ExaminedStore<AnyFold<unknown> | AnyAggregateClass>;

/** An aggregate, whose definition says how its state follows from events. */
export interface AggregateToShow {
  readonly name: string;
  readonly definition: AnyFold<unknown>;
}

/** Options of `createConsole`. */
export interface ConsoleOptions {
  /** What is shown. The console does not close it. */
  readonly store: ConsoleStore;
  /** Who may use it. There is no default: a console is never open by accident. */
  readonly access: Access;
  /**
   * The code of projections and subscriptions: without it, a projection is shown, and can be paused, resumed and retired.
   * @defaultValue none
   */
  readonly projections?: readonly AnyProjection[] | undefined;
  /**
   * Whose states are shown, event by event.
   * @defaultValue none
   */
  readonly deciders?: readonly AnyFold<unknown>[] | undefined;
  /**
   * Like `deciders`.
   * @defaultValue none
   */
  readonly aggregates?: readonly AggregateToShow[] | undefined;
  /**
   * The engine of this process, if it has one: what is paused and resumed here begins at once. It is not started, nor closed.
   * @defaultValue none: whoever works on a projection hears of it within a third of its lease
   */
  readonly engine?: ProjectionEngine | undefined;
  /**
   * Options for what the console itself does with projections: retries, builds, comparisons.
   * @defaultValue those of `createProjectionEngine`
   */
  readonly engineOptions?: ProjectionEngineOptions | undefined;
  /**
   * What is healthy. Its `engine` has to be one of this process.
   * @defaultValue the feed, and all projections with code, by the rules of `createHealth`
   */
  readonly health?: Pick<Health, 'details'> | undefined;
  /**
   * Examines the store: one that asks your monitoring system, too, or with limits of its own.
   * @defaultValue `createDoctor` of mink, with the code that is here
   */
  readonly doctor?: Pick<Doctor, 'examine'> | undefined;
  /**
   * Where it is said who did and saw what. What cannot be written there is not done, or shown.
   * @defaultValue the audit log of the store
   */
  readonly audit?: Pick<AuditLog, 'write' | 'list'> | undefined;
  /**
   * Whether nobody may change anything. Otherwise, roles say who may: see `ACTIONS`.
   * @defaultValue true
   */
  readonly isReadOnly?: boolean | undefined;
  /**
   * The badge on every page.
   * @defaultValue { name: 'development', kind: 'development' }
   */
  readonly environment?: Environment | undefined;
  /**
   * The path that it is mounted under: `/console`.
   * @defaultValue '', the root
   */
  readonly basePath?: string | undefined;
  /**
   * Origins under which a proxy shows it, such as `https://ops.example.com`, where the proxy changes the header `Host`.
   * @defaultValue none
   */
  readonly origins?: readonly string[] | undefined;
  /**
   * How much may be asked for.
   * @defaultValue see `Limits`
   */
  readonly limits?: Partial<Limits> | undefined;
  /**
   * Milliseconds between looks at the database while somebody watches; shared by all who do.
   * @defaultValue 2_000
   */
  readonly lookInterval?: number | undefined;
  /**
   * Milliseconds between signs of life of live views; with each, it is asked again whether their user may go on.
   * @defaultValue 15_000
   */
  readonly heartbeat?: number | undefined;
  /**
   * Milliseconds that a request may take. Jobs and live views go on.
   * @defaultValue 30_000
   */
  readonly requestTimeout?: number | undefined;
  /**
   * Told of errors that an answer does not show, and of outcomes that could not be audited.
   * @defaultValue console.error
   */
  readonly onError?: ((error: unknown, what: string) => void) | undefined;
  /**
   * Milliseconds since 1970.
   * @defaultValue Date.now
   */
  readonly now?: (() => number) | undefined;
}

/** Whose states can be shown. */
export interface NamedFold {
  readonly category: string;
  /** Tells folds of one category apart. */
  readonly name: string;
  readonly fold: AnyFold<unknown>;
}

const BASE_PATH = /^(?:\/[A-Za-z0-9._~-]+)*$/u;

/** A path that begins with a slash and does not end with one; empty for the root. */
export function checkBasePath(path: string): string {
  const bare = path.replace(/\/$/u, '');
  if (BASE_PATH.test(bare)) return bare;
  throw new InvalidArgumentError('basePath', `"${path}" is no path such as /console`);
}

/** Whose states can be shown; the names of two of one category differ. */
export function nameFolds({ deciders = [], aggregates = [] }: ConsoleOptions): readonly NamedFold[] {
  const all = [
    ...deciders.map((fold) => ({ fold, given: fold.snapshots?.name ?? fold.category })),
    ...aggregates.map(({ name, definition }) => ({ fold: definition, given: name })),
  ];
  return all.map(({ fold, given }, index) => {
    const { category } = fold;
    const earlier = all.slice(0, index).filter((it) => it.fold.category === category && it.given === given).length;
    return { category, fold, name: earlier === 0 ? given : `${given} ${earlier + 1}` };
  });
}
