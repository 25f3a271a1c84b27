import type { AnyFold } from '../deciders/decider.ts';
import { InvalidArgumentError } from '../errors.ts';

/** Whose the snapshots without a name are, by category. */
export type SnapshotOwners = Map<string, AnyFold<unknown>>;

/**
 * Refuses a second fold of a category that keeps its states under no name, too: each would go on from the other's where the
 * shapes are the same. Code that is made anew by a function, as a fold of the same text, is the same fold.
 */
export function checkSnapshotName(
  { snapshotOwners }: { readonly snapshotOwners: SnapshotOwners },
  fold: AnyFold<unknown>,
): void {
  const { category, snapshots } = fold;
  if (snapshots === undefined || snapshots.name !== undefined) return;
  const owner = snapshotOwners.get(category);
  if (owner === fold) return;
  if (owner === undefined) snapshotOwners.set(category, fold);
  else if (textOf(owner) !== textOf(fold)) {
    throw new InvalidArgumentError(
      'snapshots.name',
      `is missing: two deciders or aggregates of "${category}" have snapshots, and would use each other's. Name one of them.`,
    );
  }
}

/** The code of a fold. */
// oxlint-disable-next-line typescript/unbound-method -- they are not called
function textOf({ evolve, initialState }: AnyFold<unknown>): string {
  return `${String(initialState)}\n${String(evolve)}`;
}
