import { Hono } from 'hono';
import { parseStreamName, type SnapshotInfo } from 'mink';
import type { SnapshotPage, SnapshotSummary } from '../api-types.ts';
import type { ConsoleContext } from '../console-context.ts';
import type { ApiEnvironment } from '../http/api.ts';
import { fromCursor, toCursor } from '../http/cursors.ts';
import { cursor, limit, name, readQuery } from '../http/parameters.ts';

const MOST = 200;

/** Snapshots, without their states. */
export function snapshotRoutes({ storage }: ConsoleContext): Hono<ApiEnvironment> {
  const app = new Hono<ApiEnvironment>();
  app.get('/', async (c) => {
    const query = readQuery(c.req.raw, {
      category: name.optional(),
      stream: name.optional(),
      after: cursor.optional(),
      limit: limit(MOST, 50),
    });
    if (query.stream !== undefined) parseStreamName(query.stream);
    const of = { category: query.category, streamName: query.stream, after: toAfter(query.after) };
    const found = await storage.listSnapshots({ ...of, limit: query.limit + 1 });
    const snapshots = found.slice(0, query.limit);
    const end = snapshots.at(-1);
    const hasMore = found.length > snapshots.length && end !== undefined;
    const page: SnapshotPage = {
      snapshots: snapshots.map(toSnapshot),
      ...(hasMore ? { next: toCursor([end.streamName, end.name, end.streamVersion]) } : {}),
    };
    return c.json(page);
  });
  return app;
}

function toAfter(after: string | undefined): Pick<SnapshotInfo, 'streamName' | 'name' | 'streamVersion'> | undefined {
  if (after === undefined) return undefined;
  const [streamName, name, streamVersion] = fromCursor(after, ['string', 'string', 'number']);
  return { streamName, name, streamVersion };
}

export function toSnapshot(snapshot: SnapshotInfo): SnapshotSummary {
  const { streamName, category, name, streamVersion, schemaVersion, size, createdAt } = snapshot;
  return { streamName, category, name, streamVersion, schemaVersion, size, createdAt };
}
