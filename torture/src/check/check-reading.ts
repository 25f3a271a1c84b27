import type { DeliveredEvent, LoggedEvent } from '../history.ts';
import type { Finding } from './finding.ts';

/** What one reader was given, from where it began until it ended or was looked at. */
export interface Reading {
  readonly reader: string;
  /** It began after this position. */
  readonly after: number;
  readonly matches: (event: LoggedEvent) => boolean;
  /** In the order they came. */
  readonly delivered: readonly DeliveredEvent[];
}

/**
 * Whether a reader was given every matching event after its start exactly once and in order.
 *
 * `upTo` is the position it had to reach; without it, as for a reader that was killed, what it was given must be the
 * beginning of what matches. Deliveries beyond `upTo` are not judged: the log given here may be older than they are.
 */
export function checkReading(
  { reader, after, matches, delivered }: Reading,
  log: readonly LoggedEvent[],
  upTo?: number,
): readonly Finding[] {
  const findings: Finding[] = [];
  const end = upTo ?? delivered.reduce((highest, { position }) => Math.max(highest, position), after);
  const part = between(log, after, end);
  const expected = part.filter(matches);
  const logged = new Map(part.map((event) => [event.position, event]));
  const seen = new Set<number>();
  const versions = new Map<string, number>();
  let last = after;
  for (const event of delivered) {
    const { position, id, streamName, version } = event;
    if (position > end) continue;
    const facts = { reader, eventId: id, position, streamName };
    if (seen.has(position)) {
      findings.push({ ...facts, kind: 'repeated', message: `${reader} was given position ${position} twice` });
      continue;
    }
    seen.add(position);
    if (position <= last) {
      const message = `${reader} was given position ${position} after ${last}${last === after ? ', where it began' : ''}`;
      findings.push({ ...facts, kind: position <= after ? 'repeated' : 'order', message });
    }
    last = Math.max(last, position);
    if (version <= (versions.get(streamName) ?? 0)) {
      const message = `${reader} was given version ${version} of ${streamName} after version ${versions.get(streamName)}`;
      findings.push({ ...facts, kind: 'order', message });
    }
    versions.set(streamName, version);
    if (position <= after) continue;
    const stored = logged.get(position);
    if (stored === undefined || stored.id !== id || stored.streamName !== streamName || stored.version !== version) {
      findings.push({ ...facts, kind: 'phantom', message: `${reader} was given what is not stored at ${position}` });
    } else if (!matches(stored)) {
      findings.push({ ...facts, kind: 'unwanted', message: `${reader} was given what its filter excludes` });
    }
  }
  for (const { position, id, streamName } of expected) {
    if (seen.has(position)) continue;
    const message = `${reader}, which began after ${after} and is at ${last}, was never given position ${position}`;
    findings.push({ kind: 'lost', reader, eventId: id, position, streamName, message });
  }
  return findings;
}

/** The events above `after`, up to and with `end`; the log is by position, and often looked at in small parts. */
function between(log: readonly LoggedEvent[], after: number, end: number): readonly LoggedEvent[] {
  return log.slice(countUpTo(log, after), countUpTo(log, end));
}

function countUpTo(log: readonly LoggedEvent[], position: number): number {
  let [low, high] = [0, log.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((log[middle]?.position ?? Infinity) <= position) low = middle + 1;
    else high = middle;
  }
  return low;
}
