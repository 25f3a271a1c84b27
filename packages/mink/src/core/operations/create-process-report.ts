import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { atMost } from '../at-most.ts';
import { internals } from '../deciders/aggregate.ts';
import { InvalidArgumentError } from '../errors.ts';
import type { Health } from '../health/health.ts';
import type { JsonObject } from '../json.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { METRICS } from '../metrics/metric-definitions.ts';
import { tells } from '../observe/observer-roles.ts';
import { quietly } from '../observe/quietly.ts';
import type { ProjectionEngine } from '../projections/projection-engine.ts';
import type { AppendContext } from '../store/append.ts';
import type { LoadContext } from '../store/load.ts';
import { checkText, checkTimer } from '../store/read-options.ts';
import { MINK_VERSION } from '../version.ts';
import type { OperationsStorage } from './operations-storage.ts';
import type { ReportedProcess } from './process-report.ts';
import { vitalsBetween, type Counted, type ProcessVitals } from './process-vitals.ts';
import { settingsOf, type Setting } from './setting.ts';
import { operationsOf } from './store-operations.ts';

/** Options of {@link createProcessReport}: the parts of the process, from which is read what is in effect. */
export interface ProcessReportOptions {
  /** Of the service, for people. */
  readonly name: string;
  /** The version of its code. */
  readonly release?: string | undefined;
  readonly engine?: Pick<ProjectionEngine, 'settings' | 'definitions'> | undefined;
  /**
   * For how it does; without them the report has no vitals. Where the `observer` of the store is another one, as that of
   * `meterMetrics`, nothing is said of appends.
   */
  readonly metrics?: Pick<Metrics, 'settings' | 'measured' | 'collectedAt' | 'observer'> | undefined;
  readonly health?: Pick<Health, 'settings' | 'asked'> | undefined;
  /** Its buses, whose layers are told. */
  readonly buses?: readonly { readonly layers: readonly string[] }[] | undefined;
  /**
   * Milliseconds from one report to the next. A process that has not reported for three of them is silent.
   * @defaultValue 10_000
   */
  readonly interval?: number | undefined;
  /**
   * Told when a report could not be written; the next one is tried all the same.
   * @defaultValue nobody is told
   */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** A store, as `createPostgresStore` or `createMemoryStore` gives it. */
export interface ReportingStore {
  readonly [internals]: AppendContext & LoadContext;
}

/** Milliseconds between two looks at the event loop. */
const RESOLUTION = 20;
const NANOSECONDS = 1_000_000_000;

/**
 * Writes into the store what a process is, what is in effect in it and how it does, at once and in each interval: one statement. It
 * is shown by `mink processes` and the console, and read by `mink doctor`. Secrets are never part of it.
 *
 * A database that is away changes nothing for the process: the next report is tried all the same.
 *
 * @example
 * await using report = createProcessReport(store, { name: 'orders', engine, metrics, health });
 * await report.start();
 */
export class ProcessReporter implements AsyncDisposable {
  readonly #context: AppendContext & LoadContext;
  readonly #operations: OperationsStorage;
  readonly #options: ProcessReportOptions;
  readonly #interval: number;
  readonly #loop = monitorEventLoopDelay({ resolution: RESOLUTION });
  readonly #closing = new AbortController();
  readonly #startedAt = Date.now() - Math.round(process.uptime() * 1_000);
  #counted: Counted | undefined;
  #reporting: Promise<void> | undefined;
  /** Names the process in the store: a UUID. */
  readonly id = randomUUID();

  constructor(store: ReportingStore, options: ProcessReportOptions) {
    if (!(internals in store)) throw new InvalidArgumentError('store', 'is no event store');
    checkText('name', options.name);
    this.#context = store[internals];
    this.#operations = operationsOf(this.#context);
    this.#options = options;
    this.#interval = checkTimer('interval', options.interval ?? 10_000, 100);
  }

