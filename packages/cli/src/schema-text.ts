import type { BrokenShape, ShapeChange, TypeHistory, VersionHistory } from 'mink';
import { counted } from './counted.ts';
import { jsonText } from './json-text.ts';
import { escapeControls } from './terminal-text.ts';

/** What would break, for people. */
export function brokenText(broken: BrokenShape): string {
  const { category, type, schemaVersion, shape, step, fold, event, sample } = broken;
  const where =
    event === undefined
      ? `made-up value ${jsonText(sample)}`
      : `${event.streamName} version ${event.streamVersion} (position ${event.globalPosition})`;
  const lines = [
    `${category} ${type} version ${schemaVersion} ${shape}`,
    `  ${step}${fold === undefined || fold === category ? '' : ` of ${fold}`}: ${reasonOf(broken)}`,
    `  ${where}`,
  ];
  return lines.map((line) => `${escapeControls(line)}\n`).join('');
}

/** What would break, for machines. */
export function shownBroken({ error, ...broken }: BrokenShape): object {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return { ...broken, code, reason: reasonOf({ error }) };
}

function reasonOf({ error }: Pick<BrokenShape, 'error'>): string {
  return error instanceof Error ? error.message : String(error);
}

/** How payloads have changed, as Markdown. */
export function changelogText(history: readonly TypeHistory[]): string {
  const lines: string[] = ['# Changes of events', ''];
  let category: string | undefined;
  for (const type of history) {
    if (type.category !== category) lines.push(`## ${type.category}`, '');
    category = type.category;
    lines.push(`### ${type.type}`, '', todayText(type.today), '');
    for (const version of type.versions) lines.push(...versionLines(version), '');
  }
  return lines.map((line) => `${escapeControls(line)}\n`).join('');
}

function todayText(today: TypeHistory['today']): string {
  switch (today.kind) {
    case 'written':
      return `Written today, as version ${today.schemaVersion}.`;
    case 'renamed':
      return `Read as \`${today.to}\`.`;
    case 'split':
      return 'Read as several events.';
    case 'dropped':
      return `Passed over: ${today.reason}.`;
    case 'unknown':
      return 'Not known to this code.';
  }
}

function versionLines({ schemaVersion, shape, eventCount, recordedAt, changes }: VersionHistory): readonly string[] {
  const since = new Date(recordedAt).toISOString().slice(0, 10);
  const events = eventCount === 0 ? '' : `, ${counted(eventCount, 'event')}`;
  return [`- **Version ${schemaVersion}** since ${since}${events}: \`${shape}\``, ...changes.map(changeText)];
}

function changeText({ path, change, before, after }: ShapeChange): string {
  const name = path === '' ? 'the payload' : `\`${path}\``;
  switch (change) {
    case 'added':
      return `  - ${name} added: \`${after}\``;
    case 'removed':
      return `  - ${name} removed: it was \`${before}\``;
    case 'changed':
      return `  - ${name} changed from \`${before}\` to \`${after}\``;
    default:
      return `  - ${name} ${change}`;
  }
}
