import type {
  BatchState,
  CommitOutcome,
  Lag,
  LagQuery,
  Lease,
  LeaseRequest,
  ListParkedQuery,
  LogPageQuery,
  ParkedKey,
  ParkedStep,
  ProjectionCommit,
  ProjectionId,
  ProjectionStorage,
  RecordedEvent,
  RetriedStep,
  StoredDocument,
  StoredProjection,
} from '../core/index.ts';
import { compareCodePoints } from './log-index.ts';

interface Kept {
  position: number;
  epoch: number;
  events: number;
  owner: string | undefined;
  expiresAt: number;
  isPaused: boolean;
  state: 'running' | 'retrying' | 'faulted';
  error: string | undefined;
  attempts: number;
  movedAt: number;
  readonly id: ProjectionId;
  readonly documents: Map<string, StoredDocument>;
  readonly parked: Map<string, Parked>;
}

interface Parked {
  error: string;
  attempts: number;
  readonly firstFailedAt: number;
  lastFailedAt: number;
  positions: readonly number[];
}

/** Read models in memory. One process has them, but the rules are those of many: leases run out, and epochs rise. */
export class ReadModels implements ProjectionStorage {
  readonly #now: () => number;
  readonly #readLog: (query: LogPageQuery) => Promise<{ readonly events: readonly RecordedEvent[] }>;
  readonly #all = new Map<string, Kept>();
  #retrying: Promise<unknown> = Promise.resolve();

  constructor(
    now: () => number,
    readLog: (query: LogPageQuery) => Promise<{ readonly events: readonly RecordedEvent[] }>,
  ) {
    this.#now = now;
    this.#readLog = readLog;
  }

