import { InvalidArgumentError } from '../../errors.ts';
import { LiveVersionError } from '../../projection-version-errors.ts';
import type { ProjectionId, ProjectionStorage } from '../projection-storage.ts';

/** The one that is live. Throws `LiveVersionError` where none of them is. */
export async function liveOf<P extends ProjectionId>(
  readModels: ProjectionStorage,
  versions: readonly P[],
): Promise<P> {
  const [first] = versions;
  if (first === undefined) throw new InvalidArgumentError('versions', 'is empty');
  const { name } = first;
  const other = versions.find((it) => it.name !== name);
  if (other !== undefined) throw new InvalidArgumentError('versions', `are of "${name}" and of "${other.name}"`);
  const live = await readModels.readLiveVersion(name);
  const found = versions.find(({ version }) => version === live?.version);
  if (found !== undefined) return found;
  const wanted = versions.map(({ version }) => version).join(' or ');
  throw new LiveVersionError(name, live?.version, `, and not ${wanted}.`);
}
