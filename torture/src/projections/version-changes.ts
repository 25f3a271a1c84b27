import type { Finding } from '../check/finding.ts';
import { runSql } from '../cluster/sql.ts';
import { becomes, pause } from '../waiting.ts';
import type { Builder, BuilderEnd, Builders } from './builders.ts';
import { interruptions, type Interruption } from './interruptions.ts';
import type { NameReaders } from './name-readers.ts';
import type { KnownVersion } from './operator.ts';
import type { Scene } from './projection-round.ts';
import { LARGEST_BATCH } from './resumptions.ts';
import { TALLY_NAMES, type TallyName, type TallyVersion } from './tally-projections.ts';
import type { Verb, VersionJob } from './version-job.ts';

/** What may be said no to, by what was to be done. */
const REFUSALS: Readonly<Record<Verb, readonly string[]>> = {
  build: ['PROJECTION_BUILD'],
  rebuild: ['PROJECTION_BUILD', 'PROJECTION_PARKED'],
  switch: ['PROJECTION_BUILD', 'PROJECTION_PARKED'],
  'roll back': ['PROJECTION_BUILD', 'PROJECTION_PARKED', 'PROJECTION_VERSION_UNKNOWN'],
  retire: ['PROJECTION_IN_USE', 'PROJECTION_RETIRED'],
  plan: ['PROJECTION_BUILD'],
  compare: ['COMPARE_TIMEOUT'],
  'what if': ['PROJECTION_BUILD', 'COMPARE_TIMEOUT'],
};
/** The same to one of two who do the same. */
const REFUSALS_OF_TWO = [
  'LIVE_VERSION',
  'PROJECTION_IN_USE',
  'PROJECTION_RETIRED',
  'PROJECTION_VERSION_BEHIND',
  'PROJECTION_VERSION_UNKNOWN',
];
/** Events of a second: whoever is to be killed in the middle is not to be done before. */
const SLOW = 100;

/**
 * Somebody who builds versions of projections and changes which of them is live, in processes that are interrupted anywhere; others
 * do again what those had begun.
 */
export class VersionChanges {
  readonly #builders: Builders;
  readonly #readers: NameReaders;
  readonly findings: Finding[] = [];
  readonly #counts = new Map<string, number>();
  /** The last version of each name. */
  readonly #last = new Map<TallyName, number>(TALLY_NAMES.map((name) => [name, 1]));

  constructor(builders: Builders, readers: NameReaders) {
    this.#builders = builders;
    this.#readers = readers;
  }

