import { describe, expect, test } from 'vitest';
import { checkAttempts } from '../src/check/check-attempts.ts';
import { lostByControl } from '../src/check/check-control.ts';
import { checkLog } from '../src/check/check-log.ts';
import { checkReading } from '../src/check/check-reading.ts';
import { checkResumption } from '../src/check/check-resumption.ts';
import type { Finding } from '../src/check/finding.ts';
import { finalStatus, type Attempt, type DeliveredEvent, type LoggedEvent, type Outcome } from '../src/history.ts';

/** Two streams, three appends; the second has two events. Nothing is wrong with it. */
const log: readonly LoggedEvent[] = [
  logged({ position: 1, streamName: 'A-1', version: 1, attempt: 'w-1' }),
  logged({ position: 3, streamName: 'B-1', version: 1, attempt: 'w-2', commitId: 3, commitSize: 2 }),
  logged({
    position: 4,
    streamName: 'B-1',
    version: 2,
    attempt: 'w-2',
    index: 1,
    commitId: 3,
    commitIndex: 1,
    commitSize: 2,
  }),
  logged({ position: 6, streamName: 'A-1', version: 2, attempt: 'w-3' }),
];
const attempts: readonly Attempt[] = [
  attempt('w-1', [{ streamName: 'A-1', expectedVersion: 'no_stream', types: ['T'] }], acknowledged(0)),
  attempt('w-2', [{ streamName: 'B-1', expectedVersion: 'any', types: ['T', 'T'] }], acknowledged(1, 2)),
  attempt('w-3', [{ streamName: 'A-1', expectedVersion: 1, types: ['T'] }], acknowledged(3)),
];

function logged(
  fields: Pick<LoggedEvent, 'position' | 'streamName' | 'version'> &
    Partial<LoggedEvent> & { readonly attempt: string; readonly index?: number },
): LoggedEvent {
  const { attempt: origin, index = 0, ...rest } = fields;
  return {
    id: `event-${fields.position}`,
    category: fields.streamName.split('-')[0] ?? '',
    type: 'T',
    recordedAt: 1_000,
    commitId: fields.position,
    commitIndex: 0,
    commitSize: 1,
    origin: { attempt: origin, index },
    ...rest,
  };
}

function attempt(id: string, entries: Attempt['entries'], ...outcomes: readonly Outcome[]): Attempt {
  return { id, entries, eventIds: undefined, outcomes };
}

function acknowledged(...indexes: readonly number[]): Outcome {
  return { status: 'acknowledged', events: indexes.map((index) => answerOf(at(index))) };
}

function answerOf({ id, streamName, version, position, recordedAt }: LoggedEvent) {
  return { id, streamName, version, position, recordedAt };
}

function at(index: number): LoggedEvent {
  const event = log[index];
  if (event === undefined) throw new Error(`no event ${index}`);
  return event;
}

/** The log with one event changed; undefined takes it out. */
function changed(index: number, change: Partial<LoggedEvent> | undefined): readonly LoggedEvent[] {
  return log.flatMap((event, other) => {
    if (other !== index) return [event];
    return change === undefined ? [] : [{ ...event, ...change }];
  });
}

function kinds(findings: readonly Finding[]): readonly string[] {
  return [...new Set(findings.map(({ kind }) => kind))].toSorted();
}

