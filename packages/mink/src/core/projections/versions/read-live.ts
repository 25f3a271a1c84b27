import { LiveVersionError, ProjectionRetiredError } from '../../projection-version-errors.ts';
import type { ProjectionId, ProjectionStorage } from '../projection-storage.ts';
import { liveOf } from './live-of.ts';

/** Reads the version that is live. One that is retired while a read waits for it leaves that to its successor. */
export async function readLive<P extends ProjectionId, T>(
  readModels: ProjectionStorage,
  versions: readonly P[],
  read: (projection: P) => Promise<T>,
): Promise<T> {
  const version = await versionToRead(readModels, versions);
  try {
    return await read(version);
  } catch (error) {
    const successor = error instanceof ProjectionRetiredError ? await versionToRead(readModels, versions) : version;
    if (successor === version) throw error;
    return read(successor);
  }
}

/**
 * The live one. Where another one is live by now, whose code came after this process was started: the newest that there is code for,
 * which is kept up to date until it is retired.
 */
async function versionToRead<P extends ProjectionId>(
  readModels: ProjectionStorage,
  versions: readonly P[],
): Promise<P> {
  try {
    return await liveOf(readModels, versions);
  } catch (error) {
    const [newest] = versions.toSorted((left, right) => right.version - left.version);
    if (error instanceof LiveVersionError && newest !== undefined) return newest;
    throw error;
  }
}
