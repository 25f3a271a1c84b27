import { Hono } from 'hono';
import { payloadAccess } from '../access/user.ts';
import type { DoctorReport, Health, Overview, ProcessDetail, Sample } from '../api-types.ts';
import type { ConsoleContext } from '../console-context.ts';
import type { ApiEnvironment } from '../http/api.ts';
import { eventStream } from '../http/event-stream.ts';
import { position, readQuery } from '../http/parameters.ts';
import { toFailure } from '../http/problem.ts';
import { toOverview, toProcessDetail, toReason } from '../live/overview.ts';

/** How everything is doing. */
export function overviewRoutes(context: ConsoleContext): Hono<ApiEnvironment> {
  const { live, jobs, limits, heartbeat, closing } = context;
  const app = new Hono<ApiEnvironment>();
  app.get('/overview', async (c) => {
    readQuery(c.req.raw, {});
    const overview: Overview = toOverview(await live.latest(), c.var.user, jobs.list());
    return c.json(overview);
  });
  app.get('/live', (c) => {
    readQuery(c.req.raw, {});
    const { user, isStillAllowed } = c.var;
    const leave = limits.openStream(user.name);
    return eventStream({
      heartbeat,
      mayGoOn: isStillAllowed,
      signal: closing,
      begin: (stream) => {
        // A reader that is behind gets the next one: of what is as of now, only the last counts.
        const send = (name: string, data: () => unknown): void => {
          if (stream.isDrained) stream.send(name, data());
        };
        const unwatch = live.watch({
          seen: (look) => send('overview', () => toOverview(look, user, jobs.list())),
          failed: (error) => send('problem', () => toFailure(error, payloadAccess(user)).problem),
        });
        return () => {
          unwatch();
          leave();
        };
      },
    });
  });
  app.get('/samples', (c) => {
    const { since } = readQuery(c.req.raw, { since: position.optional() });
    const samples: readonly Sample[] = live.samples(since ?? 0);
    return c.json(samples);
  });
  app.get('/health', async (c) => {
    readQuery(c.req.raw, {});
    const { status, reasons } = (await live.latest()).health;
    const health: Health = { status, reasons: reasons.map((reason) => toReason(reason, c.var.access)) };
    return c.json(health);
  });
  app.get('/processes', async (c) => {
    readQuery(c.req.raw, {});
    const processes: readonly ProcessDetail[] = ((await context.operations?.processes()) ?? []).map(toProcessDetail);
    return c.json(processes);
  });
  app.get('/doctor', async (c) => {
    readQuery(c.req.raw, {});
    const report: DoctorReport = await context.examinations.report(c.var.access);
    return c.json(report);
  });
  return app;
}
