import { InvalidArgumentError } from '../errors.ts';
import { checkBelongs, type LoadContext } from '../store/load.ts';
import type { AnyProjection } from './define-sql-projection.ts';

/** Refuses no projections, one that lacks its handlers, one that comes twice, and one over other events than the store has. */
export function checkProjections(
  context: Pick<LoadContext, 'categories'>,
  argument: string,
  projections: readonly AnyProjection[],
): void {
  if (projections.length === 0) throw new InvalidArgumentError(argument, 'is empty');
  // Where the compiler was not asked, the second step of a definition is easily forgotten.
  if (!projections.every((it) => 'kind' in it)) {
    throw new InvalidArgumentError(argument, 'has a projection without handlers: write defineProjection(…).on(…)');
  }
  const names = new Set<string>();
  for (const { name, version, events } of projections) {
    if (names.has(`${name} ${version}`)) {
      throw new InvalidArgumentError(argument, `has "${name}" version ${version} twice`);
    }
    names.add(`${name} ${version}`);
    for (const [category, own] of Object.entries(events)) checkBelongs(context, { category, events: own });
  }
}

/** Refuses what cannot be inline, also where the compiler was not asked: only pure handlers can be applied one append at a time. */
export function checkInline(context: Pick<LoadContext, 'categories'>, projections: readonly AnyProjection[]): void {
  checkProjections(context, 'inline', projections);
  const other = projections.find(({ kind }) => kind !== 'rows');
  if (other === undefined) return;
  throw new InvalidArgumentError('inline', `has "${other.name}", which writes SQL. Run it with an engine.`);
}
