import { join } from 'node:path';
import type { ProjectionSabotage } from '../cluster/sabotage.ts';
import { Child } from '../processes/child.ts';
import type { Random } from '../random.ts';
import { pause } from '../waiting.ts';
import { FIRST_VERSIONS, type TallyVersion } from './tally-projections.ts';

export interface ProjectorGroupOptions {
  /** Of each of the processes: how it reaches the database. */
  readonly urls: readonly string[];
  /** For what they print. */
  readonly directory: string;
  readonly random: Random;
  /** Milliseconds. */
  readonly lease: number;
  readonly maxParkedKeys: number;
  readonly sabotage: ProjectionSabotage | undefined;
}

interface Projector {
  readonly name: string;
  readonly url: string;
  lives: number;
  child: Child;
}

/** Processes that keep the same projections up to date, and are started anew whenever one was killed or has ended. */
export class ProjectorGroup {
  readonly #options: ProjectorGroupOptions;
  readonly #projectors: readonly Projector[];
  /** Those that have said that they broke a statement. */
  #isBroken = false;
  #cure = 0;
  /** The code that a process has which is started from now on. */
  #versions = FIRST_VERSIONS;

  constructor(options: ProjectorGroupOptions) {
    this.#options = options;
    this.#projectors = options.urls.map((url, index) => {
      const name = `p${index + 1}`;
      return { name, url, lives: 1, child: this.#start(name, url, 1) };
    });
  }

  /** How far the cure is. Raising it tells everybody. */
  get cure(): number {
    return this.#cure;
  }

  set cure(level: number) {
    this.#cure = level;
    this.tell(`cure ${level}`);
  }

  tell(line: string): void {
    for (const { child } of this.#projectors) child.tell(line);
  }

  async kill(): Promise<void> {
    const projector = this.#any();
    await projector.child.kill();
    await this.#again(projector);
  }

  /** In order, and anew. */
  async close(): Promise<void> {
    const projector = this.#any();
    await projector.child.stop();
    await this.#again(projector);
  }

  /** Gives one of them the code of one more version; the others get it when they are started anew. */
  async deploy(version: TallyVersion): Promise<void> {
    this.#versions = [...this.#versions, version];
    await this.close();
  }

  /** Killed in the middle of applying again what is parked. */
  async killWhileRetrying(): Promise<void> {
    const projector = this.#any();
    projector.child.tell('retry');
    await pause(this.#options.random.int(0, 60));
    await projector.child.kill();
    await this.#again(projector);
  }

  /** Stopped for longer than its lease; goes on as if nothing had been. */
  async freeze(): Promise<void> {
    const { child } = this.#any();
    child.freeze();
    await pause(this.#options.lease * this.#options.random.int(2, 4));
    child.thaw();
  }

  /** Those that ended, though nobody has ended them, and how. */
  endedByThemselves(): readonly string[] {
    return this.#projectors.filter(({ child }) => !child.isRunning).map(({ name, child }) => `${name}: ${child.end}`);
  }

  /** Whether a statement was broken, as the sabotage wants it. */
  async hasBroken(): Promise<boolean> {
    for (const { child } of this.#projectors) this.#isBroken ||= await child.hasSaid('broken', 0);
    return this.#isBroken;
  }

  /** Nobody retries any more; false when somebody has not come to an end after so many milliseconds. */
  async becomeQuiet(timeout: number): Promise<boolean> {
    this.tell('quiet');
    const all = await Promise.all(this.#projectors.map(({ child }) => child.hasSaid('quiet', timeout)));
    return all.every(Boolean);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#projectors.map(({ child }) => child.stop()));
  }

  async killAll(): Promise<void> {
    await Promise.all(this.#projectors.map(({ child }) => child.kill()));
  }

  #any(): Projector {
    const chosen = this.#projectors[this.#options.random.int(0, this.#projectors.length - 1)];
    if (chosen === undefined) throw new Error('there are no processes');
    return chosen;
  }

  async #again(projector: Projector): Promise<void> {
    this.#isBroken ||= await projector.child.hasSaid('broken', 0);
    projector.lives += 1;
    projector.child = this.#start(projector.name, projector.url, projector.lives);
  }

  #start(name: string, url: string, life: number): Child {
    const { directory, random, lease, maxParkedKeys, sabotage } = this.#options;
    const batchSize = random.pick([5, 30, 100]);
    const wakeUp = random.pick(['notify', 'poll']);
    const config = {
      name: `${name}.${life}`,
      url,
      lease,
      maxParkedKeys,
      sabotage,
      batchSize,
      wakeUp,
      cure: this.#cure,
      versions: this.#versions,
    };
    return new Child('projector', config, join(directory, `${name}.${life}.errors`));
  }
}
