import { Hono } from 'hono';
import { z } from 'zod';
import type { Job } from '../api-types.ts';
import type { ConsoleContext } from '../console-context.ts';
import { grantAccess, withPayloads, type ApiEnvironment } from '../http/api.ts';
import { checkBody, payloads, readPath, readQuery } from '../http/parameters.ts';
import { showJob } from '../jobs/show-job.ts';

const id = z.uuid();

/** What this process does in the background. */
export function jobRoutes({ jobs, auditor }: ConsoleContext): Hono<ApiEnvironment> {
  const app = new Hono<ApiEnvironment>();
  app.get('/', (c) => {
    readQuery(c.req.raw, {});
    const access = grantAccess(c, undefined);
    const all: readonly Job[] = jobs.list().map((job) => showJob(job, access));
    return c.json(all);
  });
  app.get('/:id', (c) => {
    const access = grantAccess(c, readQuery(c.req.raw, { payloads }).payloads);
    const job = jobs.get(readPath(c.req.param(), { id }).id);
    const { action, subject } = job;
    return withPayloads(c, auditor, { body: showJob(job, access), of: { action, subject } });
  });
  app.post('/:id/cancel', async (c) => {
    readQuery(c.req.raw, {});
    const access = grantAccess(c, undefined);
    const { user, body } = c.var;
    const of = readPath(c.req.param(), { id });
    const job = await auditor.act({ action: 'cancel-job', user, details: { job: of.id } }, async () => {
      checkBody(body, z.strictObject({}));
      return jobs.cancel(of.id);
    });
    return c.json(showJob(job, access));
  });
  return app;
}
