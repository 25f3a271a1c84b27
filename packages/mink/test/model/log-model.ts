import { isDeepStrictEqual } from 'node:util';
import type { ExpectedVersion, Hold } from '../../src/index.ts';

/** One stream of an append, as it is handed to the store. */
export interface EntryInput {
  readonly streamName: string;
  readonly events?: readonly EventInput[] | undefined;
  readonly expectedVersion?: ExpectedVersion | undefined;
  /** Values of unique sets that the stream holds from then on. */
  readonly holds?: readonly Hold[] | undefined;
}

export interface EventInput {
  readonly type: string;
  readonly data: unknown;
  readonly id?: string | undefined;
}

/** An event as the model knows it. Position and time are the store's own choice: learned once, then held to. */
export interface ModelEvent {
  readonly id: string;
  readonly type: string;
  readonly data: unknown;
  readonly streamName: string;
  readonly streamVersion: number;
  readonly globalPosition: number;
  /** Milliseconds since 1970. */
  readonly recordedAt: number;
  /** Number of the command it was part of. */
  readonly commit: number;
}

/** What a store must answer to an append. */
export type Verdict =
  | { readonly status: 'appended' }
  | { readonly status: 'repeated'; readonly streams: readonly (readonly ModelEvent[])[] }
  | { readonly status: 'refused'; readonly facts: Readonly<Record<string, unknown>> };

export interface LogCondition {
  readonly types?: readonly string[] | undefined;
  readonly categories?: readonly string[] | undefined;
  readonly streamNames?: readonly string[] | undefined;
  readonly streamPrefixes?: readonly string[] | undefined;
}

export const categoryOf = (streamName: string): string => streamName.slice(0, streamName.indexOf('-'));

/**
 * What an event store is, without anything that makes one fast, durable or concurrent: a list. Knows nothing of the
 * code it judges.
 */
export class LogModel {
  /** In the order of positions. */
  readonly log: ModelEvent[] = [];
  #commits = 0;

  copy(): LogModel {
    const copy = new LogModel();
    copy.log.push(...this.log);
    copy.#commits = this.#commits;
    return copy;
  }

  stream(streamName: string): readonly ModelEvent[] {
    return this.log.filter((event) => event.streamName === streamName);
  }

  version(streamName: string): number {
    return this.stream(streamName).length;
  }

  streamNames(): readonly string[] {
    const names = new Set(this.log.map(({ streamName }) => streamName));
    return [...names].toSorted((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)));
  }

  matching({ types, categories, streamNames, streamPrefixes }: LogCondition): readonly ModelEvent[] {
    return this.log.filter(
      ({ type, streamName }) =>
        (types === undefined || types.includes(type)) &&
        (categories === undefined || categories.includes(categoryOf(streamName))) &&
        (streamNames === undefined || streamNames.includes(streamName)) &&
        (streamPrefixes === undefined || streamPrefixes.some((prefix) => streamName.startsWith(prefix))),
    );
  }

  /** The last event of the log before the first one that was recorded after `time`. */
  lastUntil(time: number): number {
    const later = this.log.findIndex((event) => event.recordedAt > time);
    return (later === -1 ? this.log.at(-1) : this.log[later - 1])?.globalPosition ?? 0;
  }

  /** What must become of an append of well-formed input. Changes nothing. */
  judge(entries: readonly EntryInput[]): Verdict {
    const written = entries.flatMap(({ streamName, events = [] }) => events.map((event) => ({ streamName, event })));
    const names = entries.map(({ streamName }) => streamName);
    if (written.length === 0) return { status: 'refused', facts: { code: 'NO_EVENTS', streamName: names.join(', ') } };
    return this.judgeIds(entries) ?? this.judgeVersions(entries) ?? { status: 'appended' };
  }

  /** What follows from events that are stored already; undefined if none is. */
  judgeIds(entries: readonly EntryInput[]): Verdict | undefined {
    const size = entries.reduce((sum, { events = [] }) => sum + events.length, 0);
    const found = entries.map(({ streamName, events = [] }) =>
      events.map(({ id }) => this.stream(streamName).find((event) => event.id === id?.toLowerCase())),
    );
    const known = found.flat().filter((event) => event !== undefined);
    if (known.length === 0) return undefined;
    const isSame =
      known.length === size &&
      new Set(known.map(({ commit }) => commit)).size === 1 &&
      this.log.filter(({ commit }) => commit === known[0]?.commit).length === size &&
      entries.every(({ events = [] }, at) =>
        events.every((event, index) => {
          const first = found[at]?.[index];
          const before = found[at]?.[index - 1];
          return (
            first?.type === event.type &&
            isDeepStrictEqual(first.data, event.data) &&
            first.streamVersion > (before?.streamVersion ?? 0)
          );
        }),
      );
    if (isSame) {
      const streams = found.map((events) => events.filter((event) => event !== undefined));
      return { status: 'repeated', streams };
    }
    const at = found.findIndex((events) => events.some((event) => event !== undefined));
    const eventIds = found[at]?.flatMap((event) => (event === undefined ? [] : [event.id]));
    const streamName = entries[at]?.streamName;
    return { status: 'refused', facts: { code: 'IDEMPOTENCY_MISMATCH', streamName, eventIds } };
  }

  /** The first expectation that is wrong. */
  judgeVersions(entries: readonly EntryInput[]): Verdict | undefined {
    for (const { streamName, expectedVersion = 'any' } of entries) {
      const actualVersion = this.version(streamName);
      const holds =
        expectedVersion === 'any' ||
        (expectedVersion === 'stream_exists' && actualVersion > 0) ||
        (expectedVersion === 'no_stream' ? actualVersion === 0 : actualVersion === expectedVersion);
      if (holds) continue;
      const facts = { code: 'CONCURRENCY_CONFLICT', streamName, expectedVersion, actualVersion };
      return { status: 'refused', facts };
    }
    return undefined;
  }

  /** Takes over an append that was judged to be right, with what the store chose for each event, in order. */
  add(
    entries: readonly EntryInput[],
    chosen: readonly Pick<ModelEvent, 'id' | 'globalPosition' | 'recordedAt'>[],
  ): readonly (readonly ModelEvent[])[] {
    this.#commits += 1;
    let next = 0;
    return entries.map(({ streamName, events = [] }) => {
      const before = this.version(streamName);
      return events.map(({ type, data }, index) => {
        const { id, globalPosition, recordedAt } = chosen[next] ?? { id: '', globalPosition: 0, recordedAt: 0 };
        next += 1;
        const streamVersion = before + index + 1;
        const added = { id, type, data, streamName, streamVersion, globalPosition, recordedAt, commit: this.#commits };
        this.log.push(added);
        return added;
      });
    });
  }

  /** Independent of what the store may choose: two stores that were told the same must be equal in it. */
  shape(): unknown {
    return this.log.map(({ type, data, streamName, streamVersion, commit }) => [
      streamName,
      streamVersion,
      type,
      data,
      commit,
    ]);
  }
}
