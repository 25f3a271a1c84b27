import { parseRecord, textIn, toRecord, type JsonRecord } from '../processes/json.ts';
import type { CommandData, CommandType } from './accounts.ts';

/** A command as it was made, once for all times it is sent. */
export interface PlannedCommand {
  readonly id: string;
  readonly type: CommandType;
  readonly data: CommandData;
}

/** An event that a sender was told of. */
export interface ToldEvent {
  readonly id: string;
  readonly position: number;
}

/** What a sender was told. */
export type CommandAnswer =
  /** It took effect: `content` is all of the result, as text, so that answers can be compared. */
  | { readonly status: 'done'; readonly events: readonly ToldEvent[]; readonly content: string }
  /** A rule was against it, for all time. */
  | { readonly status: 'refused'; readonly content: string }
  /** Another stream has the value; it may be sent again, and may succeed then. */
  | { readonly status: 'taken'; readonly content: string }
  /** Nobody knows, or nothing was done: the connection broke, the server was away, too many were at it. */
  | { readonly status: 'open'; readonly reason: string };

/** What is known of a command in the end. */
export interface CommandHistory extends PlannedCommand {
  readonly answers: readonly GivenAnswer[];
}

/** An answer, and whether it was asked for when a last word had been said already. */
export type GivenAnswer = CommandAnswer & { readonly isRepeat: boolean };

/** An answer as a line of a journal. */
export function toLine(attempt: number, answer: CommandAnswer): string {
  return JSON.stringify({ line: 'answer', attempt, ...answer });
}

export function toAnswer(record: JsonRecord): CommandAnswer {
  const status = textIn(record, 'status');
  switch (status) {
    case 'done': {
      const content = textIn(record, 'content');
      return { status, content, events: eventsIn(content) };
    }
    case 'refused':
    case 'taken':
      return { status, content: textIn(record, 'content') };
    default:
      return { status: 'open', reason: textIn(record, 'reason') };
  }
}

/** Of a decider's result, or of one with several streams. */
function eventsIn(content: string): readonly ToldEvent[] {
  const result = parseRecord(content) ?? {};
  const streams = Array.isArray(result['streams'])
    ? result['streams'].map((stream) => toRecord(stream) ?? {})
    : [result];
  return streams
    .flatMap(({ events }) => (Array.isArray(events) ? events : []))
    .map((event) => {
      const { id, globalPosition } = toRecord(event) ?? {};
      return { id: String(id), position: Number(globalPosition) };
    });
}
