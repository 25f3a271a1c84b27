import type { AnyFold } from '../deciders/decider.ts';
import { InvalidArgumentError } from '../errors.ts';
import type { DeleteSnapshotsQuery, SnapshotInfo } from '../storage/event-storage.ts';
import { EventSequence } from '../store/event-sequence.ts';
import type { LoadContext } from '../store/load.ts';
import { checkWhole } from '../store/read-options.ts';
import { createSnapshots, type CreatedSnapshots, type CreateSnapshotsOptions } from './create-snapshots.ts';
import { recreateSnapshots, type RecreatedSnapshots, type RecreateSnapshotsOptions } from './recreate-snapshots.ts';
import { verifySnapshots, type VerifiedSnapshots, type VerifySnapshotsOptions } from './verify-snapshots.ts';

/** The snapshots of a store. They are made and used by themselves; this is for jobs, checks and cleaning up. */
export interface StoreSnapshots<Target> {
  /**
   * Makes snapshots of all streams of a decider or aggregate that have come far enough since their last one, stream after
   * stream: after a change of `snapshots.schemaVersion`, or regularly. It can be stopped and run again at any time, and in
   * several processes at once, which only costs time.
   *
   * @example
   * await store.snapshots.create(order, { minEvents: 500, onProgress: ({ streams }) => bar.update(streams) });
   */
  create(target: Target, options?: CreateSnapshotsOptions): Promise<CreatedSnapshots>;
  /**
   * Compares the last snapshot of every stream with the state that its events give. A snapshot that a load would use, and
   * that is wrong, shows that `evolve` has changed without its `schemaVersion`.
   */
  verify(target: Target, options?: VerifySnapshotsOptions): Promise<VerifiedSnapshots>;
  /**
   * Makes the snapshots anew that are wrong, or of an older version or shape of the state; with `all`, every one. A stream's
   * snapshot takes the place of all that it has. Streams without one, and snapshots of a newer version, stay as they are. It
   * can be stopped and run again at any time: what is right is not made twice.
   *
   * @example
   * const { recreated, failed } = await store.snapshots.recreate(order);
   */
  recreate(target: Target, options?: RecreateSnapshotsOptions): Promise<RecreatedSnapshots>;
  /** Snapshots, by stream name, name and version, without their states. */
  list(options?: {
    readonly category?: string | undefined;
    readonly streamName?: string | undefined;
  }): EventSequence<SnapshotInfo>;
  /**
   * Deletes snapshots that meet all conditions; at least one has to be given. Nothing is lost: the next loads replay. Gives
   * back how many were deleted.
   */
  delete(query: DeleteSnapshotsQuery): Promise<number>;
  /** Resolves when every snapshot that loads and appends have called for so far is made. */
  flush(): Promise<void>;
}

/** The snapshots of a store; `use` gives its context while it is open, `foldOf` checks what belongs to it. */
export function storeSnapshots<Target>(
  use: () => LoadContext,
  foldOf: (target: Target) => AnyFold<unknown>,
): StoreSnapshots<Target> {
  return {
    create: async (target, options = {}) => (await createSnapshots(use(), foldOf(target), options)).progress,
    verify: async (target, options = {}) => verifySnapshots(use(), foldOf(target), options),
    recreate: async (target, options = {}) => recreateSnapshots(use(), foldOf(target), options),
    list: ({ category, streamName } = {}) => {
      const { storage, pageSize: limit } = use();
      return new EventSequence(async function* () {
        let after: SnapshotInfo | undefined;
        for (;;) {
          const page = await storage.listSnapshots({ category, streamName, after, limit });
          yield page;
          if (page.length < limit) return;
          after = page.at(-1);
        }
      });
    },
    delete: async (query) => {
      const { storage } = use();
      if (Object.values(query).every((condition) => condition === undefined)) {
        throw new InvalidArgumentError('query', 'has no condition. Give a category, streamName, name, keep or before.');
      }
      if (query.keep !== undefined) checkWhole('keep', query.keep, 0);
      return storage.deleteSnapshots(query);
    },
    flush: () => use().snapshotWriter.flush(),
  };
}
