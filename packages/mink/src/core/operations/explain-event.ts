import { InvalidArgumentError } from '../errors.ts';
import { eventsAt } from '../projections/events-at.ts';
import type { AnyProjection } from '../projections/define-sql-projection.ts';
import { contextOf, type StoreOfEngine } from '../projections/projection-engine.ts';
import type { EventStorage, RecordedEvent } from '../storage/event-storage.ts';
import { checkWhole } from '../store/read-options.ts';
import { handlingsOf, type EventHandling } from './event-handlings.ts';
import { findCorrelated } from './find-correlated.ts';
import type { StoredAuditEntry } from './operations-storage.ts';
import { storeOperations, type AuditLog } from './store-operations.ts';

/** Options of {@link explainEvent}. */
export interface ExplainEventOptions {
  /** Code of projections: who reads the event, and what has become of it there. */
  readonly projections?: readonly AnyProjection[] | undefined;
  /**
   * Where commands are written down.
   * @defaultValue the audit log of the store
   */
  readonly audit?: Pick<AuditLog, 'list'> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Where an event comes from, what else came of the same, and who has handled it. */
export interface ExplainedEvent {
  readonly event: RecordedEvent;
  /** The command that has caused it; undefined where another event has, or nobody said what. */
  readonly command: CausingCommand | undefined;
  /** All that is known of its correlation, commands first, events in the order of the log: a tree by `causedBy`. */
  readonly nodes: readonly CauseNode[];
  readonly handlings: readonly EventHandling[];
  /** Up to here the log was searched for what belongs to it. */
  readonly searchedTo: number;
  /** Whether that is the end of the log. */
  readonly isComplete: boolean;
}

/** A command, as far as the audit log knows it. */
export interface CausingCommand {
  readonly id: string;
  readonly type: string | undefined;
  readonly userId: string | undefined;
  readonly at: Date | undefined;
  readonly status: StoredAuditEntry['status'] | undefined;
}

/** A command or an event, and the id of what has caused it; undefined for a root. */
export type CauseNode =
  | ({ readonly kind: 'command'; readonly causedBy: string | undefined } & CausingCommand)
  | {
      readonly kind: 'event';
      readonly id: string;
      readonly causedBy: string | undefined;
      readonly event: RecordedEvent;
    };

/** Events of one correlation that are told. */
const MOST_EVENTS = 200;
/** Positions before an event that are searched where its correlation does not say when it began. */
const LOOK_BACK = 50_000;
/** Milliseconds that clocks may differ. */
const MARGIN = 60_000;
const AUDITED = 200;
const NEAR = 1_000;

/**
 * Says why an event happened and what followed: the command and the events of its correlation, as far as metadata and the audit log
 * tell, and what projections have made of it. There is no index of metadata: a part of the log is searched, and the answer says which.
 *
 * Throws `InvalidArgumentError` where there is no event at the position.
 *
 * @example
 * const { command, nodes, handlings } = await explainEvent(store, 1200, { projections });
 */
export async function explainEvent(
  store: StoreOfEngine,
  position: number,
  options: ExplainEventOptions = {},
): Promise<ExplainedEvent> {
  const { projections = [], signal } = options;
  const context = contextOf(store, projections);
  const { storage } = context;
  const [event] = await eventsAt(storage, [checkWhole('position', position, 1)]);
  if (event === undefined) throw new InvalidArgumentError('position', `there is no event at ${position}`);
  const correlationId = textIn(event, 'correlationId');
  const audit = options.audit ?? (storage.operations && storeOperations(() => context).audit);
  const [related, commands, handlings] = await Promise.all([
    relatedTo(storage, event, { id: correlationId ?? event.id, signal }),
    commandsOf(audit, correlationId),
    handlingsOf(context, projections, event),
  ]);
  const events = withEvent(related.events, event);
  const { searchedTo, isComplete } = related;
  const command = commandOf(event, events, commands);
  return { event, command, nodes: nodesOf(events, commands), handlings, searchedTo, isComplete };
}

type Related = Awaited<ReturnType<typeof findCorrelated>>;

async function relatedTo(
  storage: EventStorage,
  event: RecordedEvent,
  { id, signal }: { readonly id: string; readonly signal: AbortSignal | undefined },
): Promise<Related> {
  const { operations } = storage;
  if (operations === undefined) return { events: [], searchedTo: event.globalPosition, isComplete: false };
  const after = await beginningOf(storage, event, id);
  const found = await findCorrelated(storage, operations, { correlationId: id, after, limit: MOST_EVENTS, signal });
  const root = id === event.id ? undefined : await rootOf(storage, found.events[0], id);
  return root === undefined ? found : { ...found, events: [root, ...found.events] };
}

/** The event that a correlation is named after, where it is one just before the first that it has led to. */
async function rootOf(
  storage: EventStorage,
  first: RecordedEvent | undefined,
  id: string,
): Promise<RecordedEvent | undefined> {
  if (first === undefined || textIn(first, 'causationId') !== id) return undefined;
  const filter = { types: undefined, categories: undefined, streamNames: undefined, streamPrefixes: undefined };
  const range = { after: Math.max(0, first.globalPosition - NEAR), upTo: first.globalPosition - 1 };
  const query = { ...range, filter, direction: 'backwards', limit: NEAR } as const;
  return (await storage.readLogPage(query)).events.find((it) => it.id === id);
}

/** Before the first event of a correlation: its id says when it was made, where it is a UUID of version 7. */
async function beginningOf(storage: EventStorage, { globalPosition }: RecordedEvent, id: string): Promise<number> {
  const madeAt = timeIn(id);
  if (madeAt === undefined) return Math.max(0, globalPosition - LOOK_BACK);
  const position = await storage.positionAt(new Date(madeAt - MARGIN), globalPosition);
  return Math.min(position, globalPosition - 1);
}

/** Milliseconds since 1970: the first 48 bits (RFC 9562). */
function timeIn(id: string): number | undefined {
  const isVersion7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/iu.test(id);
  return isVersion7 ? Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16) : undefined;
}