  async prepareProjection(id: ProjectionId): Promise<void> {
    if (this.#find(id) !== undefined) return;
    this.#all.set(keyOf(id), {
      id: { name: id.name, version: id.version },
      position: 0,
      epoch: 0,
      events: 0,
      owner: undefined,
      expiresAt: 0,
      isPaused: false,
      state: 'running',
      error: undefined,
      attempts: 0,
      movedAt: this.#now(),
      documents: new Map(),
      parked: new Map(),
    });
  }

  async leaseProjections({ owner, duration, projections }: LeaseRequest): Promise<readonly Lease[]> {
    const now = this.#now();
    return projections.flatMap(({ epoch, ...id }) => {
      const kept = this.#find(id);
      if (kept === undefined || kept.isPaused) return [];
      const isRenewed = kept.owner === owner && kept.epoch === epoch;
      // Its own, too, where it has lost track of it.
      const isFree = epoch === undefined && (kept.owner === undefined || kept.owner === owner || kept.expiresAt <= now);
      if (!isRenewed && !isFree) return [];
      if (!isRenewed) Object.assign(kept, { owner, epoch: kept.epoch + 1, state: 'running', error: undefined });
      kept.expiresAt = now + duration;
      return [{ ...kept.id, epoch: kept.epoch, position: kept.position }];
    });
  }

  async releaseProjections(owner: string, leases: readonly Lease[]): Promise<void> {
    for (const lease of leases) {
      const kept = this.#find(lease);
      if (kept?.owner === owner && kept.epoch === lease.epoch) kept.owner = undefined;
    }
  }

  async readDocuments(id: ProjectionId, keys: readonly string[]): Promise<readonly StoredDocument[]> {
    const documents = this.#find(id)?.documents;
    return keys.flatMap((key) => documents?.get(key) ?? []);
  }

  async listDocuments(
    id: ProjectionId,
    { after, limit }: { readonly after: string | undefined; readonly limit: number },
  ): Promise<readonly StoredDocument[]> {
    const all = [...(this.#find(id)?.documents.values() ?? [])];
    return all
      .filter(({ key }) => after === undefined || compareCodePoints(key, after) > 0)
      .toSorted((left, right) => compareCodePoints(left.key, right.key))
      .slice(0, limit);
  }

  async readBatch(id: ProjectionId, keys: readonly string[]): Promise<BatchState> {
    const parked = this.#find(id)?.parked;
    return {
      documents: await this.readDocuments(id, keys),
      parkedKeys: keys.filter((key) => parked?.has(key) === true),
    };
  }

  async commitProjection(commit: ProjectionCommit): Promise<CommitOutcome> {
    const { lease, to, events, writes, deadLetters, duration } = commit;
    const kept = this.#find(lease);
    if (kept?.epoch !== lease.epoch || kept.position !== lease.position) return 'lost';
    const parkedNow = new Set(deadLetters.filter(({ error }) => error !== undefined).map(({ key }) => key));
    if (deadLetters.some(({ key }) => !parkedNow.has(key) && !kept.parked.has(key))) return 'unparked';
    const now = this.#now();
    Object.assign(kept, { position: to, events: kept.events + events, movedAt: now, expiresAt: now + duration });
    for (const { key, document } of writes) {
      if (document === null) kept.documents.delete(key);
      else kept.documents.set(key, { key, document, position: to, isStale: false });
    }
    for (const { key, position, error, attempts } of deadLetters) {
      const parked = kept.parked.get(key);
      if (parked === undefined) {
        const failed = { error: error ?? '', attempts, firstFailedAt: now, lastFailedAt: now, positions: [position] };
        kept.parked.set(key, failed);
      } else {
        parked.positions = [...parked.positions, position];
      }
      const document = kept.documents.get(key);
      if (document !== undefined) kept.documents.set(key, { ...document, isStale: true });
    }
    return 'stored';
  }

  async listParked({ name, version, after, limit }: ListParkedQuery): Promise<readonly ParkedKey[]> {
    return [...this.#all.values()]
      .flatMap(({ id, parked }) =>
        Array.from(parked, ([key, { positions, ...rest }]) => {
          return { ...id, key, ...rest, events: positions.length, position: positions[0] ?? 0 };
        }),
      )
      .filter((it) => (name === undefined || it.name === name) && (version === undefined || it.version === version))
      .filter((it) => after === undefined || compareParked(it, after) > 0)
      .toSorted(compareParked)
      .slice(0, limit);
  }

  async listDeadLetters(
    id: ProjectionId,
    key: string,
    { after, limit }: { readonly after: number; readonly limit: number },
  ): Promise<readonly number[]> {
    const positions = this.#find(id)?.parked.get(key)?.positions ?? [];
    return positions.filter((position) => position > after).slice(0, limit);
  }

  async retryParked(
    id: ProjectionId,
    { key, limit }: { readonly key: string; readonly limit: number },
    work: (step: ParkedStep) => Promise<RetriedStep>,
  ): Promise<{ readonly applied: number; readonly left: number } | undefined> {
    const done = this.#retrying.then(() => this.#retryNow(id, { key, limit }, work));
    this.#retrying = done.then(ignore, ignore);
    return done;
  }

  async #retryNow(
    id: ProjectionId,
    { key, limit }: { readonly key: string; readonly limit: number },
    work: (step: ParkedStep) => Promise<RetriedStep>,
  ): Promise<{ readonly applied: number; readonly left: number } | undefined> {
    const kept = this.#find(id);
    const parked = kept?.parked.get(key);
    if (kept === undefined || parked === undefined) return undefined;
    const positions = parked.positions.slice(0, limit);
    const step = await work({ document: kept.documents.get(key)?.document ?? null, positions });
    parked.positions = parked.positions.slice(step.applied);
    const left = parked.positions.length;
    const position = positions[step.applied - 1];
    if (step.document === null) kept.documents.delete(key);
    else if (position !== undefined) {
      kept.documents.set(key, { key, document: step.document, position, isStale: left > 0 });
    }
    if (left === 0) kept.parked.delete(key);
    else if (step.error !== undefined) {
      const attempts = step.applied > 0 ? 1 : parked.attempts + 1;
      Object.assign(parked, { error: step.error, attempts, lastFailedAt: this.#now() });
    }
    return { applied: step.applied, left };
  }

  async discardParked(id: ProjectionId, { key }: { readonly key: string; readonly reason: string }): Promise<number> {
    const kept = this.#find(id);
    const discarded = kept?.parked.get(key)?.positions.length ?? 0;
    kept?.parked.delete(key);
    return discarded;
  }

  async reportProjection(
    lease: Lease,
    report: Pick<StoredProjection, 'error' | 'attempts'> & { readonly state: 'running' | 'retrying' | 'faulted' },
  ): Promise<void> {
    const kept = this.#find(lease);
    if (kept?.epoch === lease.epoch) Object.assign(kept, report);
  }

  async pauseProjection(id: ProjectionId, isPaused: boolean): Promise<boolean> {
    const kept = this.#find(id);
    if (kept === undefined) return false;
    // Whoever works on it finds that its lease is worth nothing any more.
    if (kept.isPaused !== isPaused) Object.assign(kept, { isPaused, epoch: kept.epoch + 1, owner: undefined });
    return true;
  }

  async resetProjection(id: ProjectionId): Promise<boolean> {
    const kept = this.#find(id);
    if (kept === undefined) return false;
    Object.assign(kept, { position: 0, events: 0, epoch: kept.epoch + 1, owner: undefined, state: 'running' });
    Object.assign(kept, { error: undefined, attempts: 0, movedAt: this.#now() });
    kept.documents.clear();
    kept.parked.clear();
    return true;
  }

  async listProjections(): Promise<readonly StoredProjection[]> {
    const now = this.#now();
    return [...this.#all.values()]
      .toSorted((left, right) => compareCodePoints(left.id.name, right.id.name) || left.id.version - right.id.version)
      .map(({ id, position, epoch, events, error, attempts, movedAt, parked, ...kept }) => {
        const owner = kept.expiresAt > now ? kept.owner : undefined;
        const state = kept.isPaused
          ? 'paused'
          : owner === undefined && kept.state !== 'faulted'
            ? 'stopped'
            : kept.state;
        return { ...id, position, epoch, events, state, owner, error, attempts, movedAt, parkedKeys: parked.size };
      });
  }

  async measureLag({ after, upTo, filter, limit }: LagQuery): Promise<Lag> {
    const { events } = await this.#readLog({ after, upTo, filter, limit, direction: 'forwards' });
    return { events: events.length, oldest: events[0]?.recordedAt };
  }

  #find(id: ProjectionId): Kept | undefined {
    return this.#all.get(keyOf(id));
  }
}

function keyOf({ name, version }: ProjectionId): string {
  return `${name} ${version}`;
}

type ParkedId = Pick<ParkedKey, 'name' | 'version' | 'key'>;

function compareParked(left: ParkedId, right: ParkedId): number {
  return (
    compareCodePoints(left.name, right.name) || left.version - right.version || compareCodePoints(left.key, right.key)
  );
}

function ignore(): void {
  // Whoever asked for it is told.
}
