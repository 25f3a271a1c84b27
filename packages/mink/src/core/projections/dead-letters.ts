import { deepFreeze } from '../deep-freeze.ts';
import { InvalidArgumentError, LogRewoundError } from '../errors.ts';
import type { JsonObject } from '../json.ts';
import type { RecordedEvent } from '../storage/event-storage.ts';
import { differences, type Difference } from '../store/differences.ts';
import { EventSequence } from '../store/event-sequence.ts';
import { checkText, checkWhole } from '../store/read-options.ts';
import { retryDeliveries } from '../subscriptions/retry-deliveries.ts';
import type { Projection } from './define-projection.ts';
import type { AnyProjection, SqlProjection } from './define-sql-projection.ts';
import { DigestSum, pairHash } from './digest.ts';
import { eventsAt } from './events-at.ts';
import { evolveRow, keyedEvent, messageOf } from './projection-batch.ts';
import type { ParkedKey, ParkedStep, RetriedStep } from './projection-storage.ts';
import type { WorkerContext } from './projection-worker.ts';

/** A key whose events wait, by the projection it is of. */
export interface DeadLettersOf {
  readonly projection: { readonly name: string; readonly version: number };
  readonly key: string;
}

/** What became of a retry, or would. */
export interface RetriedKey {
  /** Events that were applied. */
  readonly applied: number;
  /** Events that still wait. */
  readonly left: number;
  /** What the first of them fails with; undefined where none is left. */
  readonly error: string | undefined;
}

/** What a retry would do. */
export interface DryRun extends RetriedKey {
  /** What it would change in what is kept under the key; empty for a projection that writes SQL. */
  readonly changes: readonly Difference[];
}

/** How events are given up. */
export interface DiscardOptions {
  readonly reason: string;
  /**
   * How many events somebody has agreed to give up: where more or fewer wait by then, nothing is done.
   * @defaultValue all that wait
   */
  readonly events?: number | undefined;
}

/** Keys that are parked, and what can be done about them. */
export interface DeadLetters {
  /** Parked keys, by projection, version and key. */
  list(of?: { readonly name?: string | undefined; readonly version?: number | undefined }): EventSequence<ParkedKey>;
  /** The events of a key that wait, as they are stored. The first one failed, the others come after it. */
  show(of: DeadLettersOf): EventSequence<RecordedEvent>;
  /**
   * What a retry would do. Changes nothing; refused for a subscription, whose handler has effects that could not be taken back.
   */
  dryRun(of: DeadLettersOf): Promise<DryRun>;
  /**
   * Applies the events of a key in their order, up to one that fails again. Each waits until it is stored that it was applied;
   * a key without events is parked no more, and follows the log again. Of a subscription, events are delivered at least once:
   * whoever is killed between the effect and its acknowledgement leaves the event where it was. `KeyBeingRetriedError` if its key
   * is being retried already.
   */
  retry(of: DeadLettersOf, options?: { readonly signal?: AbortSignal | undefined }): Promise<RetriedKey>;
  /**
   * Gives the events of a key up, for good. The key follows the log again, and its model stays stale: it lacks them. Gives back how
   * many: 0 where it is not parked, or others wait than the number that was given.
   */
  discard(of: DeadLettersOf, options: DiscardOptions): Promise<number>;
}

/** What can be applied as often as one likes, because nothing of it is seen before it is stored. */
type Applied = Projection | SqlProjection;

/** A key that is retried, and the first of its events. */
interface Retried {
  readonly definition: Applied;
  readonly key: string;
  readonly read: readonly RecordedEvent[];
}

/** Events that one transaction of a retry applies, at most. */
const CHUNK = 100;
const PAGE = 1_000;

/** The dead letters of the projections of an engine. */
export function deadLettersOf(context: WorkerContext, projections: readonly AnyProjection[]): DeadLetters {
  const { readModels } = context;
  const definitionOf = ({ name, version }: DeadLettersOf['projection']): AnyProjection => {
    const found = projections.find((it) => it.name === name && it.version === version);
    if (found !== undefined) return found;
    throw new InvalidArgumentError('projection', `"${name}" version ${version} is none of the engine's`);
  };
  const check = ({ projection, key }: DeadLettersOf): { readonly definition: AnyProjection; readonly key: string } => {
    checkText('key', key);
    return { definition: definitionOf(projection), key };
  };
  return {
    list: ({ name, version } = {}) =>
      new EventSequence(async function* () {
        let after: ParkedKey | undefined;
        for (;;) {
          const page = await readModels.listParked({ name, version, after, limit: PAGE });
          yield page;
          if (page.length < PAGE) return;
          after = page.at(-1);
        }
      }),
    show: (of) => {
      const { definition, key } = check(of);
      return new EventSequence(async function* () {
        for await (const positions of positionsOf(context, definition, key)) {
          yield await eventsAt(context.storage, positions);
        }
      });
    },
    dryRun: async (of) => {
      const { definition, key } = check(of);
      if (definition.kind !== 'subscription') return dryRun(context, { definition, key });
      const reason = `"${definition.name}" is a subscription: its handler cannot be tried without its effects`;
      throw new InvalidArgumentError('projection', reason);
    },
    retry: async (of, { signal } = {}) => {
      const { definition, key } = check(of);
      return definition.kind === 'subscription'
        ? retryDeliveries(context, { subscription: definition, key }, signal)
        : retry(context, { definition, key }, signal);
    },
    discard: async (of, { reason, events }) => {
      const { definition, key } = check(of);
      checkText('reason', reason);
      if (events !== undefined) checkWhole('events', events, 0);
      return readModels.discardParked(definition, { key, reason, events });
    },
  };
}

