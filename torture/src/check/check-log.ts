import type { LoggedEvent } from '../history.ts';
import type { Finding } from './finding.ts';

/**
 * What holds for the log by itself: positions and ids are unique, versions are 1, 2, 3 … in every stream and rise with the
 * positions, times never fall within a stream, and the fields of a commit fit together.
 *
 * The log is everything that was committed at one moment, by position.
 */
export function checkLog(log: readonly LoggedEvent[]): readonly Finding[] {
  return [...checkUnique(log), ...checkStreams(log), ...checkCommits(log)];
}

/** The events of each stream, by position. */
export function byStream(log: readonly LoggedEvent[]): ReadonlyMap<string, readonly LoggedEvent[]> {
  return groupBy(log, ({ streamName }) => streamName);
}

function checkUnique(log: readonly LoggedEvent[]): readonly Finding[] {
  const findings: Finding[] = [];
  const ids = new Map<string, LoggedEvent>();
  let last = 0;
  for (const event of log) {
    const { position, id } = event;
    if (position <= last) {
      findings.push({
        ...where(event),
        kind: 'repeated',
        message: `position ${position} comes after position ${last}`,
      });
    }
    last = position;
    const first = ids.get(id);
    if (first !== undefined) {
      const message = `the event is in the log twice, at ${first.position} and ${position}`;
      findings.push({ ...where(event), kind: 'repeated', message });
    }
    ids.set(id, event);
  }
  return findings;
}

function checkStreams(log: readonly LoggedEvent[]): readonly Finding[] {
  const findings: Finding[] = [];
  for (const [streamName, events] of byStream(log)) {
    const versions = new Set(events.map(({ version }) => version));
    for (let version = 1; version <= events.length; version += 1) {
      if (versions.has(version)) continue;
      findings.push({ kind: 'gap', streamName, message: `version ${version} of ${events.length} is missing` });
    }
    let last: LoggedEvent | undefined;
    for (const event of events) {
      if (last !== undefined && event.version <= last.version) {
        const message = `version ${event.version} at ${event.position} comes after version ${last.version} at ${last.position}`;
        findings.push({ ...where(event), kind: event.version === last.version ? 'two_winners' : 'order', message });
      }
      if (last !== undefined && event.recordedAt < last.recordedAt) {
        const message = `recorded at ${event.recordedAt}, before version ${last.version} at ${last.recordedAt}`;
        findings.push({ ...where(event), kind: 'order', message });
      }
      last = event;
    }
  }
  return findings;
}

function checkCommits(log: readonly LoggedEvent[]): readonly Finding[] {
  const findings: Finding[] = [];
  for (const [commitId, events] of groupBy(log, (event) => event.commitId)) {
    const [first] = events;
    if (first === undefined) continue;
    const size = first.commitSize;
    if (events.length !== size) {
      const message = `commit ${commitId} has ${events.length} of its ${size} events`;
      findings.push({ ...where(first), kind: 'torn', message });
    }
    if (first.position !== commitId) {
      findings.push({ ...where(first), kind: 'torn', message: `commit ${commitId} begins at ${first.position}` });
    }
    for (const [index, event] of events.entries()) {
      const fits = event.commitIndex === index && event.commitSize === size && event.recordedAt === first.recordedAt;
      if (!fits) {
        const message = `event ${index} of commit ${commitId} says index ${event.commitIndex} of ${event.commitSize}, recorded at ${event.recordedAt}`;
        findings.push({ ...where(event), kind: 'torn', message });
      }
    }
  }
  return findings;
}

export function where({ id, position, streamName, origin }: LoggedEvent): Omit<Finding, 'kind' | 'message'> {
  return { eventId: id, position, streamName, ...(origin === undefined ? {} : { attempt: origin.attempt }) };
}

export function groupBy<K, T>(items: readonly T[], key: (item: T) => K): ReadonlyMap<K, readonly T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group === undefined) groups.set(key(item), [item]);
    else group.push(item);
  }
  return groups;
}
