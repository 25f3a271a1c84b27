import { Hono } from 'hono';
import type { ProjectionId } from 'mink';
import { z } from 'zod';
import { whyNot } from '../access/actions.ts';
import type {
  PayloadAccess,
  ProjectionAction,
  ProjectionDetail,
  ProjectionPartition,
  ProjectionSummary,
  User,
} from '../api-types.ts';
import type { ConsoleContext } from '../console-context.ts';
import { startProjectionJob, type JobAction } from '../jobs/projection-jobs.ts';
import { showJob } from '../jobs/show-job.ts';
import { grantAccess, withPayloads, type ApiContext, type ApiEnvironment } from '../http/api.ts';
import { checkBody, key, name, payloads, readPath, readQuery, version } from '../http/parameters.ts';
import { Refusal, showText } from '../http/problem.ts';
import type { Look } from '../live/look.ts';
import { toProjection } from '../live/overview.ts';
import { findProjection, type SeenProjection } from '../live/projections.ts';

type DirectAction = Exclude<ProjectionAction, JobAction>;
const DIRECT: readonly DirectAction[] = ['pause', 'resume', 'reset', 'partition'];
const JOBS: readonly JobAction[] = [
  'plan',
  'build',
  'rebuild',
  'compare',
  'what-if',
  'verify',
  'switch',
  'rollback',
  'retire',
];
const WEEK = 7 * 24 * 60 * 60_000;

/** Projections and subscriptions, and what can be done with them. */
export function projectionRoutes(context: ConsoleContext): Hono<ApiEnvironment> {
  const { live } = context;
  const app = new Hono<ApiEnvironment>();
  app.get('/', async (c) => {
    readQuery(c.req.raw, {});
    const { seen } = await live.latest();
    const all: readonly ProjectionSummary[] = seen.map((it) => toProjection(it, c.var.access));
    return c.json(all);
  });
  app.get('/:name/:version', async (c) => {
    const access = grantAccess(c, readQuery(c.req.raw, { payloads }).payloads);
    const id = readPath(c.req.param(), { name: key, version });
    const body = await detailOf(context, await live.latest(), { id, user: c.var.user, access });
    return withPayloads(c, context.auditor, { body, of: { projection: id.name, version: id.version } });
  });
  for (const action of DIRECT) app.post(`/:name/:version/${action}`, (c) => actDirectly(context, c, action));
  for (const action of JOBS) {
    app.post(`/:name/:version/${action}`, async (c) => {
      readQuery(c.req.raw, {});
      const id = readPath(c.req.param(), { name: key, version });
      const { user, body } = c.var;
      const job = await startProjectionJob(context, { action, id, user, body });
      return c.json(showJob(job, grantAccess(c, undefined)), 202);
    });
  }
  return app;
}

async function detailOf(
  context: ConsoleContext,
  look: Look,
  { id, user, access }: { readonly id: ProjectionId; readonly user: User; readonly access: PayloadAccess },
): Promise<ProjectionDetail> {
  const seen = findProjection(look.seen, id);
  const versions = look.seen.filter((it) => it.name === id.name);
  return {
    ...toProjection(seen, access),
    slots: (seen.stored?.partitions ?? []).map((it): ProjectionPartition => {
      const { from, to, position, events, state, owner, error, attempts, movedAt } = it;
      const shown = { from, to, position, events, state, attempts, movedAt };
      return {
        ...shown,
        ...(owner === undefined ? {} : { owner }),
        ...(error === undefined ? {} : { error: showText(error, access) }),
      };
    }),
    versions: versions.map((it) => toProjection(it, access)),
    history: await context.store.projections.checkpointHistory(id, { since: new Date(context.now() - WEEK) }),
    ...actionsOf(context, { seen, versions, user }),
  };
}

