import { counted } from '../counted.ts';
import { internals } from '../deciders/aggregate.ts';
import { InvalidArgumentError } from '../errors.ts';
import type { LastAsked } from '../operations/process-report.ts';
import { settingsOf, type Setting } from '../operations/setting.ts';
import type { ProjectionEngine } from '../projections/projection-engine.ts';
import type { ProjectionCondition, ProjectionStatus } from '../projections/projection-status.ts';
import { oneAtATime } from '../observe/one-at-a-time.ts';
import { redactSecrets } from '../observe/redact.ts';
import { MAX_LAG } from '../projections/projection-status.ts';
import { shared } from '../projections/shared-looks.ts';
import { isOpenStore } from '../store/open-store.ts';
import { checkTimer, checkWhole } from '../store/read-options.ts';
import type { FeedStatus } from '../storage/event-storage.ts';
import { compareClocks, type ClockComparison } from './compare-clocks.ts';

/** The worst that was found. */
export type HealthStatus = 'healthy' | 'degraded' | 'unhealthy';

/** What a health endpoint answers. */
export interface HealthAnswer {
  /** For HTTP. */
  readonly code: 200 | 503;
  readonly body: HealthBody;
}

/** The JSON of an answer. */
export interface HealthBody {
  readonly status: HealthStatus;
  /** The state of each projection, by name; versions that are not live have it behind their name. */
  readonly projections?: Readonly<Record<string, ProjectionCondition>> | undefined;
  /** Why it is not healthy, for people; empty where it is. */
  readonly reasons?: readonly string[] | undefined;
}

/** Options of {@link createHealth}. */
export interface HealthOptions {
  readonly store: { feedStatus(): Promise<FeedStatus> };
  /** Whose projections count. */
  readonly engine?: Pick<ProjectionEngine, 'status'> | undefined;
  /**
   * Events that a projection may be behind, 10,000 at most: lags are not counted further.
   * @defaultValue 10_000
   */
  readonly degradedAboveLag?: number | undefined;
  /**
   * Milliseconds that a transaction may hold readers back.
   * @defaultValue 60_000
   */
  readonly degradedAboveHold?: number | undefined;
  /**
   * Milliseconds that the clock of this process may differ from that of the database, or that events may be recorded in the future.
   * @defaultValue 5_000
   */
  readonly degradedAboveSkew?: number | undefined;
  /**
   * What `degraded` is to load balancers. With 503, one slow projection takes all processes out at once.
   * @defaultValue 200
   */
  readonly degradedCode?: 200 | 503 | undefined;
  /**
   * Milliseconds after which a database that has not answered counts as away.
   * @defaultValue 2_000
   */
  readonly timeout?: number | undefined;
  /**
   * The clock of this process, in milliseconds since 1970.
   * @defaultValue `Date.now`
   */
  readonly now?: (() => number) | undefined;
}

/** The same, checked. */
interface HealthSettings extends Pick<HealthOptions, 'store' | 'engine'> {
  readonly degradedAboveLag: number;
  readonly degradedAboveHold: number;
  readonly degradedAboveSkew: number;
  readonly now: () => number;
  readonly degradedCode: 200 | 503;
  readonly timeout: number;
}

/** What there is to judge. */
interface Seen {
  readonly feed: FeedStatus;
  readonly clocks: ClockComparison | undefined;
  readonly projections: readonly ProjectionStatus[];
}

interface Finding {
  readonly status: Exclude<HealthStatus, 'healthy'>;
  readonly reason: string;
}

/** States that need somebody, and what they mean. Catching up counts by its lag, and a projection nobody works on here may run elsewhere. */
const TROUBLE: Partial<Record<ProjectionCondition, HealthStatus>> = {
  faulted: 'unhealthy',
  stalled: 'degraded',
  paused: 'degraded',
  retrying: 'degraded',
  stopped: 'degraded',
};

/**
 * Says how a process and its projections are doing: `live` whether it answers, `ready` whether its database does, `details` all of it.
 * None of them rejects, and each answers within its timeout. Questions at the same time cost one look.
 *
 * A projection that is faulted, or a database that is away, is `unhealthy`. One that is stalled, paused, retrying, stopped or too far
 * behind is `degraded`; so is a log that somebody holds for too long, or that stands still short of its end, and clocks that differ.
 * The worst counts.
 *
 * @example
 * const health = createHealth({ store, engine });
 * const { code, body } = await health.details();
 */
