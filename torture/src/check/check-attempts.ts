import { finalStatus, type AnsweredEvent, type Attempt, type LoggedEvent, type Outcome } from '../history.ts';
import { byStream, groupBy, where } from './check-log.ts';
import type { Finding } from './finding.ts';

/**
 * Whether the log is what the writers were told: every acknowledged append is there exactly once and as it was answered,
 * every refused one is not, one of unknown outcome is there as a whole or not at all; nothing else is there, and every
 * expectation that won was true.
 */
export function checkAttempts(attempts: readonly Attempt[], log: readonly LoggedEvent[]): readonly Finding[] {
  const stored = groupBy(log, ({ origin }) => origin?.attempt);
  const known = new Map(attempts.map((attempt) => [attempt.id, attempt]));
  const streams = byStream(log);
  const findings: Finding[] = [];
  for (const [id, events] of stored) {
    if (id !== undefined && known.has(id)) continue;
    for (const event of events) findings.push({ ...where(event), kind: 'phantom', message: 'nobody appended this' });
  }
  for (const attempt of attempts) {
    const events = stored.get(attempt.id) ?? [];
    const status = finalStatus(attempt);
    findings.push(...checkPresence(attempt, status, events), ...checkAnswers(attempt, events));
    if (events.length > 0) findings.push(...checkExpectations(attempt, events, streams));
    findings.push(...checkConflicts(attempt, streams));
  }
  return [...findings, ...checkWinners(attempts)];
}

/** Exactly once, all or nothing, or not at all. */
function checkPresence(
  attempt: Attempt,
  status: Outcome['status'] | 'pending',
  events: readonly LoggedEvent[],
): readonly Finding[] {
  const findings: Finding[] = [];
  const size = attempt.entries.reduce((sum, { types }) => sum + types.length, 0);
  const answers = answeredEvents(attempt);
  if (status === 'conflict' || status === 'refused') {
    for (const event of events) {
      const message = `attempt ${attempt.id} was told ${status}, but the event is stored`;
      findings.push({ ...where(event), kind: 'phantom', message });
    }
    return findings;
  }
  const counts = new Map<number, number>();
  for (const event of events) {
    const index = event.origin?.index ?? -1;
    const count = (counts.get(index) ?? 0) + 1;
    counts.set(index, count);
    if (count > 1) {
      const message = `event ${index} of attempt ${attempt.id} is stored ${count} times`;
      findings.push({ ...where(event), kind: 'repeated', message });
    }
  }
  if (events.length > 0 && new Set(events.map(({ commitId }) => commitId)).size > 1) {
    findings.push({ kind: 'torn', attempt: attempt.id, message: `attempt ${attempt.id} is in several commits` });
  }
  for (let index = 0; index < size; index += 1) {
    if (counts.has(index)) continue;
    if (status === 'acknowledged') {
      const answer = answers[index];
      findings.push({
        kind: 'lost',
        attempt: attempt.id,
        message: `attempt ${attempt.id} was acknowledged, but its event ${index} is not in the log`,
        ...(answer === undefined
          ? {}
          : { eventId: answer.id, position: answer.position, streamName: answer.streamName }),
      });
    } else if (events.length > 0) {
      const message = `attempt ${attempt.id} (${status}) is stored without its event ${index}`;
      findings.push({ kind: 'torn', attempt: attempt.id, message });
    }
  }
  return findings;
}

/** What every answer said, the answers to repeats included. */
function checkAnswers(attempt: Attempt, events: readonly LoggedEvent[]): readonly Finding[] {
  const findings: Finding[] = [];
  for (const outcome of attempt.outcomes) {
    if (outcome.status !== 'acknowledged') continue;
    for (const [index, answer] of outcome.events.entries()) {
      const event = events.find(({ origin }) => origin?.index === index);
      if (event === undefined || isSame(answer, event)) continue;
      const message = `attempt ${attempt.id} was told ${describe(answer)}, stored is ${describe(event)}`;
      findings.push({ ...where(event), kind: 'answer', message });
    }
  }
  return findings;
}

function isSame(answer: AnsweredEvent, event: LoggedEvent): boolean {
  return (
    answer.id === event.id &&
    answer.streamName === event.streamName &&
    answer.version === event.version &&
    answer.position === event.position &&
    answer.recordedAt === event.recordedAt
  );
}

