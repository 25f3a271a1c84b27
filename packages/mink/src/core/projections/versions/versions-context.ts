import { InvalidArgumentError } from '../../errors.ts';
import { ProjectionRetiredError, ProjectionVersionUnknownError } from '../../projection-version-errors.ts';
import type { AnyProjection } from '../define-sql-projection.ts';
import {
  createProjectionEngine,
  type ProjectionEngine,
  type ProjectionEngineOptions,
  type StoreOfEngine,
} from '../projection-engine.ts';
import type { ProjectionId, StoredProjection } from '../projection-storage.ts';
import type { WorkerContext } from '../projection-worker.ts';
import { isShadow } from './shadow.ts';

/** What is worked with on versions of projections. */
export interface VersionsContext extends WorkerContext {
  readonly store: StoreOfEngine;
  /** The code that there is, of projections: to apply events to a subscription again would have effects. */
  readonly projections: readonly AnyProjection[];
  readonly options: ProjectionEngineOptions;
  /** Names this process, where it takes something for a while. */
  readonly owner: string;
}

/** The code of a version, if there is any. */
export function findCode({ projections }: VersionsContext, { name, version }: ProjectionId): AnyProjection | undefined {
  return projections.find((it) => it.name === name && it.version === version);
}

/** The code of a version. */
export function codeOf(context: VersionsContext, id: ProjectionId): AnyProjection {
  const found = findCode(context, id);
  if (found !== undefined) return found;
  const known = context.projections.map(({ name, version }) => `"${name}" version ${version}`).join(', ');
  throw new InvalidArgumentError(
    'projection',
    `there is no code for "${id.name}" version ${id.version}, only for ${known}`,
  );
}

/** An engine for one version or shadow. Close it. */
export function engineFor(
  { store, options }: VersionsContext,
  projection: AnyProjection,
  own: Pick<ProjectionEngineOptions, 'rate' | 'batchSize'> = {},
): ProjectionEngine {
  const { rate = options.rate, batchSize = options.batchSize } = own;
  return createProjectionEngine(store, [projection], { ...options, rate, batchSize, batchTimeout: 0 });
}

/** How far a version is; undefined where it was never started. */
export async function findStored(
  { readModels }: Pick<VersionsContext, 'readModels'>,
  { name, version }: ProjectionId,
): Promise<StoredProjection | undefined> {
  const all = await readModels.listProjections();
  return all.find((it) => it.name === name && it.version === version);
}

/** Its appends hold no lease: nothing could be put in its place between two of them. */
function inlineError({ name, version }: ProjectionId): InvalidArgumentError {
  const reason = `"${name}" version ${version} is inline. Let workers have it meanwhile: deactivateInline(), or "mink projections async ${name}".`;
  return new InvalidArgumentError('projection', reason);
}

/** The same of one that must be there, and has rows. */
export async function readableOf(
  context: Pick<VersionsContext, 'readModels'>,
  id: ProjectionId,
): Promise<StoredProjection> {
  const stored = await findStored(context, id);
  if (isShadow(id.version) && (stored === undefined || stored.state === 'retired')) {
    const reason = 'is gone: somebody has dropped it, or has put it in the place of its version.';
    throw new ProjectionVersionUnknownError(id.name, id.version, reason);
  }
  if (stored === undefined) throw new ProjectionVersionUnknownError(id.name, id.version);
  if (stored.state === 'retired') throw new ProjectionRetiredError(id.name, id.version);
  if (stored.kind === 'subscription') throw new InvalidArgumentError('projection', `"${id.name}" is a subscription`);
  return stored;
}

/** The same of one that workers may have. */
export async function storedOf(
  context: Pick<VersionsContext, 'readModels'>,
  id: ProjectionId,
): Promise<StoredProjection> {
  const stored = await readableOf(context, id);
  if (stored.state === 'inline') throw inlineError(id);
  return stored;
}