describe('the log by itself', () => {
  test('is right when nothing is wrong', () => {
    expect(checkLog(log)).toEqual([]);
    expect(checkAttempts(attempts, log)).toEqual([]);
  });

  test('an event that is stored twice is found', () => {
    const twice = [...log, logged({ position: 9, streamName: 'A-1', version: 3, attempt: 'w-9', id: 'event-6' })];
    expect(checkLog(twice)).toMatchObject([{ kind: 'repeated', eventId: 'event-6', position: 9 }]);
  });

  test('a position that comes twice is found', () => {
    expect(kinds(checkLog(changed(3, { position: 4, commitId: 4 })))).toEqual(['repeated']);
  });

  test('a version that is missing is found', () => {
    expect(checkLog(changed(3, { version: 3 }))).toMatchObject([{ kind: 'gap', streamName: 'A-1' }]);
  });

  test('two events with one version are found', () => {
    expect(kinds(checkLog(changed(3, { version: 1 })))).toEqual(['gap', 'two_winners']);
  });

  test('an order of positions that contradicts the versions is found', () => {
    const swapped = changed(0, { version: 2 }).map((event, index) => (index === 3 ? { ...event, version: 1 } : event));
    expect(checkLog(swapped)).toMatchObject([{ kind: 'order', streamName: 'A-1', position: 6 }]);
  });

  test('a time that falls within a stream is found, and one that falls elsewhere is nothing', () => {
    expect(checkLog(changed(3, { recordedAt: 999 }))).toMatchObject([{ kind: 'order', position: 6 }]);
    expect(checkLog(log.map((event) => (event.streamName === 'B-1' ? { ...event, recordedAt: 1 } : event)))).toEqual(
      [],
    );
  });

  test.each([
    ['is incomplete', changed(2, undefined)],
    ['has another size', changed(1, { commitSize: 3 })],
    ['counts wrongly', changed(2, { commitIndex: 5 })],
    ['begins elsewhere', log.map((event) => (event.commitId === 3 ? { ...event, commitId: 2 } : event))],
    ['has two times', changed(2, { recordedAt: 1_001 })],
  ])('a commit that %s is found', (_what, broken) => {
    expect(kinds(checkLog(broken))).toEqual(['torn']);
  });
});

