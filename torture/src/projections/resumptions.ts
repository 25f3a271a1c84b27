import type { Finding } from '../check/finding.ts';
import type { BuilderLine, VersionJob } from './version-job.ts';

/** How far somebody has seen a build to be. `version` is that of the shadow where a version is rebuilt. */
interface Reached {
  readonly version: number;
  readonly position: number;
  /** Events that were left. */
  readonly left: number;
}

/** What was known when a process began. */
export interface Begun {
  readonly reached: Reached | undefined;
  /** Its first word was looked at. */
  isChecked: boolean;
}

/** Events of a batch, at most: with fewer left, a rebuild may have taken its place before it was killed. */
export const LARGEST_BATCH = 30;

/** Whether whoever goes on with a build goes on where it was: neither behind that, nor with another shadow. */
export class Resumptions {
  /** By what is built. */
  readonly #reached = new Map<string, Reached>();
  #resumed = 0;

  get resumed(): number {
    return this.#resumed;
  }

  begin(job: Pick<VersionJob, 'name' | 'version' | 'verb'>): Begun {
    return { reached: this.#reached.get(keyOf(job)), isChecked: false };
  }

  /** What a process has said since it began: all of it, each time. */
  note(job: VersionJob, begun: Begun, lines: readonly BuilderLine[]): readonly Finding[] {
    if (job.verb !== 'build' && job.verb !== 'rebuild') return [];
    const progress = lines.filter((line) => line.line === 'progress');
    const [first] = progress;
    const last = progress.at(-1);
    const findings = first === undefined || begun.isChecked ? [] : this.#check(job, begun, first);
    if (first !== undefined) begun.isChecked = true;
    const isDone = lines.some(({ line }) => line === 'done');
    // Its shadow is in the place of the version then: whatever is said of it later is of the past, and the next one is another.
    const said =
      last !== undefined && isDone && job.verb === 'rebuild' ? { ...last, position: Infinity, left: 0 } : last;
    if (said !== undefined && isFurther(said, this.#reached.get(keyOf(job)))) this.#reached.set(keyOf(job), said);
    return findings;
  }

  /** It is emptied. */
  forget({ name, version }: Pick<VersionJob, 'name' | 'version'>): void {
    this.#reached.delete(keyOf({ name, version, verb: 'build' }));
  }

  /** They are dropped. */
  forgetShadows(): void {
    for (const key of this.#reached.keys()) if (key.startsWith('rebuild')) this.#reached.delete(key);
  }

  #check({ name, verb }: VersionJob, { reached }: Begun, first: Reached): readonly Finding[] {
    if (reached === undefined) return [];
    const facts = { reader: `${name} v${first.version}`, position: first.position };
    if (first.version !== reached.version) {
      if (reached.left < LARGEST_BATCH) return [];
      const message = `a ${verb} began anew, though v${reached.version} was at ${reached.position}`;
      return [{ ...facts, kind: 'order', message }];
    }
    this.#resumed += 1;
    if (first.position >= reached.position) return [];
    return [{ ...facts, kind: 'order', message: `a ${verb} went on behind ${reached.position}, where it had been` }];
  }
}

/** Shadows are numbered downwards. What somebody says who was frozen may be behind what another one has done meanwhile. */
function isFurther(said: Reached, known: Reached | undefined): boolean {
  if (known === undefined || said.version < known.version) return true;
  return said.version === known.version && said.position > known.position;
}

function keyOf({ name, version, verb }: Pick<VersionJob, 'name' | 'version' | 'verb'>): string {
  return `${verb} ${name} v${version}`;
}
