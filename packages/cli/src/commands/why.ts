import type { Command } from 'commander';
import { explainEvent, type CauseNode, type EventHandling, type ExplainedEvent } from 'mink';
import { loadConfig } from '../config-file.ts';
import type { Context, GlobalOptions } from '../context.ts';
import { withStore } from '../database.ts';
import { interruptible } from '../interrupt.ts';
import { jsonText } from '../json-text.ts';
import { wholeFrom } from '../option-values.ts';
import { escapeControls } from '../terminal-text.ts';

const HELP = `
Examples:
  mink why 1200            the command that led to the event at this position, what followed, and who has handled it
  mink why 1200 --json

"mink events" and "mink stream" say which position an event has. What belongs together is found by correlationId and causationId of the
metadata, and by the audit log; who handles it, by "projections" of the config file. Payloads are not shown.
`;

export function addWhyCommand(program: Command, context: Context): void {
  program
    .command('why')
    .description('why an event happened, what followed from it, and which projections have handled it')
    .argument('<position>', 'its position in the log', wholeFrom(1))
    .addHelpText('after', HELP)
    .action((position: number, _options, command: Command) => why(context, position, command.optsWithGlobals()));
}

async function why(context: Context, position: number, options: GlobalOptions): Promise<void> {
  const { stdout, signal, cwd } = context;
  const { projections } = await loadConfig(cwd, options.config);
  await withStore(context, options, async (store) => {
    const explained = await interruptible(explainEvent(store, position, { projections, signal }), signal);
    const isKnown = projections.length > 0;
    await stdout.write(options.json === true ? `${jsonText(shown(explained))}\n` : textOf(explained, isKnown));
  });
}

/** Without payloads: they are no part of the answer. */
function shown({ event, nodes, ...explained }: ExplainedEvent): object {
  return { ...explained, event: placeOf(event), nodes: nodes.map(shownNode) };
}

function shownNode(node: CauseNode): object {
  if (node.kind === 'command') return node;
  const { event, ...rest } = node;
  return { ...rest, event: placeOf(event) };
}

function placeOf({ id, type, streamName, streamVersion, globalPosition, recordedAt }: ExplainedEvent['event']): object {
  const at = new Date(recordedAt).toISOString();
  return { id, type, streamName, streamVersion, globalPosition, recordedAt: at };
}

const UNREAD = 'No projection of the config file reads it.';
const UNKNOWN = 'Which projections read it is known with a config file that exports them.';

function textOf(explained: ExplainedEvent, hasProjections: boolean): string {
  const { event, handlings, searchedTo, isComplete } = explained;
  const lines = [
    ...treeOf(explained),
    '',
    ...(handlings.length === 0 ? [hasProjections ? UNREAD : UNKNOWN] : handlings.map(handlingText)),
    ...(isComplete ? [] : [`Searched up to position ${searchedTo}: there may be more.`]),
  ];
  const head = `Why ${event.type} of ${event.streamName}@${event.streamVersion}, position ${event.globalPosition}:`;
  return [head, '', ...lines].map((line) => `${escapeControls(line)}\n`).join('');
}

/** What has caused what, each below its cause; metadata may say that two have caused each other: then one of them comes first. */
function treeOf({ event, nodes }: ExplainedEvent): readonly string[] {
  const ids = new Set(nodes.map(({ id }) => id));
  const isRoot = ({ causedBy }: CauseNode): boolean => causedBy === undefined || !ids.has(causedBy);
  const below = (cause: string): readonly CauseNode[] => nodes.filter(({ causedBy }) => causedBy === cause);
  const lines: string[] = [];
  const seen = new Set<string>();
  for (const root of [...nodes.filter(isRoot), ...nodes]) {
    // A stack of our own: chains may be longer than calls may be nested.
    const stack = [{ node: root, depth: 0 }];
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      const { node, depth } = next;
      if (seen.has(node.id)) continue;
      seen.add(node.id);
      const mark = node.id === event.id ? '   <- this' : '';
      lines.push(`${'  '.repeat(Math.min(depth, MOST_DEPTH))}${nodeText(node)}${mark}`);
      stack.push(
        ...below(node.id)
          .toReversed()
          .map((child) => ({ node: child, depth: depth + 1 })),
      );
    }
  }
  return lines;
}

const MOST_DEPTH = 20;

function nodeText(node: CauseNode): string {
  if (node.kind === 'event') {
    const { type, streamName, streamVersion, globalPosition } = node.event;
    return `${type}  ${streamName}@${streamVersion}, position ${globalPosition}`;
  }
  const { id, type = 'command', userId, status } = node;
  const facts = [userId === undefined ? undefined : `by ${userId}`, status].filter((it) => it !== undefined);
  return `${type} (command ${id}${facts.length === 0 ? '' : `, ${facts.join(', ')}`})`;
}

function handlingText({ name, version, outcome, keys }: EventHandling): string {
  return `${name} ${version}: ${outcome}${keys.length === 0 ? '' : `, ${keys.join(', ')}`}`;
}
