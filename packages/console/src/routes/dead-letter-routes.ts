import { Hono } from 'hono';
import type { JsonObject, ParkedKey as StoredKey, ProjectionEngine, RecordedEvent } from 'mink';
import { z } from 'zod';
import type {
  DeadLetterPage,
  EventRecord,
  ParkedEvents,
  ParkedKey,
  PayloadAccess,
  RetryOutcome,
} from '../api-types.ts';
import type { ConsoleContext } from '../console-context.ts';
import { grantAccess, withPayloads, type ApiContext, type ApiEnvironment } from '../http/api.ts';
import { fromCursor, toCursor } from '../http/cursors.ts';
import { checkBody, cursor, isClean, key, limit, payloads, readPath, readQuery, version } from '../http/parameters.ts';
import { Refusal, showText } from '../http/problem.ts';
import { showJob } from '../jobs/show-job.ts';
import { startJob } from '../jobs/start-job.ts';
import { fitting } from '../payloads/fitting.ts';
import { showChange, showEvent } from '../payloads/show.ts';

const MOST = 200;
const MOST_EVENTS = 100;
/** Characters of a reason to discard. */
const LONGEST_REASON = 1_000;

/** A key of a projection, parked or not. */
interface KeyId {
  readonly projection: string;
  readonly version: number;
  readonly key: string;
}

const KEY_PATH = { projection: key, version, key };
const NOTHING = z.strictObject({});
const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const RETRY = z.strictObject({ confirm: count });
const reason = z.string().trim().min(1).max(LONGEST_REASON).refine(isClean, 'holds control characters');
const DISCARD = z.strictObject({ confirm: count, reason });

/** Keys whose events could not be applied, and what can be done about them. */
export function deadLetterRoutes(context: ConsoleContext): Hono<ApiEnvironment> {
  const app = new Hono<ApiEnvironment>();
  app.get('/', (c) => listKeys(context, c));
  app.get('/:projection/:version/:key', (c) => showKey(context, c));
  app.post('/:projection/:version/retry-all', (c) => retryAll(context, c));
  app.post('/:projection/:version/:key/dry-run', (c) => dryRun(context, c));
  app.post('/:projection/:version/:key/retry', (c) => retry(context, c));
  app.post('/:projection/:version/:key/discard', (c) => discard(context, c));
  return app;
}

async function listKeys(context: ConsoleContext, c: ApiContext): Promise<Response> {
  const query = readQuery(c.req.raw, {
    projection: key.optional(),
    version: version.optional(),
    after: cursor.optional(),
    limit: limit(MOST, 50),
  });
  const access = grantAccess(c, undefined);
  const [name, number, last] = query.after === undefined ? [] : fromCursor(query.after, ['string', 'number', 'string']);
  const after =
    name === undefined || number === undefined || last === undefined
      ? undefined
      : { name, version: checkVersion(number), key: last };
  const of = { name: query.projection, version: query.version, after };
  const found = (await context.storage.readModels?.listParked({ ...of, limit: query.limit + 1 })) ?? [];
  const keys = found.slice(0, query.limit);
  const end = keys.at(-1);
  const hasMore = found.length > keys.length && end !== undefined;
  const page: DeadLetterPage = {
    keys: keys.map((it) => toKey(context, it, access)),
    ...(hasMore ? { next: toCursor([end.name, end.version, end.key]) } : {}),
  };
  return c.json(page);
}

function checkVersion(number: number): number {
  if (number <= 2 ** 31 - 1) return number;
  throw new Refusal(400, 'BAD_QUERY', '"after" is none that this gave.');
}

function toKey({ projections }: ConsoleContext, parked: StoredKey, access: PayloadAccess): ParkedKey {
  const { name, error, ...rest } = parked;
  const hasCode = projections.some((it) => it.name === name && it.version === parked.version);
  return { ...rest, projection: name, error: showText(error, access), hasCode };
}

async function findKey({ storage }: ConsoleContext, { projection, version, key }: KeyId): Promise<StoredKey> {
  const found = await storage.readModels?.listParked({ name: projection, version, key, limit: 1 });
  const [parked] = found ?? [];
  if (parked !== undefined) return parked;
  throw new Refusal(404, 'KEY_NOT_PARKED', 'No events of this key wait: it was retried or discarded, or never parked.');
}

/** The first events that wait; also without the code of the projection. */
async function showKey(context: ConsoleContext, c: ApiContext): Promise<Response> {
  const query = readQuery(c.req.raw, { payloads });
  const access = grantAccess(c, query.payloads);
  const id = readPath(c.req.param(), KEY_PATH);
  const parked = await findKey(context, id);
  const { storage } = context;
  const of = { name: id.projection, version: id.version };
  const positions = await storage.readModels?.listDeadLetters(of, id.key, { after: 0, limit: MOST_EVENTS });
  const shown: EventRecord[] = [];
  // One after another: all at once would take every connection of the store.
  for (const position of positions ?? []) {
    const event = await eventAt(context, position);
    if (event !== undefined) shown.push(showEvent(event, access));
  }
  const body: ParkedEvents = { key: toKey(context, parked, access), events: fitting(shown) };
  return withPayloads(c, context.auditor, { body, of: { ...id } });
}

