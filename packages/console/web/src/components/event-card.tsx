import { useState } from 'preact/hooks';
import type { EventRecord } from '../../../src/api-types.ts';
import { maskedKind } from '../format/masked.ts';
import { count } from '../format/numbers.ts';
import { Link, pathOf } from '../routing/location.tsx';
import { Icon } from './icon.tsx';
import { Payload } from './payload.tsx';
import { TimeAgo } from './time-ago.tsx';

export interface EventCardProps {
  readonly event: EventRecord;
  readonly isOpen?: boolean;
  /** Whether its stream is named, where it is not that of the page. */
  readonly hasStream?: boolean;
}

/** An event in a line; its payload is opened on demand. */
export function EventCard({ event, isOpen: isOpenAtFirst = false, hasStream = true }: EventCardProps) {
  const [isOpen, setIsOpen] = useState(isOpenAtFirst);
  return (
    <article class="event" data-row tabIndex={-1} aria-label={`${event.type} at ${event.globalPosition}`}>
      <div class="event-head">
        <button
          type="button"
          class="event-toggle"
          aria-expanded={isOpen}
          aria-label={`${isOpen ? 'Hide' : 'Show'} payload of ${event.type} at ${event.globalPosition}`}
          onClick={() => setIsOpen(!isOpen)}
        >
          <Icon name="chevron" />
        </button>
        <span class="event-version number" title="Version in its stream">
          {count(event.streamVersion)}
        </span>
        <b class="event-type" title={event.type}>
          {event.type}
        </b>
        {event.schemaVersion !== 1 && <span class="tag">schema {event.schemaVersion}</span>}
        {hasStream && (
          <Link class="name event-stream" title={event.streamName} to={pathOf('streams', event.streamName)}>
            {event.streamName}
          </Link>
        )}
        <span class="preview" aria-hidden="true">
          {isOpen ? '' : previewOf(event.data)}
        </span>
        <span class="event-end">
          <TimeAgo at={event.recordedAt} />
          <Link to={pathOf('events', event.globalPosition)} title="Why it happened, and what followed">
            {count(event.globalPosition)}
          </Link>
        </span>
      </div>
      {isOpen && <Payload event={event} />}
    </article>
  );
}

const PREVIEW = 160;

const withoutMasks = (json: string): string => json.replaceAll(/"‹(?<kind>[a-z]+)›"/gu, '$<kind>');

/** The first fields of a payload in a line. */
function previewOf(data: unknown): string {
  if (typeof data !== 'object' || data === null) return data === undefined ? '' : String(JSON.stringify(data));
  const parts: string[] = [];
  let length = 0;
  for (const [name, value] of Object.entries(data)) {
    const part = `${name}: ${maskedKind(value) ?? withoutMasks(JSON.stringify(value))}`;
    length += part.length;
    parts.push(part.slice(0, PREVIEW));
    if (length > PREVIEW) break;
  }
  return parts.join('  ');
}