/** What a user may do with a projection as it is, and why not the rest. */
function actionsOf(
  { isReadOnly }: ConsoleContext,
  of: { readonly seen: SeenProjection; readonly versions: readonly SeenProjection[]; readonly user: User },
): Pick<ProjectionDetail, 'actions' | 'refusals'> {
  const obstacles = obstaclesOf(of.seen, of.versions);
  const all = [...DIRECT, ...JOBS].map((action) => {
    const reason = whyNot(of.user, action, isReadOnly)?.message ?? obstacles[action];
    return { action, reason };
  });
  return {
    actions: all.flatMap(({ action, reason }) => (reason === undefined ? [action] : [])),
    refusals: Object.fromEntries(all.flatMap(({ action, reason }) => (reason === undefined ? [] : [[action, reason]]))),
  };
}

/** What keeps each action from being done to a projection as it is. */
function obstaclesOf(
  seen: SeenProjection,
  versions: readonly SeenProjection[],
): Readonly<Record<ProjectionAction, string | undefined>> {
  const { kind, state, hasCode, isLive, stored } = seen;
  const gone = state === 'retired' && 'It is retired.';
  const unborn = stored === undefined && 'It was never started.';
  const inline = state === 'inline' && 'Every append applies it.';
  const noCode = !hasCode && 'The console has no code of it.';
  const subscription = kind === 'subscription' && 'It is a subscription: it keeps no rows.';
  const live = isLive && 'It is the live version.';
  const alone =
    !versions.some((it) => it.version !== seen.version && it.state !== 'retired') && 'There is no other version.';
  return {
    pause: first(gone, unborn, inline, state === 'paused' && 'It is paused.'),
    resume: first(gone, unborn, state !== 'paused' && state !== 'faulted' && 'It is not paused.'),
    reset: first(gone, unborn, inline, subscription),
    partition: first(gone, unborn, inline),
    plan: first(gone, subscription, noCode),
    build: first(gone, subscription, noCode, live),
    rebuild: first(gone, subscription, noCode),
    compare: first(gone, unborn, subscription, live, alone),
    'what-if': first(gone, subscription, noCode),
    verify: first(gone, unborn, subscription, noCode),
    switch: first(gone, unborn, subscription, live),
    rollback: first(gone, unborn, subscription, !isLive && 'It is not the live version.', alone),
    retire: first(gone, unborn, subscription, live),
  };
}

function first(...reasons: readonly (string | false)[]): string | undefined {
  return reasons.find((reason) => reason !== false);
}

const NOTHING = z.strictObject({});
const CONFIRMED = z.strictObject({ confirm: name });
const PARTITIONS = z.strictObject({ partitions: z.number().int().min(1).max(64) });

/** What is done at once: the answer says how the projection is afterwards. */
async function actDirectly(context: ConsoleContext, c: ApiContext, action: DirectAction): Promise<Response> {
  readQuery(c.req.raw, {});
  const id = readPath(c.req.param(), { name: key, version });
  const { user, body } = c.var;
  const details = { projection: id.name, version: id.version };
  await context.auditor.act({ action, user, details }, async () => {
    findProjection((await context.live.latest()).seen, id);
    await perform(context, { action, id, body });
  });
  return c.json(toProjection(findProjection((await context.live.fresh()).seen, id), c.var.access));
}

async function perform(
  { control }: ConsoleContext,
  { action, id, body }: { readonly action: DirectAction; readonly id: ProjectionId; readonly body: unknown },
): Promise<void> {
  switch (action) {
    case 'pause':
      checkBody(body, NOTHING);
      return control.pause(id);
    case 'resume':
      checkBody(body, NOTHING);
      return control.resume(id);
    case 'reset':
      checkConfirmed(checkBody(body, CONFIRMED).confirm, id.name);
      return control.reset(id);
    case 'partition':
      await control.partition(id, checkBody(body, PARTITIONS).partitions);
  }
}

/** Somebody has typed the name of what they mean. */
function checkConfirmed(confirmed: string, name: string): void {
  if (confirmed !== name) throw new Refusal(409, 'NOT_CONFIRMED', `Confirm it with the name "${name}".`);
}