export class Health {
  readonly #options: HealthSettings;
  readonly #given: HealthOptions;
  #asked: Pick<LastAsked, 'live' | 'ready' | 'details'> = {};
  /** Where the feed stood short of its end when it was first seen there. */
  #stood: { readonly at: number; readonly since: number } | undefined;
  readonly #look: () => Promise<HealthAnswer>;
  readonly #lookAtDatabase: () => Promise<HealthAnswer>;

  constructor(options: HealthOptions) {
    this.#given = options;
    this.#options = {
      store: options.store,
      engine: options.engine,
      degradedAboveLag: checkLag(options.degradedAboveLag ?? MAX_LAG),
      degradedAboveHold: checkWhole('degradedAboveHold', options.degradedAboveHold ?? 60_000, 0),
      degradedAboveSkew: checkWhole('degradedAboveSkew', options.degradedAboveSkew ?? 5_000, 0),
      now: options.now ?? Date.now,
      degradedCode: checkCode(options.degradedCode ?? 200),
      timeout: checkTimer('timeout', options.timeout ?? 2_000, 1),
    };
    const { timeout } = this.#options;
    const see = oneAtATime(() => this.#see(), { timeout });
    // Judged by whoever asked: what comes too late must not count.
    this.#look = answering(async () => this.#judge(await see()));
    this.#lookAtDatabase = answering(oneAtATime(() => this.#examineDatabase(), { timeout }));
  }

  /** Whether this process answers: nothing else is asked, so that trouble elsewhere restarts nobody. */
  live(): HealthAnswer {
    this.#note('live');
    return { code: 200, body: { status: 'healthy' } };
  }

  /** Whether this process can serve: its database answers. */
  ready(): Promise<HealthAnswer> {
    this.#note('ready');
    return this.#lookAtDatabase();
  }

  /** How everything is doing, and why not better. */
  details(): Promise<HealthAnswer> {
    this.#note('details');
    return this.#look();
  }

  /** What is in effect. */
  get settings(): readonly Setting[] {
    const { degradedAboveLag, degradedAboveHold, degradedAboveSkew, degradedCode, timeout } = this.#options;
    const inEffect = { degradedAboveLag, degradedAboveHold, degradedAboveSkew, degradedCode, timeout };
    return settingsOf('health', inEffect, this.#given);
  }

  /** When somebody last asked: an endpoint that nobody asks is not mounted, or nobody looks at it. */
  get asked(): Pick<LastAsked, 'live' | 'ready' | 'details'> {
    return this.#asked;
  }

  #note(endpoint: keyof Health['asked']): void {
    this.#asked = { ...this.#asked, [endpoint]: Date.now() };
  }

