import type { AnsweredEvent, AttemptEntry, AttemptStart, Outcome, Recorder } from '../history.ts';
import { listIn, numberIn, parseRecord, recordsIn, textIn, textsIn, toRecord, type JsonRecord } from './json.ts';
import { LinesReader, LinesWriter } from './lines-file.ts';

/** What a writer process does, line by line. An attempt stands there before it is sent. */
export class JournalWriter implements Recorder {
  readonly #lines: LinesWriter;

  constructor(path: string) {
    this.#lines = new LinesWriter(path);
    // Behind a line that was cut off, should there be one.
    this.#lines.write('');
  }

  begin(attempt: AttemptStart): void {
    this.#lines.write(JSON.stringify({ line: 'begin', ...attempt }));
  }

  settle(attemptId: string, outcome: Outcome): void {
    this.#lines.write(JSON.stringify({ line: 'settle', attemptId, ...outcome }));
  }

  unexpected(message: string): void {
    this.#lines.write(JSON.stringify({ line: 'unexpected', message }));
  }
}

/** Follows a journal, and tells a history what stands in it. */
export class JournalReader {
  readonly #lines: LinesReader;
  readonly #recorder: Recorder;

  constructor(path: string, recorder: Recorder) {
    this.#lines = new LinesReader(path);
    this.#recorder = recorder;
  }

  async refresh(): Promise<void> {
    for (const line of await this.#lines.read()) {
      const record = line === '' ? undefined : parseRecord(line);
      if (record !== undefined) this.#take(record);
    }
  }

  #take(record: JsonRecord): void {
    switch (textIn(record, 'line')) {
      case 'begin':
        this.#recorder.begin(toStart(record));
        break;
      case 'settle':
        this.#recorder.settle(textIn(record, 'attemptId'), toOutcome(record));
        break;
      default:
        this.#recorder.unexpected(textIn(record, 'message'));
    }
  }
}

function toStart(record: JsonRecord): AttemptStart {
  return {
    id: textIn(record, 'id'),
    entries: recordsIn(record, 'entries').map((entry): AttemptEntry => ({
      streamName: textIn(entry, 'streamName'),
      expectedVersion: toExpectedVersion(entry['expectedVersion']),
      types: textsIn(entry, 'types'),
    })),
    eventIds: record['eventIds'] === undefined ? undefined : textsIn(record, 'eventIds'),
  };
}

function toExpectedVersion(value: unknown): AttemptEntry['expectedVersion'] {
  if (typeof value === 'number' || value === 'no_stream' || value === 'stream_exists' || value === 'any') return value;
  throw new Error(`an expected version that is none: ${String(value)}`);
}

function toOutcome(record: JsonRecord): Outcome {
  const status = textIn(record, 'status');
  switch (status) {
    case 'acknowledged':
      return { status, events: listIn(record, 'events').map(toAnsweredEvent) };
    case 'conflict':
      return { status, streamName: textIn(record, 'streamName'), actualVersion: numberIn(record, 'actualVersion') };
    case 'unknown':
      return { status, eventIds: record['eventIds'] === undefined ? undefined : textsIn(record, 'eventIds') };
    default:
      return { status: 'refused', reason: textIn(record, 'reason') };
  }
}

function toAnsweredEvent(value: unknown): AnsweredEvent {
  const event = toRecord(value) ?? {};
  return {
    id: textIn(event, 'id'),
    streamName: textIn(event, 'streamName'),
    version: numberIn(event, 'version'),
    position: numberIn(event, 'position'),
    recordedAt: numberIn(event, 'recordedAt'),
  };
}