describe('the log and what writers were told', () => {
  test('an acknowledged event that is not there is lost', () => {
    expect(checkAttempts(attempts, changed(3, undefined))).toMatchObject([
      { kind: 'lost', attempt: 'w-3', eventId: 'event-6', position: 6 },
    ]);
  });

  test('an acknowledged append that was stored twice is found', () => {
    const twice = [...log, logged({ position: 9, streamName: 'A-1', version: 3, attempt: 'w-3' })];
    expect(kinds(checkAttempts(attempts, twice))).toContain('repeated');
  });

  test('an event that nobody appended is found', () => {
    const foreign = [...log, logged({ position: 9, streamName: 'A-1', version: 3, attempt: 'nobody' })];
    expect(checkAttempts(attempts, foreign)).toMatchObject([{ kind: 'phantom', position: 9 }]);
    expect(checkAttempts(attempts, changed(0, { origin: undefined })).map(({ kind }) => kind)).toContain('phantom');
  });

  test.each([
    ['rolled back', { status: 'refused', reason: 'rolled back' } as const],
    ['lost to a conflict', { status: 'conflict', streamName: 'A-1', actualVersion: 2 } as const],
  ])('an append that was %s and is stored all the same is found', (_what, outcome) => {
    const told = attempts.map((each) => (each.id === 'w-3' ? attempt(each.id, each.entries, outcome) : each));
    expect(kinds(checkAttempts(told, log))).toEqual(['phantom']);
  });

  test('an append of unknown outcome may be there or not, but only as a whole', () => {
    for (const outcomes of [[], [{ status: 'unknown', eventIds: undefined } as const]]) {
      const told = attempts.map((each) => (each.id === 'w-2' ? attempt(each.id, each.entries, ...outcomes) : each));
      expect(checkAttempts(told, log)).toEqual([]);
      expect(
        checkAttempts(
          told,
          log.filter(({ streamName }) => streamName !== 'B-1'),
        ),
      ).toEqual([]);
      expect(kinds(checkAttempts(told, changed(2, undefined)))).toEqual(['torn']);
    }
  });

  test('an append in two commits is found', () => {
    expect(checkAttempts(attempts, changed(2, { commitId: 4 }))).toMatchObject([{ kind: 'torn', attempt: 'w-2' }]);
  });

  test('two winners of one version are found, by the answers and by the log', () => {
    const second = attempt('w-4', [{ streamName: 'A-1', expectedVersion: 1, types: ['T'] }], acknowledged(3));
    expect(kinds(checkAttempts([...attempts, second], log))).toContain('two_winners');
    const stored = [...log, logged({ position: 9, streamName: 'A-1', version: 3, attempt: 'w-4' })];
    const [winner] = stored.slice(-1).map(answerOf);
    const told = attempt('w-4', second.entries, {
      status: 'acknowledged',
      events: winner === undefined ? [] : [winner],
    });
    expect(checkAttempts([...attempts, told], stored)).toMatchObject([{ kind: 'two_winners', attempt: 'w-4' }]);
  });

  test('an answer that is not what is stored is found, also when it came for a repeat', () => {
    for (const change of [{ version: 9 }, { position: 9 }, { recordedAt: 9 }, { id: 'other' }]) {
      const wrong: Outcome = { status: 'acknowledged', events: [{ ...answerOf(at(3)), ...change }] };
      const told = attempts.map((each) =>
        each.id === 'w-3' ? { ...each, outcomes: [...each.outcomes, wrong] } : each,
      );
      expect(kinds(checkAttempts(told, log))).toEqual(['answer']);
    }
  });

  test.each([
    ['a version that was another', 1, 'order'],
    ['a stream that was not there', 'stream_exists', 'order'],
    ['no stream where there was one', 0, undefined],
  ] as const)('an append that only checked %s', (_what, expectedVersion, kind) => {
    // At the time of the second append, C-1 does not exist.
    const entries = [...(attempts[1]?.entries ?? []), { streamName: 'C-1', expectedVersion, types: [] }];
    const told = attempts.map((each) => (each.id === 'w-2' ? { ...each, entries } : each));
    const later = [...log, logged({ position: 9, streamName: 'C-1', version: 1, attempt: 'w-9' })];
    const all = [...told, attempt('w-9', [{ streamName: 'C-1', expectedVersion: 'any', types: ['T'] }])];
    expect(kinds(checkAttempts(all, later))).toEqual(kind === undefined ? [] : [kind]);
  });

  test('a stream that grew while an append only checked it is found', () => {
    const entries = [...(attempts[1]?.entries ?? []), { streamName: 'C-1', expectedVersion: 0, types: [] }];
    const told = attempts.map((each) => (each.id === 'w-2' ? { ...each, entries } : each));
    const moved = log.map((event) => (event.position === 4 ? { ...event, position: 5 } : event));
    const within = [...moved, logged({ position: 4, streamName: 'C-1', version: 1, attempt: 'w-9' })].toSorted(
      (one, other) => one.position - other.position,
    );
    const all = [...told, attempt('w-9', [{ streamName: 'C-1', expectedVersion: 'any', types: ['T'] }])];
    expect(kinds(checkAttempts(all, within))).toContain('order');
  });

  test('a conflict with the expected version, or with one that never was, is found', () => {
    for (const actualVersion of [1, 7]) {
      const entries = [{ streamName: 'A-1', expectedVersion: 1, types: ['T'] }];
      const lost = attempt('w-4', entries, { status: 'conflict', streamName: 'A-1', actualVersion });
      expect(checkAttempts([...attempts, lost], log)).toMatchObject([{ kind: 'answer', attempt: 'w-4' }]);
    }
  });

  test('of several answers, one acknowledgement decides, then a conflict, then that nothing is known', () => {
    const refused = { status: 'refused', reason: 'no connection' } as const;
    const unknown = { status: 'unknown', eventIds: undefined } as const;
    const conflict = { status: 'conflict', streamName: 'A-1', actualVersion: 2 } as const;
    expect(finalStatus(attempt('a', []))).toBe('pending');
    expect(finalStatus(attempt('a', [], unknown, refused))).toBe('unknown');
    expect(finalStatus(attempt('a', [], unknown, conflict))).toBe('conflict');
    expect(finalStatus(attempt('a', [], acknowledged(0), unknown, refused))).toBe('acknowledged');
  });
});