function describe({ id, streamName, version, position, recordedAt }: AnsweredEvent): string {
  return `${id} ${streamName}@${version} at ${position}, recorded ${recordedAt}`;
}

/** A stored append met its expectations, those of the streams it only checked included. */
function checkExpectations(
  attempt: Attempt,
  events: readonly LoggedEvent[],
  streams: ReadonlyMap<string, readonly LoggedEvent[]>,
): readonly Finding[] {
  const findings: Finding[] = [];
  const positions = events.map(({ position }) => position);
  const [first, last] = [Math.min(...positions), Math.max(...positions)];
  let next = 0;
  for (const { streamName, expectedVersion, types } of attempt.entries) {
    const own = events.filter(
      ({ origin }) => origin !== undefined && origin.index >= next && origin.index < next + types.length,
    );
    next += types.length;
    if (expectedVersion === 'any') continue;
    const stream = streams.get(streamName) ?? [];
    // The stream's row is locked from the check to the commit: what came before has lower positions, what came after higher.
    const before =
      types.length > 0
        ? Math.min(...own.map(({ version }) => version)) - 1
        : stream.filter(({ position }) => position < first).length;
    const between = types.length > 0 ? [] : stream.filter(({ position }) => position > first && position < last);
    const holds = expectedVersion === 'stream_exists' ? before > 0 : before === toNumber(expectedVersion);
    if (holds && between.length === 0) continue;
    const message = `attempt ${attempt.id} expected ${expectedVersion} and won, but the stream was at ${before}`;
    findings.push({ kind: types.length > 0 ? 'two_winners' : 'order', streamName, attempt: attempt.id, message });
  }
  return findings;
}

/** Whoever was told of a conflict lost to a version that exists and is not the expected one. */
function checkConflicts(attempt: Attempt, streams: ReadonlyMap<string, readonly LoggedEvent[]>): readonly Finding[] {
  const findings: Finding[] = [];
  for (const outcome of attempt.outcomes) {
    if (outcome.status !== 'conflict') continue;
    const { streamName, actualVersion } = outcome;
    const expected = attempt.entries.find((entry) => entry.streamName === streamName)?.expectedVersion;
    const length = streams.get(streamName)?.length ?? 0;
    const isTrue =
      expected === 'stream_exists'
        ? actualVersion === 0
        : expected !== undefined && expected !== 'any' && toNumber(expected) !== actualVersion;
    if (isTrue && actualVersion <= length) continue;
    const message = `attempt ${attempt.id} expected ${expected} and was told that the stream is at ${actualVersion}; it has ${length} events`;
    findings.push({ kind: 'answer', streamName, attempt: attempt.id, message });
  }
  return findings;
}

/** By the answers alone: no two appends were told that they have the same version, or the same position. */
function checkWinners(attempts: readonly Attempt[]): readonly Finding[] {
  const findings: Finding[] = [];
  const versions = new Map<string, string>();
  const positions = new Map<number, string>();
  for (const attempt of attempts) {
    for (const { id, streamName, version, position } of answeredEvents(attempt)) {
      const place = `${streamName}@${version}`;
      const other = versions.get(place) ?? attempt.id;
      if (other !== attempt.id) {
        const message = `attempts ${other} and ${attempt.id} were both told that they have ${place}`;
        findings.push({ kind: 'two_winners', streamName, eventId: id, attempt: attempt.id, message });
      }
      const owner = positions.get(position) ?? attempt.id;
      if (owner !== attempt.id) {
        const message = `attempts ${owner} and ${attempt.id} were both told that they have position ${position}`;
        findings.push({ kind: 'two_winners', streamName, eventId: id, position, attempt: attempt.id, message });
      }
      versions.set(place, attempt.id);
      positions.set(position, attempt.id);
    }
  }
  return findings;
}

function answeredEvents(attempt: Attempt): readonly AnsweredEvent[] {
  for (const outcome of attempt.outcomes) if (outcome.status === 'acknowledged') return outcome.events;
  return [];
}

function toNumber(expected: number | 'no_stream'): number {
  return expected === 'no_stream' ? 0 : expected;
}
