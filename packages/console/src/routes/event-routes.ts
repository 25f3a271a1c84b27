import { Hono } from 'hono';
import type { LogFilter as StorageFilter, RecordedEvent } from 'mink';
import type { LogPage } from '../api-types.ts';
import type { ConsoleContext } from '../console-context.ts';
import { grantAccess, withPayloads, type ApiContext, type ApiEnvironment } from '../http/api.ts';
import { eventStream } from '../http/event-stream.ts';
import { limit, name, names, payloads, position, readPath, readQuery } from '../http/parameters.ts';
import { Refusal } from '../http/problem.ts';
import { sendTail, type LogFilter } from '../live/tail.ts';
import { fitting } from '../payloads/fitting.ts';
import { showEvent } from '../payloads/show.ts';
import { eventAt } from './dead-letter-routes.ts';
import { explain } from './why.ts';

const MOST = 200;
/** Milliseconds that one answer may search the log: what is rare is found in several. */
const LONGEST_SEARCH = 2_000;
const FILTER = { categories: names.optional(), types: names.optional(), stream: name.optional() };

/** The log: its pages, its tail, and why an event is there. */
export function eventRoutes(context: ConsoleContext): Hono<ApiEnvironment> {
  const app = new Hono<ApiEnvironment>();
  app.get('/', (c) => readLog(context, c));
  app.get('/tail', (c) => tail(context, c));
  app.get('/:position', async (c) => {
    const access = grantAccess(c, readQuery(c.req.raw, { payloads }).payloads);
    const event = await needEvent(context, c);
    const { globalPosition, streamName } = event;
    return withPayloads(c, context.auditor, { body: showEvent(event, access), of: { globalPosition, streamName } });
  });
  app.get('/:position/why', async (c) => {
    const access = grantAccess(c, readQuery(c.req.raw, { payloads }).payloads);
    const event = await needEvent(context, c);
    const { globalPosition, streamName } = event;
    const body = await explain(context, event, access);
    return withPayloads(c, context.auditor, { body, of: { globalPosition, streamName } });
  });
  return app;
}

async function needEvent(context: ConsoleContext, c: ApiContext): Promise<RecordedEvent> {
  const { position: at } = readPath(c.req.param(), { position });
  const event = await eventAt(context, at);
  if (event !== undefined) return event;
  throw new Refusal(404, 'EVENT_NOT_FOUND', `There is no event at position ${at}: positions have gaps.`);
}

interface Filtered {
  readonly categories?: readonly string[] | undefined;
  readonly types?: readonly string[] | undefined;
  readonly stream?: string | undefined;
}

function filterOf({ categories, types, stream }: Filtered): LogFilter {
  const streamNames = stream === undefined ? undefined : [stream];
  return { categories, types, streamNames };
}

/** Behind a position, or before one; without either, the last events. */
async function readLog(context: ConsoleContext, c: ApiContext): Promise<Response> {
  const query = readQuery(c.req.raw, {
    ...FILTER,
    after: position.optional(),
    before: position.optional(),
    limit: limit(MOST, 50),
    payloads,
  });
  const access = grantAccess(c, query.payloads);
  const { after, before, limit: most } = query;
  if (after !== undefined && before !== undefined) {
    throw new Refusal(400, 'BAD_QUERY', 'Give "after" or "before", not both.');
  }
  const range = after === undefined ? { before } : { after };
  const { events: found, searchedTo } = await search(context, { ...range, filter: filterOf(query), limit: most });
  const events = fitting(found.map((event) => showEvent(event, access)));
  const isCut = events.length < found.length || found.length === most;
  const end = events.at(-1)?.globalPosition;
  const body: LogPage = {
    events,
    ...(isCut && end !== undefined ? { next: end } : {}),
    ...(isCut || searchedTo === undefined ? {} : { next: searchedTo, searchedTo }),
  };
  const of = { from: events[0]?.globalPosition ?? 0, to: end ?? 0, events: events.length };
  return withPayloads(c, context.auditor, { body, of });
}

interface Search {
  readonly after?: number | undefined;
  readonly before?: number | undefined;
  readonly filter: LogFilter;
  readonly limit: number;
}

interface Found {
  readonly events: readonly RecordedEvent[];
  /** Where the next search begins; undefined where the end was reached. */
  readonly searchedTo: number | undefined;
}

async function search({ storage, now }: ConsoleContext, { after, before, filter, limit }: Search): Promise<Found> {
  const { position: bound } = await storage.readBound();
  const isForwards = after !== undefined;
  const wanted: StorageFilter = {
    types: filter.types,
    categories: filter.categories,
    streamNames: filter.streamNames,
    streamPrefixes: undefined,
  };
  let range = {
    after: after ?? 0,
    upTo: isForwards || before === undefined ? bound : Math.min(bound, Math.max(0, before - 1)),
  };
  const events: RecordedEvent[] = [];
  const begun = now();
  while (range.after < range.upTo && events.length < limit) {
    const page = await storage.readLogPage({
      ...range,
      filter: wanted,
      direction: isForwards ? 'forwards' : 'backwards',
      limit: limit - events.length,
    });
    events.push(...page.events);
    range = isForwards ? { ...range, after: page.searchedTo } : { ...range, upTo: page.searchedTo };
    if (now() - begun >= LONGEST_SEARCH) break;
  }
  if (range.after >= range.upTo) return { events, searchedTo: undefined };
  return { events, searchedTo: isForwards ? range.after : range.upTo + 1 };
}

/** From now on. In full, it is audited once: for as long as it is open. */
async function tail(context: ConsoleContext, c: ApiContext): Promise<Response> {
  const query = readQuery(c.req.raw, { ...FILTER, payloads });
  const access = grantAccess(c, query.payloads);
  const { user, isStillAllowed } = c.var;
  const { stored, limits, auditor, heartbeat, closing, onError } = context;
  const filter = filterOf(query);
  if (access === 'full') {
    const { categories = [], types = [], streamNames = [] } = filter;
    const of = { categories: [...categories], types: [...types], streamNames: [...streamNames] };
    await auditor.viewed(user, 'payloads', { ...of, endpoint: c.req.path });
  }
  const leave = limits.openStream(user.name);
  return eventStream({
    heartbeat,
    mayGoOn: isStillAllowed,
    signal: closing,
    begin: (stream) => {
      const stop = sendTail(stream, {
        stored,
        filter,
        access,
        onError: (error) => onError(error, 'the live tail has ended'),
      });
      return () => {
        stop();
        leave();
      };
    },
  });
}
