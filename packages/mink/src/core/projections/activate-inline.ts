import { setTimeout as sleep } from 'node:timers/promises';
import { randomUUID } from 'node:crypto';
import { InvalidArgumentError } from '../errors.ts';
import { applyRest, LeaseLost, REST_LEASE } from './apply-rest.ts';
import type { Projection } from './define-projection.ts';
import { readModelsOf } from './read-model-reader.ts';
import { inlineStorageOf, without, type InlineContext } from './inline-context.ts';
import type { Lease, ProjectionId } from './projection-storage.ts';
import { filterOf, WHOLE } from './projection-worker.ts';
import { behindError } from './wait-for.ts';

/** What activating needs of a store. */
export type ActivateContext = Pick<InlineContext, 'storage' | 'registry' | 'readModels'>;

/** Options of activating. */
export interface ActivateInlineOptions {
  /**
   * Milliseconds to wait for a worker elsewhere that holds a projection and does not come on, before it is a
   * `ProjectionBehindError`. What is caught up with here takes as long as it takes.
   * @defaultValue 30_000
   */
  readonly timeout?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

const DEFAULT_TIMEOUT = 30_000;
const LOOK_INTERVAL = 50;
/** Rounds of catching up before appends are kept out: each leaves what came during the one before. */
const ROUNDS = 2;

/**
 * Makes projections inline: catches up while appends go on, then keeps them out for the short rest, and switches. Another version
 * of the same name leaves the set.
 */
export async function activateInline(
  context: ActivateContext,
  projections: readonly Projection[],
  { timeout = DEFAULT_TIMEOUT, signal }: ActivateInlineOptions = {},
): Promise<void> {
  checkBeside(context);
  const inline = inlineStorageOf(context);
  const active = (await inline.readInlineSet()).projections;
  const add = without(projections, active);
  if (add.length === 0) return;
  const remove = active.filter(({ name }) => add.some((it) => it.name === name));
  for (const projection of add) {
    await readModelsOf(context).prepareProjection(projection);
    for (let round = 0; round < ROUNDS; round += 1) await catchUp(context, projection, { timeout, signal });
  }
  await inline.switchInline({
    add,
    remove,
    applyRest: async (lease, rest) => {
      const projection = projections.find(({ name, version }) => name === lease.name && version === lease.version);
      if (projection !== undefined) await applyRest({ ...context, projection }, lease, rest);
    },
  });
}

/** Takes projections out of the set; they go on in the background from there, wherever an engine has them. */
export async function deactivateInline(context: ActivateContext, projections: readonly ProjectionId[]): Promise<void> {
  checkBeside(context);
  const remove = projections.map(({ name, version }) => ({ name, version }));
  await inlineStorageOf(context).switchInline({ add: [], remove, applyRest: async () => undefined });
}

/** The transaction of an append is one of the log. */
function checkBeside({ storage, readModels }: ActivateContext): void {
  if (readModels === storage.readModels) return;
  throw new InvalidArgumentError('inline', 'cannot be applied by appends where read models are in another storage');
}

/** Whether projections have applied everything up to the end of the log, or up to a position. */
export async function isCaughtUp(
  context: ActivateContext,
  projections: readonly Projection[],
  position?: number,
): Promise<boolean> {
  const readModels = readModelsOf(context);
  const stored = await readModels.listProjections();
  const upTo = position ?? (await context.storage.readBound()).position;
  for (const projection of projections) {
    const known = stored.find(isSame(projection));
    // Somebody else was faster: appends have applied the rest.
    if (known?.state === 'inline') continue;
    const partitions = known?.partitions ?? [{ ...WHOLE, position: 0 }];
    for (const { position: after, ...partition } of partitions) {
      if (after >= upTo) continue;
      const filter = filterOf(context.registry, projection, partition);
      const { events } = await readModels.measureLag({ after, upTo, filter, limit: 1 });
      if (events > 0) return false;
    }
  }
  return true;
}

/** Up to the end of the log as it is now: here, or by whoever works on it already. */
async function catchUp(
  context: ActivateContext,
  projection: Projection,
  { timeout, signal }: { readonly timeout: number; readonly signal: AbortSignal | undefined },
): Promise<void> {
  const { storage } = context;
  const readModels = readModelsOf(context);
  const owner = `inline/${process.pid}/${randomUUID().slice(0, 8)}`;
  const { position: upTo } = await storage.readBound();
  const { name, version } = projection;
  let seen = -1;
  for (let end = performance.now() + timeout; !(await isCaughtUp(context, [projection], upTo));) {
    signal?.throwIfAborted();
    const projections = [{ name, version }];
    const request = { owner, duration: REST_LEASE, projections, held: [], isPassing: true };
    const { leases, unsettled } = await readModels.leaseProjections(request);
    for (const lease of leases) await applyHere(context, projection, { lease, owner, upTo });
    // Partitions that wait to be merged: whoever was to do it may be gone.
    for (const id of unsettled) await readModels.partitionProjection(id);
    const position = (await readModels.listProjections()).find(isSame(projection))?.position ?? 0;
    if (position > seen) end = performance.now() + timeout;
    if (performance.now() >= end) throw await behindError({ ...context, readModels }, projection, upTo);
    seen = position;
    await sleep(LOOK_INTERVAL);
  }
}

/** As far as the lease lasts: whoever takes it over goes on. */
async function applyHere(
  context: ActivateContext,
  projection: Projection,
  { lease, owner, upTo }: { readonly lease: Lease; readonly owner: string; readonly upTo: number },
): Promise<void> {
  const readModels = readModelsOf(context);
  try {
    const end = Math.min(upTo, lease.holdAt ?? upTo);
    await applyRest({ ...context, projection }, lease, { upTo: end, storage: context.storage, readModels });
  } catch (error) {
    if (!(error instanceof LeaseLost)) throw error;
  } finally {
    await readModels.releaseProjections(owner, [lease]);
  }
}

function isSame({ name, version }: ProjectionId): (other: ProjectionId) => boolean {
  return (other) => other.name === name && other.version === version;
}