async function* positionsOf(
  { readModels }: WorkerContext,
  projection: AnyProjection,
  key: string,
): AsyncGenerator<readonly number[], void, undefined> {
  let after = 0;
  for (;;) {
    const positions = await readModels.listDeadLetters(projection, key, { after, limit: CHUNK });
    if (positions.length > 0) yield positions;
    if (positions.length < CHUNK) return;
    after = positions.at(-1) ?? after;
  }
}

/**
 * Applies the events of a step, up to one that fails, or that is not among those that were read before: a transaction that waits
 * for another connection would keep others waiting, or all of them where there is only one.
 */
async function applyStep(
  context: WorkerContext,
  { definition, key, read }: Retried,
  { row: before, positions, attempt }: ParkedStep,
): Promise<RetriedStep> {
  const sum = new DigestSum();
  let row: JsonObject | null = deepFreeze(before);
  let applied = 0;
  const known = new Map(read.map((event) => [event.globalPosition, event]));
  for (const position of positions) {
    const event = known.get(position);
    if (event === undefined) break;
    const { parts, error } = keyedEvent(context.registry, definition, event);
    try {
      if (parts === undefined) throw error;
      const own = parts.get(key) ?? [];
      if (definition.kind === 'rows') row = evolveRow(definition, row, key, own);
      else await attempt?.((tx) => definition.apply(own, tx));
    } catch (failure) {
      return { row, applied, digests: sum.digests(), error: messageOf(failure) };
    }
    sum.add(event.globalPosition, pairHash(event.globalPosition, event.id, key));
    applied += 1;
  }
  return { row, applied, digests: sum.digests(), error: undefined };
}

async function retry(
  context: WorkerContext,
  of: { readonly definition: Applied; readonly key: string },
  signal: AbortSignal | undefined,
): Promise<RetriedKey> {
  let applied = 0;
  for (;;) {
    signal?.throwIfAborted();
    let error: string | undefined;
    const read = await firstEvents(context, of, CHUNK);
    const one = { key: of.key, limit: CHUNK, timeout: context.handlerTimeout };
    const done = await context.readModels.retryParked(of.definition, one, async (step) => {
      const result = await applyStep(context, { ...of, read }, step);
      ({ error } = result);
      return result;
    });
    applied += done?.applied ?? 0;
    if (done === undefined || done.left === 0) return { applied, left: 0, error: undefined };
    if (error !== undefined) {
      const left = await countLeft(context, of.definition, of.key);
      return { applied, left, error };
    }
  }
}

/** Throws `LogRewoundError` where the log, restored from a backup, has one of them no more. */
async function firstEvents(
  { readModels, storage }: WorkerContext,
  { definition, key }: Omit<Retried, 'read'>,
  limit: number,
): Promise<readonly RecordedEvent[]> {
  const positions = await readModels.listDeadLetters(definition, key, { after: 0, limit });
  const events = await eventsAt(storage, positions);
  const gone = positions.find((position, index) => events[index]?.globalPosition !== position);
  if (gone !== undefined) throw new LogRewoundError(gone, (await storage.readBound()).head);
  return events;
}

async function countLeft(context: WorkerContext, projection: AnyProjection, key: string): Promise<number> {
  let left = 0;
  for await (const positions of positionsOf(context, projection, key)) left += positions.length;
  return left;
}

async function dryRun(
  context: WorkerContext,
  of: { readonly definition: Applied; readonly key: string },
): Promise<DryRun> {
  const { definition, key } = of;
  if (definition.kind === 'sql') return dryRunInTransaction(context, { definition, key });
  const [stored] = await context.readModels.readRows(definition, [key]);
  const before = stored?.row ?? null;
  let row = before;
  let applied = 0;
  let error: string | undefined;
  let left = 0;
  for await (const positions of positionsOf(context, definition, key)) {
    if (error !== undefined) {
      left += positions.length;
      continue;
    }
    const read = await eventsAt(context.storage, positions);
    const step = await applyStep(context, { ...of, read }, { row, positions, attempt: undefined });
    ({ row, error } = step);
    applied += step.applied;
    left += positions.length - step.applied;
  }
  const changes = differences(modelOf(definition, before), modelOf(definition, row));
  return { applied, left, error, changes };
}

/** Carries what a dry run has found out of the transaction that it rolls back. */
class RolledBack extends Error {
  readonly step: RetriedStep;

  constructor(step: RetriedStep) {
    super('a dry run changes nothing');
    this.step = step;
  }
}

const MOST_TRIED = 10_000;

async function dryRunInTransaction(
  context: WorkerContext,
  of: { readonly definition: SqlProjection; readonly key: string },
): Promise<DryRun> {
  const left = await countLeft(context, of.definition, of.key);
  const read = await firstEvents(context, of, MOST_TRIED);
  const all = { key: of.key, limit: MOST_TRIED, timeout: context.handlerTimeout };
  try {
    await context.readModels.retryParked(of.definition, all, async (step) => {
      throw new RolledBack(await applyStep(context, { ...of, read }, step));
    });
    return { applied: 0, left: 0, error: undefined, changes: [] };
  } catch (error) {
    if (!(error instanceof RolledBack)) throw error;
    const { applied, error: failed } = error.step;
    return { applied, left: left - applied, error: failed, changes: [] };
  }
}

function modelOf(projection: Applied, row: JsonObject | null): unknown {
  return projection.kind === 'rows' && row !== null ? projection.readModel.fromRow(row) : null;
}
