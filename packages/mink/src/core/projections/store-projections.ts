import { InvalidArgumentError } from '../errors.ts';
import type { AppendContext } from '../store/append.ts';
import { checkBelongs } from '../store/load.ts';
import type { Categories } from '../store/categories.ts';
import { checkMoment } from '../store/read-options.ts';
import { checkPartitions } from './arrange-partitions.ts';
import { activateInline, deactivateInline, type ActivateInlineOptions } from './activate-inline.ts';
import { checkInline } from './check-projections.ts';
import type { Projection } from './define-projection.ts';
import type { AnyProjection } from './define-sql-projection.ts';
import {
  readModelReader,
  readModelsOf,
  waitContext,
  type ReadModelReader,
  type ReadContext,
} from './read-model-reader.ts';
import { projectUntil, type ProjectedUntil, type ProjectUntilOptions } from './project-until.ts';
import type {
  CheckpointSample,
  Partitioning,
  ProjectionId,
  ProjectionKind,
  ProjectionStorage,
  StoredProjection,
} from './projection-storage.ts';
import { waitForWrite, type WaitOptions, type WriteToSee } from './wait-for.ts';
import { noteVerification } from './note-verification.ts';
import { verifyApplied, type Verification, type VerifyOptions } from './verify-applied.ts';
import type { SubscriptionStart } from '../subscriptions/define-subscription.ts';
import { startPosition } from '../subscriptions/subscription-start.ts';
import { isShadow } from './versions/shadow.ts';
import { liveOf } from './versions/live-of.ts';
import { readLive } from './versions/read-live.ts';

/** The projections of a store, and its durable subscriptions, whoever works on them. */
export interface StoreProjections {
  /**
   * Reads the read model of a projection, as far as it has come.
   *
   * @example
   * await store.projections.readModel(cartSummary).get('Cart-1');
   */
  readModel<Model>(projection: Projection<string, Categories, Model>): ReadModelReader<Model>;
  /**
   * Resolves when projections have applied a write, whoever works on them: give what an append returned, its token, or a position.
   * Also for processes without an engine. Throws what `waitFor` of an engine does.
   *
   * @example
   * await store.projections.waitFor(appended.token, { projections: [cartSummary] });
   */
  waitFor(write: WriteToSee, options: WaitOptions & { readonly projections: readonly AnyProjection[] }): Promise<void>;
  /**
   * The read model as it was at a position or a time: made in memory from the log, whatever the database keeps of it. Reads every
   * event of the projection up to then, or with `key`, where keys are stream names, that stream alone.
   *
   * @example
   * const { models } = await store.projections.projectUntil(cartSummary, { time: yesterday, key: 'Cart-1' });
   */
  projectUntil<Model>(
    projection: Projection<string, Categories, Model>,
    options: ProjectUntilOptions,
  ): Promise<ProjectedUntil<Model>>;
  /** All that were ever started and are not retired, by name and version. */
  list(): Promise<readonly StoredProjection[]>;
  /**
   * Where a projection was, in the order of time: a sample a minute while it moved, of the last seven days. Between two samples it has
   * stood still, or moved evenly.
   *
   * @example
   * const lastDay = await store.projections.checkpointHistory(cartSummary, { since: new Date(Date.now() - 86_400_000) });
   */
  checkpointHistory(
    projection: ProjectionId,
    options?: { readonly since?: Date | undefined },
  ): Promise<readonly CheckpointSample[]>;
  /** The version that a name stands for; undefined where nothing of that name was ever started. */
  liveVersion(name: string): Promise<number | undefined>;
  /**
   * Which of these versions of one projection is live, for code that reads what it understands while versions are switched.
   * Throws `LiveVersionError` where none of them is.
   *
   * @example
   * const live = await store.projections.live([cartSummaryV1, cartSummaryV2]);
   * const cart = await store.projections.readModel(live).get('Cart-1'); // of either type
   */
  live<const P extends ProjectionId>(versions: readonly P[]): Promise<P>;
  /**
   * Reads the version that is live, of those that this process has code for, whatever is switched, rolled back and retired meanwhile.
   * Where a newer release has made another one live, it is the newest of these, which is kept up to date until it is retired.
   *
   * @example
   * await store.projections.readLive([cartSummaryV1, cartSummaryV2], (live) => {
   *   return store.projections.readModel(live).get('Cart-1', { afterWrite: token });
   * });
   */
  readLive<const P extends ProjectionId, T>(versions: readonly P[], read: (live: P) => Promise<T>): Promise<T>;
  /** Stops a projection, in whatever process it runs, until it is resumed; restarts change nothing about that. */
  pause(projection: ProjectionId): Promise<void>;
  /** Lets a paused projection go on: some process takes it within a third of its lease. */
  resume(projection: ProjectionId): Promise<void>;
  /**
   * Empties the read model, so that the log is applied to it from the beginning; dead letters are forgotten, and what was
   * discarded is applied again. Safe while it runs: what a worker has under way is refused.
   */
  reset(projection: ProjectionId): Promise<void>;
  /**
   * Changes in how many partitions, from 1 to 64, a projection runs, while it runs: nothing is lost, and nothing applied twice. A
   * split is done when this resolves. Partitions that are merged wait until they are equally far: the first of them stands still,
   * and whoever works on the others takes them there. Gives back how many there are now; once more are not `wanted`, it is done.
   *
   * @example
   * await store.projections.partition(cartSummary, 4);
   */
  partition(projection: ProjectionId, count: number): Promise<Partitioning>;
  /**
   * Proves that every event has been applied once to each of its keys, up to where the projection is, or waits, or was given up: by
   * sums over what the engine has applied, compared with the log and the code of the projection. Says nothing about rows that
   * somebody has changed by hand, nor about what appends apply inline: `verifyRows` of `createProjectionVersions` does. Reads all events of the projection; it may run meanwhile.
   *
   * @example
   * const { ok, first } = await store.projections.verify(cartSummary);
   */
  verify(projection: AnyProjection, options?: VerifyOptions): Promise<Verification>;
  /**
   * Makes projections inline, for every process: from now on each append applies them in its own transaction. Catches up with the
   * log first, and keeps appends waiting for the short rest only; where they are inline already, nothing happens. Another version
   * of the same name goes back to the background. A process without their code refuses to append from then on.
   *
   * Throws `ProjectionFailedError` for an event that a handler fails on, `InvalidArgumentError` where keys are parked,
   * `ProjectionBehindError` where a worker elsewhere does not come on; nothing has changed then.
   *
   * @defaultValue `projections`: those that the store was made with
   */
  activateInline(projections?: readonly Projection[], options?: ActivateInlineOptions): Promise<void>;
  /** Takes projections out of the appends, for every process. From there an engine goes on with them in the background. */
  deactivateInline(projections: readonly ProjectionId[]): Promise<void>;
  /**
   * Delivers the events behind a position again, or, with a later one, leaves some out. Dead letters behind it are forgotten:
   * they come again. Safe while it runs: what is acknowledged late is refused.
   */
  replay(subscription: ProjectionId, options: { readonly from: SubscriptionStart }): Promise<void>;
}

