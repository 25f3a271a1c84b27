import type { ProjectionSummary } from '../../../../src/api-types.ts';
import { count } from '../../format/numbers.ts';

/** Events are counted up to here. */
const COUNTED = 10_000;

/** How many events it is behind; where nobody can tell, how many positions. */
export function lagText({ lagEvents, positionsBehind }: ProjectionSummary): string {
  if (lagEvents === undefined) return positionsBehind === 0 ? '0' : `≤ ${count(positionsBehind)}`;
  return lagEvents >= COUNTED ? `≥ ${count(COUNTED)}` : count(lagEvents);
}
