import { setTimeout as sleep } from 'node:timers/promises';
import { createProjectionVersions, type BuildProgress } from 'mink';
import type { OrderStore } from '../order-store.ts';
import { openOrders } from '../projections/open-orders.ts';
import { orderList, type OrderList } from '../projections/order-list.ts';
import { Fleet } from './fleet.ts';
import { writeHistory } from './history.ts';
import { Load } from './load.ts';
import { Measurements } from './measurements.ts';
import { orderListWithPieces } from './order-list-2.ts';
import { toOutcome, type Outcome, type Step, type VerifiedRows, type VerifiedVersion } from './outcome.ts';
import { startService, type Release } from './service-process.ts';
import { comparisonText, planText, progressText, switchText } from './steps.ts';

/** Orders from the time before. */
const HISTORY = 1_000;
/** Events of a second that the build may apply: the rest is for the requests. */
const BUILD_RATE = 2_000;
const SAMPLES = 3;
/** Of requests as usual, between steps. */
const STRETCHES = 5;
const LOOK_MS = 20;
const PATIENCE_MS = 30_000;

export interface WalkOptions {
  readonly store: OrderStore;
  readonly databaseUrl: string;
  /** How long there are requests, at least. */
  readonly seconds: number;
  readonly signal: AbortSignal;
  /** Told what is done. */
  readonly say: (text: string) => void;
}

/**
 * From version 1 to version 2 of the list of orders, under load. Throws where a step fails; what the load has noticed is in the
 * outcome.
 */
export async function walk(options: WalkOptions): Promise<Outcome> {
  const { store, say } = options;
  say(`${await writeHistory(store, HISTORY)} events of ${HISTORY} orders from the time before`);
  const measurements = new Measurements();
  await using fleet = new Fleet();
  const path = new Walk(options, fleet, measurements);
  await path.step('start old', 'two processes of the old release', () => path.deploy('old', 'old'));
  let orders: number;
  {
    await using load = new Load(fleet, measurements);
    await path.goOn();
    await path.prepare();
    await path.changeOver();
    await path.goOn();
    orders = load.orders;
  }
  const { verified, rows } = await path.step('verify', 'mink projections verify order-list, and --deep', () =>
    path.verify(),
  );
  return toOutcome(measurements, { orders, verified, rows, steps: path.steps });
}

/** The steps, one method for a stretch of them. */
class Walk {
  readonly steps: Step[] = [];
  readonly #options: WalkOptions;
  readonly #fleet: Fleet;
  readonly #measurements: Measurements;
  readonly #versions: ReturnType<typeof createProjectionVersions>;
  readonly #verified: VerifiedVersion[] = [];

  constructor(options: WalkOptions, fleet: Fleet, measurements: Measurements) {
    this.#options = options;
    this.#fleet = fleet;
    this.#measurements = measurements;
    this.#versions = createProjectionVersions(options.store, [orderList, orderListWithPieces, openOrders]);
  }

  /** Does a step, and notes how long it took. `shown` is how it is done by hand. */
  async step<T>(name: string, shown: string, work: () => Promise<T>): Promise<T> {
    this.#options.signal.throwIfAborted();
    this.#options.say(`\n# ${name}: ${shown}`);
    const begun = performance.now();
    const result = await work();
    this.steps.push({ name, duration: performance.now() - begun });
    return result;
  }

  /** Requests as usual, for a while. */
  async goOn(): Promise<void> {
    const { seconds, signal } = this.#options;
    await sleep((seconds * 1_000) / STRETCHES, undefined, { signal });
  }

  /** Starts processes, which take requests from then on. */
  async deploy(...releases: readonly Release[]): Promise<void> {
    const { databaseUrl, signal } = this.#options;
    for (const release of releases) this.#fleet.add(await startService(release, { databaseUrl, signal }));
  }