  /** Resolves when the first report is written, or could not be. Does not keep the process alive. */
  async start(): Promise<void> {
    if (this.#closing.signal.aborted) throw new InvalidArgumentError('report', 'is closed');
    if (this.#reporting !== undefined) return;
    this.#loop.enable();
    this.#counted = this.#count();
    const first = this.#report();
    this.#reporting = first.then(() => this.#keepReporting());
    await first;
  }

  /**
   * Ends, and removes the report: a process that is silent without has died. A database that does not answer is waited for one interval
   * at most.
   */
  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.#loop.disable();
    if (this.#reporting === undefined) return;
    const removed = this.#reporting.then(() => this.#tell(() => this.#operations.deleteProcessReport(this.id)));
    await atMost(this.#interval, removed);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #keepReporting(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      await sleep(this.#interval, undefined, { signal, ref: false }).catch(() => undefined);
      if (!signal.aborted) await this.#report();
    }
  }

  async #report(): Promise<void> {
    const report = { ...this.#describe(), vitals: this.#takeVitals() };
    const { id } = this;
    const [name, startedAt, interval] = [this.#options.name, this.#startedAt, this.#interval];
    // What is undefined is left out.
    const json: JsonObject = JSON.parse(JSON.stringify(report));
    await this.#tell(() => this.#operations.saveProcessReport({ id, name, startedAt, interval, report: json }));
  }

  #describe(): ReportedProcess {
    const { release, health, metrics, engine } = this.#options;
    const { categories } = this.#context;
    return {
      release,
      host: hostname(),
      pid: process.pid,
      nodeVersion: process.version,
      minkVersion: MINK_VERSION,
      configuration: this.#configuration(),
      asked: { ...health?.asked, metrics: metrics?.collectedAt },
      categories: Object.keys(categories ?? {}),
      projections: engine?.definitions ?? [],
    };
  }

  /** Read from the parts each time: a pooler may have been noticed, and a snapshot been used, since the last report. */
  #configuration(): readonly Setting[] {
    const { engine, metrics, health, buses = [] } = this.#options;
    const layers = [...new Set(buses.flatMap((bus) => bus.layers))];
    return [
      ...this.#operations.settings(),
      ...this.#context.settings(),
      ...(engine?.settings ?? []),
      ...(buses.length === 0 ? [] : settingsOf('bus', { layers }, { layers })),
      ...(metrics?.settings ?? []),
      ...(health?.settings ?? []),
      ...settingsOf('report', { interval: this.#interval }, this.#options),
    ];
  }

  #count(): Counted {
    const { metrics } = this.#options;
    const families = metrics?.measured() ?? [];
    return {
      at: performance.now() / 1_000,
      families,
      connections: this.#operations.connections?.(),
      hearsAppends: this.#hearsAppends || families.some(({ definition }) => definition === METRICS.appends),
    };
  }

  /** Whether the store tells the metrics; an observer of the user's own may hand on what it hears, which shows when there is some. */
  get #hearsAppends(): boolean {
    const { observer } = this.#context;
    const { metrics } = this.#options;
    return observer !== undefined && metrics !== undefined && tells(observer, metrics.observer);
  }

  #takeVitals(): ProcessVitals | undefined {
    const before = this.#counted;
    this.#counted = this.#count();
    // Nanoseconds; of an interval without any turn, it is no number.
    const delay = this.#loop.percentile(99) / NANOSECONDS;
    this.#loop.reset();
    if (this.#options.metrics === undefined || before === undefined) return undefined;
    return vitalsBetween(before, this.#counted, Number.isFinite(delay) ? Math.max(0, delay - RESOLUTION / 1_000) : 0);
  }

  async #tell(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      quietly(() => this.#options.onError?.(error));
    }
  }
}

/** A report of this process. */
export function createProcessReport(store: ReportingStore, options: ProcessReportOptions): ProcessReporter {
  return new ProcessReporter(store, options);
}