/** What the audit log knows of the commands of a correlation, by their ids: of each, its last line. */
async function commandsOf(
  audit: Pick<AuditLog, 'list'> | undefined,
  correlationId: string | undefined,
): Promise<ReadonlyMap<string, StoredAuditEntry>> {
  if (audit === undefined || correlationId === undefined) return new Map();
  const lines = await audit.list({ kinds: ['command'], correlationId, limit: AUDITED });
  return new Map(lines.toReversed().map((line) => [line.messageId, line]));
}

function withEvent(events: readonly RecordedEvent[], event: RecordedEvent): readonly RecordedEvent[] {
  if (events.some(({ id }) => id === event.id)) return events;
  return [...events, event].toSorted((left, right) => left.globalPosition - right.globalPosition);
}

function commandOf(
  event: RecordedEvent,
  events: readonly RecordedEvent[],
  commands: ReadonlyMap<string, StoredAuditEntry>,
): CausingCommand | undefined {
  const id = textIn(event, 'causationId');
  if (id === undefined || events.some((it) => it.id === id)) return undefined;
  return toCommand(id, commands.get(id));
}

function toCommand(id: string, line: StoredAuditEntry | undefined): CausingCommand {
  return { id, type: line?.type, userId: line?.userId, at: line?.at, status: line?.status };
}

/** A command for every cause that is no event, then the events; a command that an event has led to says so. */
function nodesOf(
  events: readonly RecordedEvent[],
  commands: ReadonlyMap<string, StoredAuditEntry>,
): readonly CauseNode[] {
  const ids = new Set(events.map(({ id }) => id));
  const causes = events.flatMap((event) => textIn(event, 'causationId') ?? []);
  const commandIds = new Set([...causes.filter((id) => !ids.has(id)), ...commands.keys()]);
  return [
    ...[...commandIds].map((id): CauseNode => {
      const line = commands.get(id);
      const cause = line?.details?.['causedBy'];
      return { kind: 'command', ...toCommand(id, line), causedBy: typeof cause === 'string' ? cause : undefined };
    }),
    ...events.map((event): CauseNode => {
      return { kind: 'event', id: event.id, causedBy: textIn(event, 'causationId'), event };
    }),
  ];
}

function textIn({ metadata }: RecordedEvent, name: 'causationId' | 'correlationId'): string | undefined {
  const value = metadata[name];
  return typeof value === 'string' ? value : undefined;
}