/** The event at a position, if there is one. */
export async function eventAt({ storage }: ConsoleContext, position: number): Promise<RecordedEvent | undefined> {
  const { position: bound } = await storage.readBound();
  if (position < 1 || position > bound) return undefined;
  const filter = { types: undefined, categories: undefined, streamNames: undefined, streamPrefixes: undefined };
  const query = { after: position - 1, upTo: position, filter, direction: 'forwards', limit: 1 } as const;
  return (await storage.readLogPage(query)).events[0];
}

function engineFor(
  { engine, projections }: ConsoleContext,
  { projection, version }: Omit<KeyId, 'key'>,
): ProjectionEngine {
  const hasCode = projections.some((it) => it.name === projection && it.version === version);
  if (engine !== undefined && hasCode) return engine;
  throw new Refusal(409, 'NO_CODE', `The console has no code for projection "${projection}" version ${version}.`);
}

/** Of what an engine does with a key. */
function deadLettersOf({ projection, version, key }: KeyId) {
  return { projection: { name: projection, version }, key };
}

async function dryRun(context: ConsoleContext, c: ApiContext): Promise<Response> {
  const query = readQuery(c.req.raw, { payloads });
  const access = grantAccess(c, query.payloads);
  const id = readPath(c.req.param(), KEY_PATH);
  const { user, body } = c.var;
  const details: JsonObject = { ...id };
  const outcome = await context.auditor.act({ action: 'dry-run', user, details }, async () => {
    checkBody(body, NOTHING);
    const engine = engineFor(context, id);
    await findKey(context, id);
    return engine.deadLetters.dryRun(deadLettersOf(id));
  });
  const { applied, left, error, changes } = outcome;
  const shown: RetryOutcome = {
    ...toOutcome({ applied, left, error }, access),
    changes: changes.map((change) => showChange(change, access)),
  };
  return withPayloads(c, context.auditor, { body: shown, of: details });
}

interface Outcome {
  readonly applied: number;
  readonly left: number;
  readonly error: string | undefined;
}

function toOutcome({ applied, left, error }: Outcome, access: PayloadAccess): RetryOutcome {
  return error === undefined ? { applied, left } : { applied, left, error: showText(error, access) };
}

async function retry(context: ConsoleContext, c: ApiContext): Promise<Response> {
  readQuery(c.req.raw, {});
  const access = grantAccess(c, undefined);
  const id = readPath(c.req.param(), KEY_PATH);
  const { user, body } = c.var;
  const outcome = await context.auditor.act({ action: 'retry', user, details: { ...id } }, async () => {
    const { confirm } = checkBody(body, RETRY);
    const engine = engineFor(context, id);
    checkCount(confirm, (await findKey(context, id)).events, 'events');
    return engine.deadLetters.retry(deadLettersOf(id), { signal: context.closing });
  });
  void context.live.fresh().catch(() => undefined);
  return c.json(toOutcome(outcome, access));
}

async function discard(context: ConsoleContext, c: ApiContext): Promise<Response> {
  readQuery(c.req.raw, {});
  const id = readPath(c.req.param(), KEY_PATH);
  const { user, body } = c.var;
  const parsed = DISCARD.safeParse(body);
  const details = { ...id, ...(parsed.success ? { reason: parsed.data.reason } : {}) };
  const discarded = await context.auditor.act({ action: 'discard', user, details }, async () => {
    const { confirm, reason: why } = checkBody(body, DISCARD);
    const engine = engineFor(context, id);
    checkCount(confirm, (await findKey(context, id)).events, 'events');
    const gone = await engine.deadLetters.discard(deadLettersOf(id), { reason: why, events: confirm });
    // Others came, or somebody else was faster.
    if (gone === 0) checkCount(confirm, (await findKey(context, id)).events, 'events');
    return gone;
  });
  void context.live.fresh().catch(() => undefined);
  const outcome: RetryOutcome = { applied: 0, left: 0, discarded };
  return c.json(outcome);
}

/** Somebody has read how many there are; where there are others by now, they look again. */
function checkCount(confirmed: number, count: number, what: string): void {
  if (confirmed === count) return;
  throw new Refusal(409, 'COUNT_CHANGED', `There are ${count} ${what} by now, not ${confirmed}. Look again.`, {
    count,
  });
}

/** All keys, one after another; one that fails again stays parked, and the others are retried all the same. */
async function retryAll(context: ConsoleContext, c: ApiContext): Promise<Response> {
  readQuery(c.req.raw, {});
  const access = grantAccess(c, undefined);
  const id = readPath(c.req.param(), { projection: key, version });
  const { user, body } = c.var;
  const job = await startJob(context, {
    action: 'retry-all',
    subject: `${id.projection} ${id.version}`,
    holds: `projection ${id.projection}`,
    user,
    details: { ...id },
    prepare: async () => {
      const { confirm } = checkBody(body, RETRY);
      const { deadLetters } = engineFor(context, id);
      const of = { name: id.projection, version: id.version };
      const keys = (await deadLetters.list(of).toArray()).map((it) => it.key);
      checkCount(confirm, keys.length, 'keys');
      return async (signal, onProgress) => {
        const done = { keys: 0, applied: 0, left: 0 };
        for (const key of keys) {
          const { applied, left } = await deadLetters.retry({ projection: of, key }, { signal });
          done.keys += 1;
          done.applied += applied;
          done.left += left;
          onProgress({ progress: done.keys / keys.length });
        }
        return done;
      };
    },
  });
  return c.json(showJob(job, access), 202);
}
