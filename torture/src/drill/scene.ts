import { createProjectionVersions } from 'mink';
import { createPostgresStore, verifyStore } from 'mink/postgres';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Cluster } from '../cluster/cluster.ts';
import type { Random } from '../random.ts';
import { becomes } from '../waiting.ts';
import { accountEvents, balances } from './balances.ts';
import { lostOf, type LedgerEntry } from './ledger.ts';
import { Service } from './service.ts';
import { Switchboard } from './switchboard.ts';

export interface DrillContext {
  /** PostgreSQL's programs. */
  readonly binDir: string;
  /** Of this exercise alone. */
  readonly directory: string;
  readonly random: Random;
  /** Milliseconds that the service works before something happens to it. */
  readonly load: number;
  readonly tell: (message: string) => void;
}

/** What came of an exercise. */
export interface Outcome {
  /** Milliseconds from what happened until somebody or something said so; undefined where somebody has decided it. */
  readonly noticed: number | undefined;
  /** Milliseconds from the first step of the recovery, or the accident where nobody acts, until all is well. */
  readonly recovered: number;
  readonly acknowledged: number;
  readonly lost: number;
  /** What else is not as it must be. */
  readonly problems: readonly string[];
  readonly remark?: string | undefined;
}

/** Appends that the service makes before and after an accident, at least. */
const ENOUGH = 100;
const DATABASE = 'drill';

/** A server, a service that works on it, and the address between them. Everything ends with it. */
export class Scene implements AsyncDisposable {
  readonly #context: DrillContext;
  readonly #clusters: Cluster[];
  readonly service: Service;
  readonly #board: Switchboard;

  private constructor(context: DrillContext, parts: { cluster: Cluster; board: Switchboard; service: Service }) {
    this.#context = context;
    this.#clusters = [parts.cluster];
    this.#board = parts.board;
    this.service = parts.service;
  }

  static async open(context: DrillContext): Promise<Scene> {
    const cluster = await startCluster(context, 'primary');
    try {
      await cluster.createDatabase(DATABASE);
      const board = await Switchboard.start(cluster.port);
      const url = cluster.url(DATABASE, board.port);
      const service = new Service({ url, directory: context.directory, random: context.random.derive('service') });
      return new Scene(context, { cluster, board, service });
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  /** The server that it began with. */
  get primary(): Cluster {
    const [primary] = this.#clusters;
    if (primary === undefined) throw new Error('a scene begins with a server');
    return primary;
  }

  get url(): string {
    return this.primary.url(DATABASE);
  }

  /** Another server; `prepare` may put a copy of the data of one into its directory. */
  async addCluster(name: string, prepare?: (dataDir: string) => Promise<void>): Promise<Cluster> {
    const directory = join(this.#context.directory, name);
    await mkdir(join(directory, 'postgres'), { recursive: true });
    await prepare?.(join(directory, 'postgres'));
    const cluster = await startCluster(this.#context, name);
    this.#clusters.push(cluster);
    return cluster;
  }

  /** The database of the drill on another server. */
  urlOn(cluster: Cluster): string {
    return cluster.url(DATABASE);
  }

  /** Clients reach another server from now on. */
  pointTo(cluster: Cluster): void {
    this.#board.pointTo(cluster.port);
  }

  /** Lets the service work as it does every day. */
  work(): Promise<void> {
    return this.service.work(this.#context.load, ENOUGH);
  }

  /**
   * When all is over: nobody writes, and what is there is held against what was acknowledged, the log against itself, and the read
   * model against the log.
   */
  async settle(
    url: string,
    { acknowledged }: { readonly acknowledged?: readonly LedgerEntry[] } = {},
  ): Promise<Pick<Outcome, 'acknowledged' | 'lost' | 'problems'>> {
    await this.service.quiet();
    const entries = acknowledged ?? (await this.service.acknowledged());
    const lost = await lostOf(entries, { url, schema: 'mink' });
    const problems = [...(await findingsOf(url, 'mink')), ...(await readModelProblems(url))];
    return { acknowledged: entries.length, lost: lost.length, problems };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.service.stop();
    await this.#board.stop();
    for (const cluster of this.#clusters.toReversed()) await cluster.stop();
  }
}

/** What a verification finds. */
export async function findingsOf(url: string, schema: string): Promise<readonly string[]> {
  const { findings } = await verifyStore({ url, schema });
  return findings.map(({ check, subject, detail }) => `${check}: ${subject} ${detail}`);
}

async function readModelProblems(url: string): Promise<readonly string[]> {
  await using store = createPostgresStore({ url, categories: { Account: accountEvents }, migrate: 'never' });
  const { ok } = await createProjectionVersions(store, [balances]).verifyRows(balances);
  return ok ? [] : ['the read model is not what the log says'];
}

/** Whether the read model has caught up with the log, and is what it says. */
export async function readModelIsRight(url: string): Promise<boolean> {
  return (await readModelProblems(url)).length === 0;
}

/** Waits until something holds, and gives the time of it. */
export async function when(what: string, condition: () => boolean | Promise<boolean>): Promise<number> {
  if (!(await becomes(condition, { timeout: 60_000, interval: 10 }))) throw new Error(`waited in vain until ${what}`);
  return Date.now();
}

function startCluster({ directory, binDir, random, tell }: DrillContext, name: string): Promise<Cluster> {
  const own = { directory: join(directory, name), random: random.derive(name) };
  return Cluster.start({ ...own, binDir, sabotage: undefined, tell });
}
