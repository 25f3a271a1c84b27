import { Hono } from 'hono';
import { parseStreamName, type StoredAuditEntry } from 'mink';
import { z } from 'zod';
import type { AuditPage, AuditRecord } from '../api-types.ts';
import type { ConsoleContext } from '../console-context.ts';
import type { ApiEnvironment } from '../http/api.ts';
import { limit, name, names, position, readQuery } from '../http/parameters.ts';
import { Refusal } from '../http/problem.ts';

const MOST = 200;
const kind = z.enum(['command', 'query', 'action', 'view']);

/** Who wanted, did and saw what. */
export function auditRoutes({ auditLog }: ConsoleContext): Hono<ApiEnvironment> {
  const app = new Hono<ApiEnvironment>();
  app.get('/', async (c) => {
    const query = readQuery(c.req.raw, {
      kinds: names.pipe(z.array(kind)).optional(),
      type: name.optional(),
      userId: name.optional(),
      status: z.enum(['attempted', 'succeeded', 'refused', 'failed']).optional(),
      stream: name.optional(),
      before: position.optional(),
      limit: limit(MOST, 50),
    });
    const { stream: streamName, ...of } = query;
    if (streamName !== undefined) parseStreamName(streamName);
    if (auditLog === undefined) throw new Refusal(404, 'NOT_KEPT', 'This store keeps no audit log.');
    const found = await auditLog.list({ ...of, streamName, limit: query.limit + 1 });
    const entries = found.slice(0, query.limit).map(toRecord);
    const end = entries.at(-1);
    const hasMore = found.length > entries.length && end !== undefined;
    const page: AuditPage = hasMore ? { entries, next: end.id } : { entries };
    return c.json(page);
  });
  return app;
}

function toRecord({ at, ...entry }: StoredAuditEntry): AuditRecord {
  const { id, kind, type, messageId, status } = entry;
  const { userId, tenantId, correlationId, errorCode, streamName, streamVersion, details } = entry;
  return {
    id,
    at: at.getTime(),
    kind,
    type,
    messageId,
    status,
    ...(userId === undefined ? {} : { userId }),
    ...(tenantId === undefined ? {} : { tenantId }),
    ...(correlationId === undefined ? {} : { correlationId }),
    ...(errorCode === undefined ? {} : { errorCode }),
    ...(streamName === undefined ? {} : { streamName }),
    ...(streamVersion === undefined ? {} : { streamVersion }),
    ...(details === undefined ? {} : { details }),
  };
}
