import type { RecordedEvent, StoredAuditEntry } from 'mink';
import type { PayloadAccess, Why, WhyCommand, WhyNode } from '../api-types.ts';
import type { ConsoleContext } from '../console-context.ts';
import { showEvent } from '../payloads/show.ts';
import { handlersOf } from './handlers-of.ts';

/** Events of one correlation that are shown. */
const MOST_EVENTS = 200;
/** Positions before an event that are searched where its correlation does not say when it began. */
const LOOK_BACK = 50_000;
/** Milliseconds that clocks may differ. */
const MARGIN = 60_000;
const AUDITED = 200;

/** Where an event comes from, what else came of the same, and who has handled it. */
export async function explain(context: ConsoleContext, event: RecordedEvent, access: PayloadAccess): Promise<Why> {
  const correlationId = textIn(event, 'correlationId');
  const [related, commands, projections] = await Promise.all([
    correlatedOf(context, event, correlationId),
    commandsOf(context, correlationId),
    handlersOf(context, event),
  ]);
  const events = withEvent(related.events, event);
  const command = commandOf(event, events, commands);
  return {
    event: showEvent(event, access),
    ...(command === undefined ? {} : { command }),
    nodes: nodesOf(events, commands),
    projections,
    searchedTo: related.searchedTo,
    isComplete: related.isComplete,
  };
}

interface Related {
  readonly events: readonly RecordedEvent[];
  readonly searchedTo: number;
  readonly isComplete: boolean;
}

async function correlatedOf(
  context: ConsoleContext,
  event: RecordedEvent,
  correlationId: string | undefined,
): Promise<Related> {
  const { operations, closing } = context;
  const { globalPosition } = event;
  const id = correlationId ?? event.id;
  if (operations === undefined) return { events: [], searchedTo: globalPosition, isComplete: false };
  const after = await beginningOf(context, event, id);
  const found = await operations.correlated({ correlationId: id, after, limit: MOST_EVENTS, signal: closing });
  const root = id === event.id ? undefined : await rootOf(context, found.events[0], id);
  return root === undefined ? found : { ...found, events: [root, ...found.events] };
}

/** The event that a correlation is named after, where it is one just before the first that it has led to. */
async function rootOf(
  { storage }: ConsoleContext,
  first: RecordedEvent | undefined,
  id: string,
): Promise<RecordedEvent | undefined> {
  if (first === undefined || textIn(first, 'causationId') !== id) return undefined;
  const filter = { types: undefined, categories: undefined, streamNames: undefined, streamPrefixes: undefined };
  const range = { after: Math.max(0, first.globalPosition - NEAR), upTo: first.globalPosition - 1 };
  const query = { ...range, filter, direction: 'backwards', limit: NEAR } as const;
  return (await storage.readLogPage(query)).events.find((it) => it.id === id);
}

const NEAR = 1_000;

/** Before the first event of a correlation: its id says when it was made, where it is a UUID of version 7. */
async function beginningOf(
  { storage }: ConsoleContext,
  { globalPosition }: RecordedEvent,
  id: string,
): Promise<number> {
  const madeAt = timeIn(id);
  if (madeAt === undefined) return Math.max(0, globalPosition - LOOK_BACK);
  const position = await storage.positionAt(new Date(madeAt - MARGIN), globalPosition);
  return Math.min(position, globalPosition - 1);
}

function timeIn(id: string): number | undefined {
  const isVersion7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/iu.test(id);
  return isVersion7 ? Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16) : undefined;
}

/** What the audit log knows of the commands of a correlation, by their ids: of each, its last line. */
async function commandsOf(
  { auditLog }: ConsoleContext,
  correlationId: string | undefined,
): Promise<ReadonlyMap<string, StoredAuditEntry>> {
  if (auditLog === undefined || correlationId === undefined) return new Map();
  const lines = await auditLog.list({ kinds: ['command'], correlationId, limit: AUDITED });
  return new Map(lines.toReversed().map((line) => [line.messageId, line]));
}

function withEvent(events: readonly RecordedEvent[], event: RecordedEvent): readonly RecordedEvent[] {
  if (events.some(({ id }) => id === event.id)) return events;
  return [...events, event].toSorted((left, right) => left.globalPosition - right.globalPosition);
}

/** What an event was caused by, where that is no event. */
function commandOf(
  event: RecordedEvent,
  events: readonly RecordedEvent[],
  commands: ReadonlyMap<string, StoredAuditEntry>,
): WhyCommand | undefined {
  const id = textIn(event, 'causationId');
  if (id === undefined || events.some((it) => it.id === id)) return undefined;
  const line = commands.get(id);
  if (line === undefined) return { id };
  const { type, userId, at, status } = line;
  return { id, type, at: at.getTime(), status, ...(userId === undefined ? {} : { userId }) };
}

/** A command for every cause that is no event, then the events; a command that an event has led to says so. */
function nodesOf(
  events: readonly RecordedEvent[],
  commands: ReadonlyMap<string, StoredAuditEntry>,
): readonly WhyNode[] {
  const ids = new Set(events.map(({ id }) => id));
  const causes = events.flatMap((event) => textIn(event, 'causationId') ?? []);
  const commandIds = new Set([...causes.filter((id) => !ids.has(id)), ...commands.keys()]);
  return [
    ...[...commandIds].map((id): WhyNode => {
      const line = commands.get(id);
      const causedBy = line?.details?.['causedBy'];
      const node = { id, kind: 'command', label: line?.type ?? 'command' } as const;
      return typeof causedBy === 'string' ? { ...node, causedBy } : node;
    }),
    ...events.map((event): WhyNode => {
      const { id, type, globalPosition, streamName, streamVersion, recordedAt } = event;
      const causedBy = textIn(event, 'causationId');
      return {
        id,
        kind: 'event',
        label: type,
        ...(causedBy === undefined ? {} : { causedBy }),
        event: { globalPosition, streamName, streamVersion, type, recordedAt },
      };
    }),
  ];
}

function textIn({ metadata }: RecordedEvent, name: 'causationId' | 'correlationId'): string | undefined {
  const value = metadata[name];
  return typeof value === 'string' ? value : undefined;
}
