import { explainEvent, type CauseNode, type CausingCommand, type RecordedEvent } from 'mink';
import type { PayloadAccess, Why, WhyCommand, WhyNode } from '../api-types.ts';
import type { ConsoleContext } from '../console-context.ts';
import { showEvent } from '../payloads/show.ts';

/** Where an event comes from, what else came of the same, and who has handled it. */
export async function explain(
  { store, projections, auditLog: audit, closing: signal }: ConsoleContext,
  { globalPosition }: RecordedEvent,
  access: PayloadAccess,
): Promise<Why> {
  const why = await explainEvent(store, globalPosition, { projections, audit, signal });
  return {
    event: showEvent(why.event, access),
    ...(why.command === undefined ? {} : { command: showCommand(why.command) }),
    nodes: why.nodes.map(showNode),
    projections: why.handlings,
    searchedTo: why.searchedTo,
    isComplete: why.isComplete,
  };
}

function showCommand({ id, type, userId, at, status }: CausingCommand): WhyCommand {
  return {
    id,
    ...(type === undefined ? {} : { type }),
    ...(userId === undefined ? {} : { userId }),
    ...(at === undefined ? {} : { at: at.getTime() }),
    ...(status === undefined ? {} : { status }),
  };
}

function showNode(node: CauseNode): WhyNode {
  const { id, kind, causedBy } = node;
  const cause = causedBy === undefined ? {} : { causedBy };
  if (kind === 'command') return { id, kind, label: node.type ?? 'command', ...cause };
  const { type, globalPosition, streamName, streamVersion, recordedAt } = node.event;
  return { id, kind, label: type, ...cause, event: { globalPosition, streamName, streamVersion, type, recordedAt } };
}