  /** How often each thing was done. */
  get counts(): Readonly<Record<string, number>> {
    return { ...Object.fromEntries(this.#counts), resumed: this.#builders.resumed };
  }

  /** A further version of one of the names, which workers have from then on. */
  async build(scene: Scene, name: TallyName = scene.random.pick(TALLY_NAMES)): Promise<void> {
    const version = { name, version: this.#next(name) };
    await this.#perform(scene, { verb: 'build', ...version });
    await scene.group.deploy(version);
  }

  /** Another version becomes the live one; where there is none, it is built, and only later given to workers. */
  async switch(scene: Scene, name: TallyName = scene.random.pick(TALLY_NAMES)): Promise<void> {
    const [other] = scene.random.shuffle((await this.#known(scene, name)).filter(({ isLive }) => !isLive));
    if (other !== undefined) {
      await this.#perform(scene, { verb: 'switch', name, version: other.version });
      return;
    }
    const version = { name, version: this.#next(name) };
    await this.#perform(scene, { verb: 'build', ...version });
    await this.#perform(scene, { verb: 'switch', ...version });
    await scene.group.deploy(version);
  }

  /** There and back again. */
  async rollBack(scene: Scene): Promise<void> {
    const name = scene.random.pick(TALLY_NAMES);
    await this.switch(scene, name);
    await this.#perform(scene, { verb: 'roll back', name, version: 1 });
  }

  /** A version that is not live. */
  async retire(scene: Scene): Promise<void> {
    const name = scene.random.pick(TALLY_NAMES);
    if ((await this.#known(scene, name)).every(({ isLive }) => isLive)) await this.build(scene, name);
    const [other] = scene.random.shuffle((await this.#known(scene, name)).filter(({ isLive }) => !isLive));
    if (other !== undefined) await this.#perform(scene, { verb: 'retire', name, version: other.version });
  }

  /** A version that there is, most often the live one. Whoever begins is killed in the middle of it. */
  async rebuild(scene: Scene): Promise<void> {
    const what = { verb: 'rebuild', ...(await this.#any(scene)) } as const;
    await this.#killInTheMiddle(scene, what);
    await this.#perform(scene, what);
  }

  /** What changes nothing; compared is a version that is not live, if there is one. */
  async inspect(scene: Scene): Promise<void> {
    const { random, operator } = scene;
    const other = random.shuffle((await operator.versions()) ?? []).find(({ isLive }) => !isLive);
    const verb = random.pick<Verb>(['plan', 'compare', 'what if']);
    const { name, version } = other ?? (await this.#any(scene));
    await this.#perform(scene, { verb, name, version });
  }

  /** A rebuild is killed, and given up: what it has left is dropped. */
  async abandon(scene: Scene): Promise<void> {
    await this.#killInTheMiddle(scene, { verb: 'rebuild', ...(await this.#any(scene)) });
    await this.dropShadows(scene);
  }

  /** Nothing is left of shadows, when those are dropped that nobody works on. */
  async dropShadows(scene: Scene): Promise<void> {
    const { url, operator, run } = scene;
    const areGone = async (): Promise<boolean> => {
      // They are said to be left when they are older than a minute.
      await runSql(url, MAKE_OLD).catch(() => undefined);
      this.#count('shadows dropped', (await operator.dropShadows()) ?? 0);
      const [row] = await runSql(url, COUNT_SHADOWS).catch(() => []);
      return row?.[0] === '0';
    };
    this.#builders.forgetShadows();
    if (await becomes(areGone, { timeout: run.patience, interval: 50, signal: run.signal })) return;
    this.#tell([{ kind: 'stuck', message: 'shadows cannot be dropped' }]);
  }

  /** Reads what is read under the names. */
  look(): Promise<readonly Finding[]> {
    return this.#readers.lookAtAll();
  }

  /** A version was emptied from outside. */
  forget(version: { readonly name: string; readonly version: number }): void {
    this.#readers.forget(version.name);
    for (const name of TALLY_NAMES)
      if (name === version.name) this.#builders.forget({ name, version: version.version });
  }

  /** As soon as it has told how far it is, or a little later. */
  async #killInTheMiddle(scene: Scene, what: TallyVersion & { readonly verb: Verb }): Promise<void> {
    const builder = await this.#start({ ...this.#jobOf(scene, what), rate: SLOW });
    const { child } = builder;
    await becomes(() => !child.isRunning || this.#builders.hasMoved(builder), { timeout: scene.run.patience });
    await pause(scene.random.int(0, LONGEST_WORK / 4));
    if (child.isRunning) this.#count('interrupted');
    await child.kill();
    await this.#ended(scene, builder, []);
  }

  /** Does something, and is interrupted a few times; then somebody does it to the end. */
  async #perform(scene: Scene, what: TallyVersion & { readonly verb: Verb }): Promise<void> {
    const { random, run } = scene;
    const job = this.#jobOf(scene, what);
    this.#tell(await this.#readers.look(job.name));
    let end: BuilderEnd | undefined;
    for (let left = random.pick([0, 1, 1, 2]); left > 0 && end?.line !== 'done' && !run.signal.aborted; left -= 1) {
      const liveBefore = await this.#live(scene, job.name);
      end = await this.#interrupt(scene, job);
      if (this.findings.length > 0) return;
      await this.#checkUntouched(scene, job, liveBefore);
    }
    if (end?.line !== 'done') end = await this.#finish(scene, { ...job, ...this.#builders.fast });
    if (end?.line === 'done') this.#count(job.verb);
    if (end?.line === 'failed') this.#count(`refused: ${end.code}`);
    this.#tell(await this.#readers.lookAtAll());
    this.#tell(await scene.operator.verify());
  }

  /** Gives back how it ended, if it did. */
  async #interrupt(scene: Scene, job: VersionJob): Promise<BuilderEnd | undefined> {
    const names = Object.keys(interruptions).filter((name): name is Interruption => Object.hasOwn(interruptions, name));
    const what = scene.random.shuffle(names)[0] ?? 'kill';
    const builder = await this.#start(job);
    await pause(scene.random.int(0, LONGEST_WORK), scene.run.signal);
    if (builder.child.isRunning) this.#count('interrupted');
    this.#tell(this.#builders.note(builder));
    const another = async (): Promise<void> => {
      await this.#finish(scene, { ...job, ...this.#builders.fast }, REFUSALS_OF_TWO);
    };
    const { lease } = this.#builders;
    const forget = (): void => this.forget(job);
    await interruptions[what]({ scene, builder, another, lease, forget });
    const end = await this.#ended(scene, builder, REFUSALS_OF_TWO);
    // What it has said before says nothing any more.
    if (what === 'reset') forget();
    return end;
  }

  /** Again while the server is away, until it is done or refused. */
  async #finish(scene: Scene, job: VersionJob, refusals: readonly string[] = []): Promise<BuilderEnd | undefined> {
    const deadline = performance.now() + scene.run.patience;
    for (;;) {
      const end = await this.#ended(scene, await this.#start(job), refusals);
      if (end?.line !== 'failed' || !end.isAway) return end;
      if (performance.now() > deadline) {
        this.#tell([{ kind: 'stuck', message: `cannot ${job.verb} ${job.name} v${job.version}: ${end.message}` }]);
        return end;
      }
    }
  }

  /** Waits until it has ended. What it says then is a finding, unless it may say so. */
  async #ended(scene: Scene, builder: Builder, refusals: readonly string[]): Promise<BuilderEnd | undefined> {
    const { child, job } = builder;
    const { patience } = scene.run;
    const what = `${job.verb} ${job.name} v${job.version}`;
    const hasEnded = await becomes(() => !child.isRunning, { timeout: patience, signal: scene.run.signal });
    if (!hasEnded) {
      await child.kill();
      this.#tell([{ kind: 'stuck', message: `${what} has not ended after ${patience} ms` }]);
    }
    this.#tell(this.#builders.note(builder));
    const end = this.#builders.endOf(builder);
    const mayFail = end?.line !== 'failed' || end.isAway || [...REFUSALS[job.verb], ...refusals].includes(end.code);
    if (!mayFail) this.#tell([{ kind: 'unexpected', message: `${what}: ${end.message}` }]);
    return end;
  }

  /** Whatever was interrupted: the same version is live, and says what the log says. */
  async #checkUntouched(scene: Scene, { name, verb }: VersionJob, liveBefore: number | undefined): Promise<void> {
    this.#tell(await this.#readers.look(name));
    const live = await this.#live(scene, name);
    const maySwitch = verb === 'switch' || verb === 'roll back';
    if (maySwitch || live === undefined || liveBefore === undefined || live === liveBefore) return;
    const message = `version ${live} is live after a ${verb}, and not ${liveBefore}`;
    this.#tell([{ kind: 'answer', reader: name, message }]);
  }

  #start(job: VersionJob): Promise<Builder> {
    const { name } = job;
    const versions = Array.from({ length: this.#last.get(name) ?? 1 }, (_, index) => ({ name, version: index + 1 }));
    return this.#builders.start(job, versions);
  }

  #jobOf({ random }: Scene, what: TallyVersion & { readonly verb: Verb }): VersionJob {
    const { name, version, verb } = what;
    // Slow enough to be interrupted.
    const [rate, batchSize] = [random.int(200, 2_000), random.pick([5, LARGEST_BATCH])];
    return { name, version, verb, rate, batchSize, isForced: random.chance(0.9) };
  }

  async #any(scene: Scene): Promise<TallyVersion> {
    const { random } = scene;
    const name = random.pick(TALLY_NAMES);
    const known = random.shuffle(await this.#known(scene, name));
    const { version } = (random.chance(0.7) ? known.find(({ isLive }) => isLive) : known[0]) ?? { version: 1 };
    return { name, version };
  }

  #next(name: TallyName): number {
    const version = (this.#last.get(name) ?? 0) + 1;
    this.#last.set(name, version);
    return version;
  }

  async #known({ operator }: Scene, name: TallyName): Promise<readonly KnownVersion[]> {
    return ((await operator.versions()) ?? []).filter((it) => it.name === name);
  }

  async #live(scene: Scene, name: TallyName): Promise<number | undefined> {
    return (await this.#known(scene, name)).find(({ isLive }) => isLive)?.version;
  }

  #tell(findings: readonly Finding[]): void {
    this.findings.push(...findings);
  }

  #count(what: string, times = 1): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + times);
  }
}

/** After which a builder is interrupted, at the latest: milliseconds. */
const LONGEST_WORK = 1_200;
const MAKE_OLD = `update mink.projections set created_at = created_at - interval '1 hour' where version < 0 and retired_at is null`;
const COUNT_SHADOWS = 'select count(*)::text from mink.projections where version < 0 and retired_at is null';
