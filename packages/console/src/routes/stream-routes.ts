import { Hono } from 'hono';
import { parseStreamName, type StoreOperations, type StreamInfo } from 'mink';
import { z } from 'zod';
import type { CategorySummary, EventPage, StreamDetail, StreamPage, StreamSummary } from '../api-types.ts';
import type { ConsoleContext } from '../console-context.ts';
import { grantAccess, withPayloads, type ApiContext, type ApiEnvironment } from '../http/api.ts';
import { cursor, limit, name, payloads, position, readPath, readQuery } from '../http/parameters.ts';
import { Refusal } from '../http/problem.ts';
import { fitting } from '../payloads/fitting.ts';
import { showEvent } from '../payloads/show.ts';
import { toSnapshot } from './snapshot-routes.ts';
import { readStates } from './state-pages.ts';

const MOST = 200;
const MOST_SNAPSHOTS = 100;

/** Streams, their events, and the states that these led to. */
export function streamRoutes(context: ConsoleContext): Hono<ApiEnvironment> {
  const app = new Hono<ApiEnvironment>();
  app.get('/streams', (c) => listStreams(context, c));
  app.get('/streams/:name', async (c) => {
    readQuery(c.req.raw, {});
    return c.json(await detailOf(context, streamIn(c)));
  });
  app.get('/streams/:name/events', (c) => readEvents(context, c));
  app.get('/streams/:name/states', (c) => readStates(context, c, streamIn(c)));
  app.get('/categories', async (c) => {
    readQuery(c.req.raw, {});
    const found = await needOperations(context).categories();
    const categories: readonly CategorySummary[] = found.map(({ category, streams, events, lastRecordedAt }) => {
      return { category, streams, events, lastRecordedAt: lastRecordedAt.getTime() };
    });
    return c.json(categories);
  });
  return app;
}

/** Throws where the storage cannot tell. */
function needOperations({ operations }: ConsoleContext): StoreOperations {
  if (operations !== undefined) return operations;
  throw new Refusal(404, 'NOT_KEPT', 'The storage of this store cannot tell.');
}

function streamIn(c: ApiContext): string {
  const { name: streamName } = readPath(c.req.param(), { name });
  parseStreamName(streamName);
  return streamName;
}

function toStream({ createdAt, lastRecordedAt, ...stream }: StreamInfo): StreamSummary {
  return { ...stream, createdAt: createdAt.getTime(), lastRecordedAt: lastRecordedAt.getTime() };
}

async function listStreams(context: ConsoleContext, c: ApiContext): Promise<Response> {
  const { search, category, order, after, limit } = readQuery(c.req.raw, {
    search: name.optional(),
    category: name.refine((it) => !it.includes('-'), 'holds "-"').optional(),
    order: z.enum(['name', 'longest', 'recent']).default('name'),
    after: cursor.optional(),
    limit: limitOf(),
  });
  if (order !== 'name') {
    const operations = needOperations(context);
    const of = { category, limit };
    const found = await (order === 'longest' ? operations.longestStreams(of) : operations.recentStreams(of));
    const wanted = found.filter(({ streamName }) => streamName.startsWith(search ?? ''));
    const page: StreamPage = { streams: wanted.map(toStream) };
    return c.json(page);
  }
  const prefix = prefixOf(search, category);
  const query = { category, prefix, afterStreamName: after, limit: limit + 1 };
  const found = await context.storage.listStreams(query);
  const streams = found.slice(0, limit).map(toStream);
  const end = streams.at(-1);
  const page: StreamPage = {
    streams,
    ...(found.length > limit && end !== undefined ? { next: end.streamName } : {}),
  };
  return c.json(page);
}

function limitOf() {
  return limit(MOST, 50);
}

/** Names are searched by how they begin; within a category its own name may be left out. */
function prefixOf(search: string | undefined, category: string | undefined): string | undefined {
  if (search === undefined || category === undefined) return search;
  return search.startsWith(`${category}-`) ? search : `${category}-${search}`;
}

async function detailOf({ storage, folds }: ConsoleContext, streamName: string): Promise<StreamDetail> {
  const info = await storage.streamInfo(streamName);
  if (info === undefined) throw notFound(streamName);
  const query = { category: undefined, streamName, after: undefined, limit: MOST_SNAPSHOTS };
  const snapshots = await storage.listSnapshots(query);
  return {
    ...toStream(info),
    folds: folds.filter(({ category }) => category === info.category).map((it) => it.name),
    snapshots: snapshots.map(toSnapshot),
  };
}

function notFound(streamName: string): Refusal {
  return new Refusal(404, 'STREAM_NOT_FOUND', `Stream "${streamName}" does not exist. Check the category and the id.`);
}

/** From a version on, in either direction; without one, from the beginning, or the end. */
async function readEvents(context: ConsoleContext, c: ApiContext): Promise<Response> {
  const query = readQuery(c.req.raw, {
    from: position.optional(),
    limit: limitOf(),
    direction: z.enum(['forwards', 'backwards']).default('forwards'),
    payloads,
  });
  const access = grantAccess(c, query.payloads);
  const streamName = streamIn(c);
  const { from, limit, direction } = query;
  const isForwards = direction === 'forwards';
  const found = await context.storage.readStreamPage({
    streamName,
    fromVersion: isForwards ? (from ?? 1) : 1,
    untilVersion: isForwards ? undefined : from,
    untilPosition: undefined,
    untilTime: undefined,
    types: undefined,
    direction,
    limit: limit + 1,
  });
  if (found.length === 0 && (await context.storage.streamInfo(streamName)) === undefined) throw notFound(streamName);
  const events = fitting(found.slice(0, limit).map((event) => showEvent(event, access)));
  const next = found[events.length]?.streamVersion;
  const body: EventPage = next === undefined ? { events } : { events, next };
  const of = { streamName, from: events[0]?.streamVersion ?? 0, events: events.length };
  return withPayloads(c, context.auditor, { body, of });
}