  /** What can be done before anything is deployed. */
  async prepare(): Promise<void> {
    const { say, signal } = this.#options;
    const next = orderListWithPieces;
    const versions = this.#versions;
    await this.step('plan', 'mink projections plan order-list', async () => {
      say(planText(await versions.plan(next, { signal })));
    });
    await this.step('what-if', 'mink projections what-if order-list', async () => {
      say(comparisonText(await versions.whatIf(next, { samples: SAMPLES, signal })));
    });
    await this.step('build', `mink projections build order-list --rate ${BUILD_RATE}`, async () => {
      const onProgress = everySecond((progress: BuildProgress) => say(progressText(progress)));
      const { events, duration } = await versions.build(next, { rate: BUILD_RATE, signal, onProgress });
      say(`${events} events in ${(duration / 1_000).toFixed(1)} s, beside version 1`);
    });
    await this.step('compare', 'mink projections compare order-list', async () => {
      say(comparisonText(await versions.compare(next, { samples: SAMPLES, signal })));
    });
  }

  /** The deployment. Old and new processes work side by side through the first switch and the rollback. */
  async changeOver(): Promise<void> {
    const { say, signal } = this.#options;
    await this.step('deploy', 'a process of the new release takes the place of an old one', () => this.#replace());
    this.#measurements.phase = 'during';
    const toNext = async (): Promise<void> => {
      say(switchText(await this.#versions.switchTo(orderListWithPieces, { signal })));
      await this.#untilServed(2);
    };
    await this.step('switch', 'mink projections switch order-list', toNext);
    await this.goOn();
    await this.step('rollback', 'mink projections rollback order-list', async () => {
      say(switchText(await this.#versions.rollback(orderList, { signal })));
      await this.#untilServed(1);
    });
    await this.goOn();
    await this.step('deploy the rest', 'the last old process goes', () => this.#replace());
    await this.step('switch again', 'mink projections switch order-list', toNext);
    await this.goOn();
    this.#measurements.phase = 'after';
    await this.step('retire', 'mink projections retire order-list --of 1 --force', async () => {
      await this.#verify(orderList);
      // Forced, because the new release still has its code. A process leaves alone what is retired.
      await this.#versions.retire(orderList, { isForced: true });
      say('Version 1 is gone.');
    });
  }

  /** What is left at the end; version 1 was verified before it was retired. */
  async verify(): Promise<Pick<Outcome, 'verified' | 'rows'>> {
    const { signal, store } = this.#options;
    const { position } = await store.feedStatus();
    await store.projections.waitFor(position, { projections: [orderListWithPieces] });
    await this.#verify(orderListWithPieces);
    const rows: VerifiedRows[] = [];
    for (const projection of [orderListWithPieces, openOrders]) {
      const { name, version, ok, tables } = await this.#versions.verifyRows(projection, { signal });
      rows.push({ name: `${name} ${version}`, ok, rows: tables[0]?.rowsBefore ?? 0 });
    }
    return { verified: this.#verified, rows };
  }

  async #verify(projection: OrderList): Promise<void> {
    const { signal, store } = this.#options;
    const { ok, events, parked } = await store.projections.verify(projection, { signal });
    this.#verified.push({ name: `${projection.name} ${projection.version}`, ok, events, parked });
  }

  async #replace(): Promise<void> {
    await this.deploy('new');
    await this.#fleet.removeOldest();
  }

  /** Until processes of the new release have answered with a version, which the old ones do not know of. */
  async #untilServed(version: number): Promise<void> {
    const by = `new order-list/${version}`;
    const { served } = this.#measurements;
    const before = served.get(by) ?? 0;
    const deadline = performance.now() + PATIENCE_MS;
    while ((served.get(by) ?? 0) === before) {
      if (performance.now() > deadline)
        throw new Error(`Nobody has answered with version ${version} in ${PATIENCE_MS} ms.`);
      await sleep(LOOK_MS, undefined, { signal: this.#options.signal });
    }
    this.#options.say(`Processes of the new release answer with version ${version}.`);
  }
}

function everySecond<T>(tell: (value: T) => void): (value: T) => void {
  let last = 0;
  return (value) => {
    if (performance.now() - last < 1_000) return;
    last = performance.now();
    tell(value);
  };
}
