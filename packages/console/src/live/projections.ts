import type { AnyProjection, ProjectionEngine, ProjectionId, ProjectionStatus, StoredProjection } from 'mink';
import type { ProjectionState, ProjectionSummary } from '../api-types.ts';
import { Refusal } from '../http/problem.ts';

/** A projection as a look has found it, with its partitions. */
export interface SeenProjection extends ProjectionSummary {
  readonly stored: StoredProjection | undefined;
}

/** What a look at the projections needs. */
export interface ProjectionSources {
  readonly projections: readonly AnyProjection[];
  readonly engine: Pick<ProjectionEngine, 'status'> | undefined;
  readonly list: () => Promise<readonly StoredProjection[]>;
}

/** All projections: those with code by what they lack, the others by how far they are. */
export async function seeProjections(
  { engine, list, projections }: ProjectionSources,
  bound: number,
): Promise<{ readonly seen: readonly SeenProjection[]; readonly statuses: readonly ProjectionStatus[] }> {
  const [stored, statuses = []] = await Promise.all([list(), engine?.status()]);
  const withCodeHere = statuses.filter((it) => projections.some((code) => isSame(code, it)));
  const others = stored.filter((it) => !projections.some((code) => isSame(code, it)));
  const seen = [
    ...withCodeHere.map((status) => withCode(status, { bound, stored: stored.find((it) => isSame(it, status)) })),
    ...others.map((it) => withoutCode(it, bound)),
  ];
  return { seen: seen.toSorted(byName), statuses };
}

interface Known {
  readonly bound: number;
  readonly stored: StoredProjection | undefined;
}

function withCode(status: ProjectionStatus, { bound, stored }: Known): SeenProjection {
  const { name, version, kind, state, isLive, position, lagEvents, lagTime, events, attempts, parkedKeys } = status;
  const { owner, error, movedAt, partitions, wantedPartitions } = status;
  return {
    name,
    version,
    kind,
    state,
    isLive,
    hasCode: true,
    position,
    lagEvents,
    lagTime,
    positionsBehind: lagEvents === 0 ? 0 : Math.max(0, bound - position),
    events,
    ...(owner === undefined ? {} : { owner }),
    ...(error === undefined ? {} : { error }),
    attempts,
    parkedKeys,
    ...(movedAt === undefined || stored === undefined ? {} : { movedAt: movedAt.getTime() }),
    partitions: Math.max(1, partitions.length),
    wantedPartitions,
    stored,
  };
}

function withoutCode(stored: StoredProjection, bound: number): SeenProjection {
  const { name, version, kind, isLive, events, attempts, parkedKeys, movedAt, owner, error, partitions } = stored;
  const isInline = stored.state === 'inline';
  const position = isInline ? bound : stored.position;
  const positionsBehind = Math.max(0, bound - position);
  return {
    name,
    version,
    kind,
    state: stateOf(stored, positionsBehind),
    isLive,
    hasCode: false,
    position,
    positionsBehind,
    events,
    ...(owner === undefined ? {} : { owner }),
    ...(error === undefined ? {} : { error }),
    attempts,
    parkedKeys,
    movedAt,
    partitions: Math.max(1, partitions.length),
    wantedPartitions: stored.wantedPartitions,
    stored,
  };
}

/** Without its code, nobody can say whether what it has not passed is anything to it. */
function stateOf({ state, isLive }: StoredProjection, positionsBehind: number): ProjectionState {
  if (state !== 'working') return state;
  if (positionsBehind === 0) return 'live';
  return isLive ? 'catching_up' : 'rebuilding';
}

function isSame(left: ProjectionId, right: ProjectionId): boolean {
  return left.name === right.name && left.version === right.version;
}

function byName(left: SeenProjection, right: SeenProjection): number {
  return left.name < right.name ? -1 : left.name > right.name ? 1 : left.version - right.version;
}

/** How fast projections are, from what they had applied at an earlier look. */
export function withRates(
  seen: readonly SeenProjection[],
  earlier: { readonly at: number; readonly seen: readonly SeenProjection[] } | undefined,
  at: number,
): readonly SeenProjection[] {
  const seconds = earlier === undefined ? 0 : (at - earlier.at) / 1_000;
  if (earlier === undefined || seconds <= 0) return seen;
  return seen.map((it) => {
    const before = earlier.seen.find((other) => isSame(other, it));
    if (before === undefined || it.state === 'inline') return it;
    // A reset has begun anew.
    const rate = Math.max(0, it.events - before.events) / seconds;
    const left = it.lagEvents ?? it.positionsBehind;
    return { ...it, rate, ...(rate > 0 && left > 0 ? { timeLeft: Math.round((left / rate) * 1_000) } : {}) };
  });
}

/** The one of this name and version, or a {@link Refusal}. */
export function findProjection(seen: readonly SeenProjection[], { name, version }: ProjectionId): SeenProjection {
  const found = seen.find((it) => isSame(it, { name, version }));
  if (found !== undefined) return found;
  throw new Refusal(404, 'PROJECTION_NOT_FOUND', `There is no projection "${name}" version ${version}.`);
}

/** Without what only the console itself needs. */
export function summaryOf({ stored: _stored, ...summary }: SeenProjection): ProjectionSummary {
  return summary;
}
