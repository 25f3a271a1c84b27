import {
  LiveVersionError,
  ProjectionNameTakenError,
  ProjectionVersionUnknownError,
  typed,
  type Lease,
  type ProjectionId,
  type ProjectionModel,
  type RetireOutcome,
  type Shadow,
  type ShadowPurpose,
  type SwitchRequest,
  type TableSpec,
} from '../core/index.ts';
import type { Row, Statement } from './connection.ts';
import { holdLimitsQuery } from './queries/hold-limits.ts';
import { holdPartitionsQuery, holdProjectionQuery } from './queries/projection-partitions.ts';
import {
  adoptStateQueries,
  forgetShadowQueries,
  listShadowsQuery,
  nextShadowQuery,
  swapTables,
  toShadow,
} from './queries/projection-shadows.ts';
import {
  areHeld,
  block,
  dropTables,
  liveVersionQuery,
  ownersQuery,
  retireQueries,
  setLiveVersionQuery,
  switchViews,
  toLiveVersion,
  toStoredPosition,
} from './queries/projection-versions.ts';
import { lockReadModels, preparedTablesQuery, prepareBlock, viewHolderQuery } from './queries/read-model-tables.ts';
import type { ReadModelSettings } from './read-models.ts';

type Settings = Pick<ReadModelSettings, 'schema' | 'inTransaction'>;
type Run = (statement: Statement) => Promise<readonly Row[]>;

/** Milliseconds: a reader that takes longer must not hold up all that come after it. */
const LOCK_TIMEOUT = 2_000;

/** The tables of a version as it was made; undefined where it was not, or is retired. */
export async function readTables(
  { schema }: Settings,
  projection: ProjectionId,
  run: Run,
): Promise<readonly TableSpec[] | undefined> {
  const [known] = await run(preparedTablesQuery(schema, projection));
  if (known === undefined || known[2] === 't') return undefined;
  return typed<readonly TableSpec[]>(JSON.parse(known[0] ?? '[]'));
}

/** Runs in a transaction that nobody makes, switches or drops read models beside. */
async function alone<T>({ schema, inTransaction }: Settings, work: (run: Run) => Promise<T>): Promise<T> {
  return inTransaction(async (run) => {
    await run(holdLimitsQuery({ lock: LOCK_TIMEOUT }));
    await run(block(schema, lockReadModels(schema)));
    return work(run);
  });
}

/** Lets a name stand for another version. */
export async function switchProjection(settings: Settings, request: SwitchRequest): Promise<void> {
  const { name, from, to, isReady } = request;
  const { schema } = settings;
  await alone(settings, async (run) => {
    const before = { name, version: from, tables: (await readTables(settings, { name, version: from }, run)) ?? [] };
    const tables = await readTables(settings, { name, version: to }, run);
    if (tables === undefined) throw new ProjectionVersionUnknownError(name, to);
    const [live] = (await run(liveVersionQuery(schema, name))).map(toLiveVersion);
    if (live?.version !== from)
      throw new LiveVersionError(name, live?.version, `, and not ${from}: somebody has switched it meanwhile.`);
    const [holder] = await run(viewHolderQuery(schema, { name, version: to, tables }));
    if (holder !== undefined)
      throw new ProjectionNameTakenError(name, `projection "${holder[0]}" has a view of the same name`);
    const held = await run(holdPartitionsQuery(schema, before));
    await isReady(held.map(toStoredPosition));
    await run(block(schema, switchViews(before, { name, version: to, tables })));
    await run(setLiveVersionQuery(schema, { name, from, to }));
  });
}

/** Drops a version for good. Whoever works on it was stopped before: its batches lock tables and checkpoint in either order. */
export async function retireProjection(
  settings: Settings,
  { name, version }: ProjectionId,
  { isForced, seize }: { readonly isForced: boolean; readonly seize: () => Promise<unknown> },
): Promise<RetireOutcome> {
  const { schema } = settings;
  const check = async (run: Run): Promise<RetireOutcome | ProjectionModel> => {
    const tables = await readTables(settings, { name, version }, run);
    if (tables === undefined) return { outcome: 'unknown' };
    const [live] = await run(liveVersionQuery(schema, name));
    if (live !== undefined && toLiveVersion(live).version === version) return { outcome: 'live' };
    return { name, version, tables };
  };
  const allowed = await settings.inTransaction(async (run): Promise<RetireOutcome | undefined> => {
    const found = await check(run);
    if ('outcome' in found) return found;
    const [owner] = isForced ? [] : await run(ownersQuery(schema, { name, version }));
    return owner === undefined ? undefined : { outcome: 'in_use', owner: owner[0] ?? '' };
  });
  if (allowed !== undefined) return allowed;
  await seize();
  return alone(settings, async (run) => {
    const found = await check(run);
    if ('outcome' in found) return found;
    await run(block(schema, `do $drop$ begin ${dropTables(found)} end $drop$`));
    await run(holdProjectionQuery(schema, found));
    for (const statement of retireQueries(schema, found)) await run(statement);
    return { outcome: 'retired' };
  });
}

/** Makes an empty shadow. */
export async function createShadow(
  settings: Settings,
  { name, version: of, ...model }: ProjectionModel,
  purpose: ShadowPurpose,
): Promise<ProjectionId> {
  const { schema } = settings;
  return alone(settings, async (run) => {
    const [next] = await run(nextShadowQuery(schema, name));
    const version = Number(next?.[0]);
    await run(block(schema, prepareBlock({ ...model, name, version }, { shadow: { of, purpose } })));
    return { name, version };
  });
}

/** All shadows, or those of one name. */
export async function listShadows(
  { schema }: Settings,
  name: string | undefined,
  run: Run,
): Promise<readonly Shadow[]> {
  return (await run(listShadowsQuery(schema, name))).map(toShadow);
}

/** Drops a shadow. */
export async function dropShadow(
  settings: Settings,
  shadow: ProjectionId,
  seize: () => Promise<unknown>,
): Promise<void> {
  const { schema } = settings;
  await seize();
  await alone(settings, async (run) => {
    const tables = (await readTables(settings, shadow, run)) ?? [];
    await run(block(schema, `do $drop$ begin ${dropTables({ ...shadow, tables })} end $drop$`));
    for (const statement of forgetShadowQueries(schema, shadow)) await run(statement);
  });
}

/** Puts a shadow in the place of its version, if the leases of the version are the last ones. */
export async function adoptShadow(settings: Settings, id: ProjectionId, leases: readonly Lease[]): Promise<boolean> {
  const { schema } = settings;
  return alone(settings, async (run) => {
    const shadow = (await listShadows(settings, id.name, run)).find(({ version }) => version === id.version);
    if (shadow === undefined) throw new ProjectionVersionUnknownError(id.name, id.version);
    const version = { ...shadow, version: shadow.of };
    const [live] = (await run(liveVersionQuery(schema, id.name))).map(toLiveVersion);
    await run(block(schema, swapTables(shadow, version, live?.version === shadow.of)));
    await run(holdProjectionQuery(schema, version));
    if (!areHeld(await run(holdPartitionsQuery(schema, version)), leases)) throw new NotHeld();
    for (const statement of adoptStateQueries(schema, shadow, version)) await run(statement);
    return true;
  }).catch((error: unknown) => {
    if (error instanceof NotHeld) return false;
    throw error;
  });
}

/** Rolls back what was done to a version that somebody else has by now. */
class NotHeld extends Error {}
