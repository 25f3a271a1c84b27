import type { MessageHook } from '../commands/middleware/metrics.ts';
import type { Observer } from '../observe/observer.ts';
import { oneAtATime } from '../observe/one-at-a-time.ts';
import { quietly } from '../observe/quietly.ts';
import { settingsOf, type Setting } from '../operations/setting.ts';
import { checkTimer, checkWhole } from '../store/read-options.ts';
import { eventLoopDelay } from './event-loop-delay.ts';
import { gaugeLooks, type GaugeLook, type MetricSources } from './gauges.ts';
import { measuringMessages, measuringObserver } from './measure.ts';
import { METRICS } from './metric-definitions.ts';
import { MetricRegistry, type MetricFamily, type Sample } from './metric-registry.ts';

/** Options of {@link createMetrics}. */
export interface MetricsOptions {
  /**
   * Milliseconds for which gauges, which cost queries, are given again without looking.
   * @defaultValue 5_000
   */
  readonly gaugeInterval?: number | undefined;
  /**
   * Milliseconds that the database may take for gauges, so that a scrape gets the rest in time.
   * @defaultValue 2_000
   */
  readonly gaugeTimeout?: number | undefined;
  /**
   * Told when gauges could not be read: they are left out then, and the rest is given all the same.
   * @defaultValue nobody is told
   */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/**
 * Counts what happens in this process. Give `observer` to the store and `message` to `recommendedPipeline`, and let it `watch` what
 * gauges are read from; `mink/prometheus` and `mink/otel` hand it on.
 *
 * @example
 * const metrics = createMetrics();
 * const store = createPostgresStore({ url, observer: metrics.observer });
 * metrics.watch({ store, engine });
 */
export class Metrics {
  readonly #registry = new MetricRegistry();
  readonly #readDelay = eventLoopDelay();
  readonly #looks = new Map<MetricSources, readonly GaugeLook[]>();
  readonly #gaugeInterval: number;
  readonly #gaugeTimeout: number;
  readonly #onError: (error: unknown) => void;
  readonly #given: MetricsOptions;
  #collectedAt: number | undefined;
  #gauges: { readonly until: number; readonly families: Promise<readonly MetricFamily[]> } | undefined;
  /** For the option `observer` of a store: its appends, loads and projections. */
  readonly observer: Observer = measuringObserver(this.#registry);
  /** For the option `metrics` of `recommendedPipeline`: commands and queries. */
  readonly message: MessageHook = measuringMessages(this.#registry);

  constructor(options: MetricsOptions = {}) {
    const { gaugeInterval = 5_000, gaugeTimeout = 2_000, onError = () => undefined } = options;
    this.#given = options;
    this.#gaugeInterval = checkWhole('gaugeInterval', gaugeInterval, 0);
    this.#gaugeTimeout = checkTimer('gaugeTimeout', gaugeTimeout, 1);
    this.#onError = onError;
  }

  /** Reads gauges of a store and an engine whenever somebody asks, until what it gives back is called. */
  watch(sources: MetricSources): () => void {
    this.#looks.set(
      sources,
      gaugeLooks(sources).map((look) => oneAtATime(look, { timeout: this.#gaugeTimeout })),
    );
    this.#gauges = undefined;
    return () => {
      this.#looks.delete(sources);
      this.#gauges = undefined;
    };
  }

  /** What is in effect. */
  get settings(): readonly Setting[] {
    return settingsOf('metrics', { gaugeInterval: this.#gaugeInterval, gaugeTimeout: this.#gaugeTimeout }, this.#given);
  }

  /** When somebody last collected them, in milliseconds since 1970: metrics that nobody scrapes are not seen. */
  get collectedAt(): number | undefined {
    return this.#collectedAt;
  }

  /** What was counted in this process so far, without gauges: costs no query, and is no collecting. */
  measured(): readonly MetricFamily[] {
    return this.#registry.families();
  }

  /** All metrics that have values, in the order of their definitions. Never rejects. */
  async collect(): Promise<readonly MetricFamily[]> {
    this.#collectedAt = Date.now();
    const all = [...this.#registry.families(), ...(await this.#readGauges())];
    return Object.values(METRICS).flatMap((definition) => {
      const [first, ...others] = all.filter((family) => family.definition === definition);
      if (first === undefined) return [];
      // Of several stores or engines.
      return [others.length === 0 ? first : { ...first, samples: once([first, ...others]) }];
    });
  }

  #readGauges(): Promise<readonly MetricFamily[]> {
    const now = performance.now();
    if (this.#gauges !== undefined && now < this.#gauges.until) return this.#gauges.families;
    const delay = this.#readDelay();
    const read = [...this.#looks.values()].flat().map((look) => this.#readGauge(look));
    const families = Promise.all(read).then((all) => [...all.flat(), ...delay]);
    this.#gauges = { until: now + this.#gaugeInterval, families };
    return families;
  }

  /** What cannot be read is left out: a database that is away must not hide the rest. */
  async #readGauge(look: GaugeLook): Promise<readonly MetricFamily[]> {
    try {
      return await look();
    } catch (error) {
      quietly(() => this.#onError(error));
      return [];
    }
  }
}

/** Each series once, or no scraper takes any: where two have looked at the same, it is what has seen more. */
function once(families: readonly MetricFamily[]): readonly Sample[] {
  const series = new Map<string, Sample>();
  for (const sample of families.flatMap(({ samples }) => samples)) {
    const id = JSON.stringify(sample.labels);
    const known = series.get(id);
    if (known === undefined || known.value < sample.value) series.set(id, sample);
  }
  return [...series.values()];
}

/** Metrics of one process. */
export function createMetrics(options: MetricsOptions = {}): Metrics {
  return new Metrics(options);
}
