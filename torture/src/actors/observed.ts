import type { StoredEvent } from 'mink';
import type { Reading } from '../check/check-reading.ts';
import type { Finding } from '../check/finding.ts';
import type { DeliveredEvent, LoggedEvent } from '../history.ts';

/** What a reader asks for. */
export interface Interest {
  readonly categories?: readonly string[];
  readonly types?: readonly string[];
  readonly streamPrefixes?: readonly string[];
}

/** A reader whose deliveries are written down, to be held against the log. */
export interface ObservedReader {
  readonly name: string;
  readonly interest: Interest;
  /** Fetches what a process or a table has written down; does nothing for a reader of this process. */
  refresh(): Promise<void>;
  /** The last position it was given. */
  position(): number;
  /** Each from a start of its own. The last one may still be going on. */
  readings(): readonly Reading[];
  /** What the reader itself, or how it went on, has done wrong. */
  ownFindings(): readonly Finding[];
  stop(): Promise<void>;
}

/** Whether an event is what the reader asked for, decided without the library. */
export function matcher({ categories, types, streamPrefixes }: Interest): (event: LoggedEvent) => boolean {
  return (event) =>
    (categories === undefined || categories.includes(event.category)) &&
    (types === undefined || types.includes(event.type)) &&
    (streamPrefixes === undefined || streamPrefixes.some((prefix) => event.streamName.startsWith(prefix)));
}

export function toDelivered({ globalPosition, id, streamName, streamVersion }: StoredEvent): DeliveredEvent {
  return { position: globalPosition, id, streamName, version: streamVersion };
}
