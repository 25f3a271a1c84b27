import { jsonText } from './json-text.ts';
import type { ShownEvent } from './read-past-unknown.ts';
import type { Column } from './table.ts';
import { escapeControls } from './terminal-text.ts';

const NOT_DEFINED = "(the config's store does not define this type; --url reads it as it is stored)";

/** The columns of {@link eventRow}. */
export const EVENT_COLUMNS: readonly Column[] = [
  { title: 'POSITION', align: 'right' },
  { title: 'RECORDED' },
  { title: 'STREAM' },
  { title: 'VERSION', align: 'right' },
  { title: 'TYPE' },
  { title: 'DATA' },
];

/** An event as a row of a table. */
export function eventRow(event: ShownEvent): readonly string[] {
  const stream = event.streamName ?? `${event.category}-?`;
  const version = String(event.streamVersion ?? '?');
  const [recorded, data] =
    'unknownType' in event ? ['?', NOT_DEFINED] : [event.recordedAt.toISOString(), jsonText(event.data)];
  return [String(event.globalPosition), recorded, stream, version, event.type, data];
}

/** An event as one line of JSON. */
export function eventJson(event: ShownEvent): string {
  const { globalPosition, streamName, streamVersion, category, type } = event;
  const place = { globalPosition, streamName, streamVersion, category, type };
  if ('unknownType' in event) return jsonText({ ...place, unknownType: true });
  const { id, recordedAt, schemaVersion, data, metadata } = event;
  return jsonText({ ...place, id, recordedAt, schemaVersion, data, metadata });
}

/** An event of a stream as a few lines. */
export function eventBlock(event: ShownEvent): string {
  const title = `#${event.streamVersion ?? '?'}  ${escapeControls(event.type)}`;
  const position = `position ${event.globalPosition}`;
  if ('unknownType' in event) return `${title}  ${position}\n    ${NOT_DEFINED}\n`;
  const metadata = Object.keys(event.metadata).length === 0 ? '' : `    metadata  ${jsonText(event.metadata)}\n`;
  const data = `    data      ${jsonText(event.data)}\n`;
  return `${title}  ${event.recordedAt.toISOString()}  ${position}\n${data}${metadata}`;
}
