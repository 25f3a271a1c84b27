import { join } from 'node:path';
import type { Finding } from '../check/finding.ts';
import type { ProjectionSabotage } from '../cluster/sabotage.ts';
import { Child } from '../processes/child.ts';
import { LARGEST_BATCH, Resumptions, type Begun } from './resumptions.ts';
import type { TallyVersion } from './tally-projections.ts';
import { toBuilderLine, type BuilderLine, type VersionJob } from './version-job.ts';

export interface BuildersOptions {
  readonly url: string;
  /** For what they print. */
  readonly directory: string;
  /** Milliseconds. */
  readonly lease: number;
  readonly maxParkedKeys: number;
  readonly sabotage: ProjectionSabotage | undefined;
}

/** How a process ended that was let come to its end. */
export type BuilderEnd = Extract<BuilderLine, { readonly line: 'done' | 'failed' }>;

/** A process that does something about a version. */
export interface Builder {
  readonly job: VersionJob;
  readonly begunAt: Date;
  readonly child: Child;
  readonly begun: Begun;
}

/** Starts processes that build and change versions, and holds what they say against what earlier ones have said. */
export class Builders {
  readonly #options: BuildersOptions;
  readonly #all: Builder[] = [];
  readonly #resumptions = new Resumptions();
  /** How far the cure is. */
  cure = 0;

  constructor(options: BuildersOptions) {
    this.#options = options;
  }

  /** Of what they work on, in milliseconds. */
  get lease(): number {
    return this.#options.lease;
  }

  /** How whoever is not interrupted works: it has to come as far as writers who go on. In small steps where some are left out. */
  get fast(): Pick<VersionJob, 'rate' | 'batchSize'> {
    const { sabotage } = this.#options;
    return { rate: 1_000_000, batchSize: sabotage === undefined ? 500 : LARGEST_BATCH };
  }

  /** How often one has gone on where another was interrupted. */
  get resumed(): number {
    return this.#resumptions.resumed;
  }

  /** Resolves when it has begun. Give the code of all versions of the name. */
  async start(job: VersionJob, versions: readonly TallyVersion[]): Promise<Builder> {
    const { directory, ...options } = this.#options;
    const config = { ...options, job, versions, cure: this.cure };
    const child = new Child('builder', config, join(directory, `b${this.#all.length + 1}.errors`));
    const builder = { job, begunAt: new Date(), child, begun: this.#resumptions.begin(job) };
    this.#all.push(builder);
    await child.hasSaid(JSON.stringify({ line: 'begun' }), STARTING);
    return builder;
  }

  /** Takes what it has said; to be called before another one goes on with its work, and when it has ended. */
  note({ job, child, begun }: Builder): readonly Finding[] {
    return this.#resumptions.note(job, begun, linesOf(child));
  }

  /** Whether it has told how far it is. */
  hasMoved({ child }: Builder): boolean {
    return linesOf(child).some(({ line }) => line === 'progress');
  }

  /** How it ended; undefined where it has not, or was killed. */
  endOf({ child }: Builder): BuilderEnd | undefined {
    const last = linesOf(child).at(-1);
    return last?.line === 'done' || last?.line === 'failed' ? last : undefined;
  }

  /** What each was to do, and has said. */
  get evidence(): readonly object[] {
    return this.#all.map(({ job, begunAt, child, begun }) => ({
      job,
      begunAt,
      ...begun,
      said: child.lines,
      end: child.end,
    }));
  }

  /** A version begins anew. */
  forget(version: Pick<VersionJob, 'name' | 'version'>): void {
    this.#resumptions.forget(version);
  }

  forgetShadows(): void {
    this.#resumptions.forgetShadows();
  }

  /** Whether a statement was broken, as the sabotage wants it. */
  async hasBroken(): Promise<boolean> {
    const said = await Promise.all(this.#all.map(({ child }) => child.hasSaid('broken', 0)));
    return said.some(Boolean);
  }

  async killAll(): Promise<void> {
    await Promise.all(this.#all.filter(({ child }) => child.isRunning).map(({ child }) => child.kill()));
  }
}

/** Of a busy machine, in milliseconds. */
const STARTING = 30_000;

function linesOf(child: Child): readonly BuilderLine[] {
  return child.lines.flatMap((text) => toBuilderLine(text) ?? []);
}