describe('what a reader was given', () => {
  const given = log.map(({ position, id, streamName, version }): DeliveredEvent => ({
    position,
    id,
    streamName,
    version,
  }));
  const reading = { reader: 'r', after: 0, matches: () => true, delivered: given };

  test('is right when it is the log, or what matches, or the beginning for a reader that was killed', () => {
    expect(checkReading(reading, log, 6)).toEqual([]);
    const onlyA = { ...reading, matches: ({ category }: LoggedEvent) => category === 'A' };
    expect(
      checkReading({ ...onlyA, delivered: given.filter(({ streamName }) => streamName === 'A-1') }, log, 6),
    ).toEqual([]);
    expect(checkReading({ ...reading, delivered: given.slice(0, 2) }, log)).toEqual([]);
    expect(checkReading({ ...reading, after: 3, delivered: given.slice(2) }, log, 6)).toEqual([]);
  });

  test.each([0, 1, 2, 3])('an event that it was not given is lost: the one at index %i', (index) => {
    const delivered = given.filter((_, other) => other !== index);
    expect(checkReading({ ...reading, delivered }, log, 6)).toMatchObject([
      { kind: 'lost', reader: 'r', position: log[index]?.position, eventId: log[index]?.id },
    ]);
  });

  test('an event that a killed reader had passed is lost, one that it had not reached is not', () => {
    const delivered = given.filter(({ position }) => position === 1 || position === 4);
    expect(checkReading({ ...reading, delivered }, log)).toMatchObject([{ kind: 'lost', position: 3 }]);
  });

  test('an event that it was given twice is found', () => {
    const delivered = [...given.slice(0, 2), ...given.slice(1)];
    expect(checkReading({ ...reading, delivered }, log, 6)).toMatchObject([{ kind: 'repeated', position: 3 }]);
  });

  test('an event from before its start is found', () => {
    expect(checkReading({ ...reading, after: 3 }, log, 6)).toMatchObject([
      { kind: 'repeated', position: 1 },
      { kind: 'repeated', position: 3 },
    ]);
  });

  test('events in another order are found', () => {
    const [first, second, third, fourth] = given;
    const delivered = [first, third, second, fourth].flatMap((event) => (event === undefined ? [] : [event]));
    expect(kinds(checkReading({ ...reading, delivered }, log, 6))).toEqual(['order']);
  });

  test('an event that is not stored, or is another one, is found', () => {
    const other = given.map((event, index) => (index === 1 ? { ...event, id: 'other' } : event));
    expect(checkReading({ ...reading, delivered: other }, log, 6)).toMatchObject([{ kind: 'phantom', position: 3 }]);
    const extra = [...given.slice(0, 3), { position: 5, id: 'e', streamName: 'X-1', version: 1 }, ...given.slice(3)];
    expect(checkReading({ ...reading, delivered: extra }, log, 6)).toMatchObject([{ kind: 'phantom', position: 5 }]);
  });

  test('an event that its filter excludes is found', () => {
    const onlyA = { ...reading, matches: ({ category }: LoggedEvent) => category === 'A' };
    expect(kinds(checkReading(onlyA, log, 6))).toEqual(['unwanted']);
  });

  test('a reader that goes on where it was is right, also when it died between handling a page and saying so', () => {
    const [one, two] = [given.slice(0, 2), given.slice(2)];
    expect(
      checkResumption('r', [
        { after: 0, pages: [one, two] },
        { after: 6, pages: [] },
      ]),
    ).toEqual([]);
    expect(
      checkResumption('r', [
        { after: 0, pages: [one, two] },
        { after: 3, pages: [two] },
        { after: 6, pages: [] },
      ]),
    ).toEqual([]);
    expect(
      checkResumption('r', [
        { after: 3, pages: [] },
        { after: 3, pages: [two] },
      ]),
    ).toEqual([]);
  });

  test('a reader that goes on further back than one page, or ahead of what it has handled, is found', () => {
    const [one, two] = [given.slice(0, 2), given.slice(2)];
    expect(
      checkResumption('r', [
        { after: 0, pages: [one, two] },
        { after: 0, pages: [] },
      ]),
    ).toMatchObject([{ kind: 'repeated' }]);
    expect(
      checkResumption('r', [
        { after: 0, pages: [one] },
        { after: 4, pages: [] },
      ]),
    ).toMatchObject([{ kind: 'lost' }]);
  });

  test('what a broken reader has passed is counted, what it has not reached is not', () => {
    expect(lostByControl({ cursor: 4, seen: new Set([1, 4]) }, log).map(({ position }) => position)).toEqual([3]);
  });
});