  async #examineDatabase(): Promise<HealthAnswer> {
    await this.#options.store.feedStatus();
    return { code: 200, body: { status: 'healthy' } };
  }

  async #see(): Promise<Seen> {
    const { store, engine, now } = this.#options;
    const [feed, clocks, projections = []] = await Promise.all([
      store.feedStatus(),
      isOpenStore(store) ? compareClocks(store[internals].storage, now) : undefined,
      engine?.status(),
    ]);
    return { feed, clocks, projections };
  }

  #judge({ feed, clocks, projections }: Seen): HealthAnswer {
    const findings = [
      ...this.#feedFindings(feed),
      ...this.#clockFindings(clocks),
      ...projections.flatMap((it) => this.#projectionFinding(it) ?? []),
    ];
    return this.#answer(findings, projections);
  }

  #feedFindings(feed: FeedStatus): readonly Finding[] {
    const { degradedAboveHold: most } = this.#options;
    const { heldBy } = feed;
    const stands = this.#standsFor(feed);
    // Whoever has held it for too long is named; where nobody does, or the role may not see for how long, it is stalled.
    if (heldBy.every(({ age }) => age === undefined) && stands > most) {
      const { position, head } = feed;
      return [{ status: 'degraded', reason: `the feed has stood at ${position} of ${head} for ${stands} ms` }];
    }
    return heldBy.flatMap(({ age = 0, pid, preparedTransaction }): Finding[] => {
      const who = preparedTransaction === undefined ? `process ${pid}` : `prepared transaction ${preparedTransaction}`;
      return age <= most
        ? []
        : [{ status: 'degraded', reason: `${who} of the server has held readers back for ${age} ms` }];
    });
  }

  /** Milliseconds for which the feed was seen short of its end and did not move. */
  #standsFor({ position, head }: FeedStatus): number {
    const now = this.#options.now();
    if (position >= head) this.#stood = undefined;
    else if (this.#stood?.at !== position) this.#stood = { at: position, since: now };
    return this.#stood === undefined ? 0 : Math.max(0, Math.floor(now - this.#stood.since));
  }

  #clockFindings(clocks: ClockComparison | undefined): readonly Finding[] {
    if (clocks === undefined) return [];
    const { degradedAboveSkew: most } = this.#options;
    const { skew, uncertainty, recordedAhead } = clocks;
    const findings: Finding[] = [];
    if (Math.abs(skew) - uncertainty > most) {
      const how = skew > 0 ? 'ahead of' : 'behind';
      const by = Math.round(Math.abs(skew));
      findings.push({
        status: 'degraded',
        reason: `the clock of this process is ${by} ms ${how} that of the database`,
      });
    }
    if (recordedAhead > most) {
      const reason = `events were recorded ${Math.round(recordedAhead)} ms in the future: the database's clock was set back`;
      findings.push({ status: 'degraded', reason });
    }
    return findings;
  }

  #projectionFinding(status: ProjectionStatus): Finding | undefined {
    const { state, lagEvents, error } = status;
    const name = labelOf(status);
    const trouble = TROUBLE[state];
    if (trouble === 'unhealthy' || trouble === 'degraded') {
      return {
        status: trouble,
        reason: `projection ${name} is ${state}${error === undefined ? '' : `: ${redactSecrets(error)}`}`,
      };
    }
    if (lagEvents < this.#options.degradedAboveLag) return undefined;
    return { status: 'degraded', reason: `projection ${name} is ${counted(lagEvents, 'event')} behind` };
  }

  #answer(findings: readonly Finding[], projections: readonly ProjectionStatus[]): HealthAnswer {
    const worst = findings.some(({ status }) => status === 'unhealthy') ? 'unhealthy' : 'degraded';
    const status = findings.length === 0 ? 'healthy' : worst;
    const body = {
      status,
      projections: Object.fromEntries(projections.map((it) => [labelOf(it), it.state])),
      reasons: findings.map(({ reason }) => reason),
    } as const;
    if (status === 'healthy') return { code: 200, body };
    return { code: status === 'unhealthy' ? 503 : this.#options.degradedCode, body };
  }
}

/** Once for all who ask at the same time; what cannot be seen is unhealthy. */
function answering(look: () => Promise<HealthAnswer>): () => Promise<HealthAnswer> {
  return shared(async () => {
    try {
      return await look();
    } catch (error) {
      return unhealthy(redactSecrets(error instanceof Error ? error.message : String(error)));
    }
  });
}

/** Above it, nothing would ever be too far behind. */
function checkLag(lag: number): number {
  if (checkWhole('degradedAboveLag', lag, 1) <= MAX_LAG) return lag;
  throw new InvalidArgumentError('degradedAboveLag', `${lag} is more than lags are counted to (${MAX_LAG})`);
}

function checkCode(code: 200 | 503): 200 | 503 {
  if (code !== 200 && code !== 503) throw new InvalidArgumentError('degradedCode', `${String(code)} is not 200 or 503`);
  return code;
}

function unhealthy(reason: string): HealthAnswer {
  return { code: 503, body: { status: 'unhealthy', reasons: [reason] } };
}

function labelOf({ name, version, isLive, kind }: ProjectionStatus): string {
  return isLive || kind === 'subscription' ? name : `${name} version ${version}`;
}

/** The health of a process with a store, and of its projections. */
export function createHealth(options: HealthOptions): Health {
  return new Health(options);
}