/** The projections of a store; `use` gives its context while it is open. */
export function storeProjections(use: () => ReadContext & Pick<AppendContext, 'inline'>): StoreProjections {
  const change = async (
    { name, version }: ProjectionId,
    work: (readModels: ProjectionStorage, projection: ProjectionId) => Promise<boolean>,
  ): Promise<void> => {
    const readModels = readModelsOf(use());
    if (await work(readModels, { name, version })) return;
    const known = (await readModels.listProjections()).find((it) => it.name === name && it.version === version);
    // It may have been made since: then there was none.
    if (known?.state !== 'inline') throw unknownProjection({ name, version });
    throw new InvalidArgumentError('projection', `every append applies "${name}" version ${version}`);
  };
  const checkKind = async ({ name, version }: ProjectionId, wanted: ProjectionKind): Promise<void> => {
    const all = await readModelsOf(use()).listProjections();
    const kind = all.find((it) => it.name === name && it.version === version)?.kind ?? wanted;
    if (kind === wanted) return;
    const verb = kind === 'subscription' ? 'is a subscription: replay it' : 'is a projection: reset it';
    throw new InvalidArgumentError('projection', `"${name}" ${verb}`);
  };
  return {
    readModel: (projection) => readModelReader(use, projection),
    waitFor: async (write, options) => waitForWrite(waitContext(use()), write, options),
    projectUntil: async (projection, options) => projectUntil(use(), projection, options),
    list: async () => {
      const all = await readModelsOf(use()).listProjections();
      return all.filter(({ version, state }) => !isShadow(version) && state !== 'retired');
    },
    checkpointHistory: async ({ name, version }, { since } = {}) => {
      const time = since === undefined ? 0 : checkMoment('since', since).getTime();
      return readModelsOf(use()).readCheckpointHistory({ name, version }, time);
    },
    liveVersion: async (name) => (await readModelsOf(use()).readLiveVersion(name))?.version,
    live: async (versions) => liveOf(readModelsOf(use()), versions),
    readLive: async (versions, read) => readLive(readModelsOf(use()), versions, read),
    pause: (projection) => change(projection, (readModels, id) => readModels.pauseProjection(id, true)),
    resume: (projection) => change(projection, (readModels, id) => readModels.pauseProjection(id, false)),
    reset: async (projection) => {
      await checkKind(projection, 'projection');
      await change(projection, (readModels, id) => readModels.resetProjection(id));
    },
    replay: async (subscription, { from }) => {
      const position = await startPosition(use().storage, from);
      await checkKind(subscription, 'subscription');
      await change(subscription, (readModels, id) => readModels.replaySubscription(id, position));
    },
    activateInline: async (projections, options) => {
      const context = use();
      const wanted = projections ?? context.inline.projections;
      checkInline(context, wanted);
      await activateInline(context, wanted, options);
    },
    deactivateInline: async (projections) => deactivateInline(use(), projections),
    partition: async ({ name, version }, count) => {
      const id = { name, version };
      const partitioning = await readModelsOf(use()).partitionProjection(id, checkPartitions(count));
      if (partitioning === undefined) throw unknownProjection(id);
      return partitioning;
    },
    verify: async (projection, options = {}) => {
      const context = use();
      if (projection.kind === 'subscription') {
        throw new InvalidArgumentError(
          'projection',
          `"${projection.name}" is a subscription: what comes again counts once`,
        );
      }
      for (const [category, events] of Object.entries(projection.events)) checkBelongs(context, { category, events });
      const applied = await readModelsOf(context).readApplied(projection);
      if (applied === undefined) throw unknownProjection(projection);
      const verification = await verifyApplied(context, projection, { ...options, applied });
      await noteVerification(readModelsOf(context), projection, verification);
      return verification;
    },
  };
}

function unknownProjection({ name, version }: ProjectionId): InvalidArgumentError {
  return new InvalidArgumentError('projection', `there is none of name "${name}" and version ${version}`);
}
